package inspect

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// The form that is read by hand means what net/url says it means, where both accept it.
func FuzzQuestion(f *testing.F) {
	f.Add("token=abc&scope=a+b")
	f.Add("token=%41&x=1&&=&scope=")
	f.Add("%74oken=a&token=b")
	f.Add("token=a;b&scope=%zz")
	f.Fuzz(func(t *testing.T, form string) {
		got, err := parseQuestion(form)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(form)
		if err != nil {
			return // a parameter that we pass over may be malformed
		}
		if got.token != want.Get("token") || got.scope != want.Get("scope") || len(want["token"]) != 1 || len(want["scope"]) > 1 {
			t.Errorf("%q: %+v, want %v", form, got, want)
		}
	})
}

// A header brings a token, nothing, or a refusal, and a token has only the characters that tokens have.
func FuzzBearer(f *testing.F) {
	f.Add("Bearer abc", "GET", "")
	f.Add("bearer  a.b~c+/==", "POST", "access_token=x")
	f.Add("Basic YTpi", "POST", "access_token=x&access_token=y")
	f.Add("Bearer a b\x00", "POST", "%zz")
	f.Fuzz(func(t *testing.T, header, method, body string) {
		if method != "POST" {
			method = "GET"
		}
		r := httptest.NewRequest(method, "/userinfo", strings.NewReader(body))
		r.Header["Authorization"] = []string{header}
		r.Header.Set("Content-Type", formType)
		text, err := bearer(httptest.NewRecorder(), r)
		if err != nil && text != "" {
			t.Errorf("%q and an error", text)
		}
		fromHeader, err := bearerHeader([]string{header})
		if err == nil && strings.Trim(fromHeader, token68) != "" {
			t.Errorf("%q became %q", header, fromHeader)
		}
	})
}
