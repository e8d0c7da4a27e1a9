package token_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// A form is a stranger's: whatever it holds, it is read or refused, and what is read obeys RFC 6749 §3.2.
func FuzzReadForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "grant_type=client_credentials&scope=a+b", "")
	f.Add("application/x-www-form-urlencoded", "a=1&a=2&audience=x&audience=y&empty=", "client_id=1")
	f.Add("application/x-www-form-urlencoded; charset=utf-8", "%zz=%&;=&=&&", "%63lient_secret=x")
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nx\r\n--b--\r\n", "")
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n", "a;b")
	f.Fuzz(func(t *testing.T, contentType, body, query string) {
		r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		r.URL.RawQuery = query
		if err := token.ReadForm(httptest.NewRecorder(), r); err != nil {
			return
		}
		for name, values := range r.PostForm {
			if len(values) != 1 && name != "audience" && name != "resource" {
				t.Errorf("%q has %d values", name, len(values))
			}
			if len(values) == 1 && values[0] == "" {
				t.Errorf("%q is empty and there", name)
			}
		}
		if q, err := url.ParseQuery(query); err == nil && (q.Has("client_secret") || q.Has("code")) {
			t.Errorf("credentials in the query %q were let through", query)
		}
	})
}

// Whatever names and values are, what is written is JSON.
func FuzzObject(f *testing.F) {
	f.Add("name", "value")
	f.Add("\"", "\\")
	f.Add("\x00\xff", "<script>\u2028")
	f.Fuzz(func(t *testing.T, name, value string) {
		o := token.NewObject(0)
		o.String("s", value)
		o.Joined("j", []string{value, value})
		if err := o.Any(name, value); err != nil {
			t.Fatal(err)
		}
		if text := o.Bytes(); !json.Valid(text) {
			t.Errorf("not JSON: %s", text)
		}
	})
}
