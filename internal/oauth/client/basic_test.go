package client_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func TestParseBasic(t *testing.T) {
	raw := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tc := range []struct {
		name, header, id, secret string
		ok                       bool
	}{
		{"plain", raw("id:secret"), "id", "secret", true},
		{"scheme in another case (RFC 9110 §11.1)", "bAsIc " + base64.StdEncoding.EncodeToString([]byte("id:secret")), "id", "secret", true},
		{"form-url-encoded (RFC 6749 §2.3.1)", raw("i%3Ad:s%2Bc+r%25"), "i:d", "s+c r%", true},
		{"colon in the secret", raw("id:a:b"), "id", "a:b", true},
		{"no secret", raw("id:"), "id", "", true},
		{"no colon", raw("id"), "", "", false},
		{"no id", raw(":secret"), "", "", false},
		{"bad escape", raw("id:%zz"), "", "", false},
		{"not base64", "Basic ***", "", "", false},
		{"base64 without padding", "Basic aWQ6eA", "", "", false},
		{"another scheme", "Bearer abc", "", "", false},
		{"scheme alone", "Basic", "", "", false},
		{"empty", "", "", "", false},
		{"too long", "Basic " + strings.Repeat("A", 9000), "", "", false},
	} {
		id, secret, ok := client.ParseBasic(tc.header)
		if id != tc.id || secret != tc.secret || ok != tc.ok {
			t.Errorf("%s: %q, %q, %v", tc.name, id, secret, ok)
		}
	}
}

func FuzzParseBasic(f *testing.F) {
	for _, s := range []string{"Basic aWQ6c2VjcmV0", "basic ", "Basic Og==", "Basic JTo=", "Bearer x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		id, secret, ok := client.ParseBasic(header)
		if !ok {
			if id != "" || secret != "" {
				t.Error("refused, and answered nevertheless")
			}
			return
		}
		again, secretAgain, ok := client.ParseBasic(basic(id, secret))
		if !ok && len(header) < 2000 || ok && (again != id || secretAgain != secret) {
			t.Errorf("%q, %q does not come through: %q, %q, %v", id, secret, again, secretAgain, ok)
		}
	})
}

func FuzzReadCredentials(f *testing.F) {
	f.Add("Basic aWQ6c2VjcmV0", "client_id=id&client_secret=x")
	f.Add("", "client_id=a&client_id=b")
	f.Add("", "client_assertion=a.b.c&client_assertion_type=x")
	f.Fuzz(func(t *testing.T, header, form string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		r.PostForm, _ = url.ParseQuery(form)
		c, err := client.ReadCredentials(r)
		if err != nil {
			return
		}
		if !oauth.AuthMethodKnown(c.Method) || c.ID == "" && c.Method != oauth.AuthPrivateKeyJWT {
			t.Errorf("%+v", c)
		}
	})
}

func TestReadCredentials(t *testing.T) {
	kind := oauth.AssertionTypeJWTBearer
	for _, tc := range []struct {
		name, header string
		form         url.Values
		want         client.Credentials
		err          error
	}{
		{"basic", basic("id", "x"), nil, client.Credentials{Method: "client_secret_basic", ID: "id", Secret: "x"}, nil},
		{"basic and the same client_id", basic("id", "x"), url.Values{"client_id": {"id"}}, client.Credentials{Method: "client_secret_basic", ID: "id", Secret: "x"}, nil},
		{"post", "", url.Values{"client_id": {"id"}, "client_secret": {"x"}}, client.Credentials{Method: "client_secret_post", ID: "id", Secret: "x"}, nil},
		{"none", "", url.Values{"client_id": {"id"}}, client.Credentials{Method: "none", ID: "id"}, nil},
		{"an empty secret counts as absent (RFC 6749 §3.2)", "", url.Values{"client_id": {"id"}, "client_secret": {""}}, client.Credentials{Method: "none", ID: "id"}, nil},
		{"assertion", "", url.Values{"client_assertion": {"a.b.c"}, "client_assertion_type": {kind}}, client.Credentials{Method: "private_key_jwt", Assertion: "a.b.c"}, nil},
		{"nothing", "", nil, client.Credentials{}, oauth.ErrInvalidClient},
		{"a secret without an id", "", url.Values{"client_secret": {"x"}}, client.Credentials{}, oauth.ErrInvalidClient},
		{"another scheme", "Bearer x", nil, client.Credentials{}, oauth.ErrInvalidClient},
		{"basic and post (RFC 6749 §2.3)", basic("id", "x"), url.Values{"client_secret": {"x"}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"basic and assertion", basic("id", "x"), url.Values{"client_assertion": {"a"}, "client_assertion_type": {kind}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"post and assertion", "", url.Values{"client_id": {"id"}, "client_secret": {"x"}, "client_assertion": {"a"}, "client_assertion_type": {kind}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"basic and another client_id", basic("id", "x"), url.Values{"client_id": {"other"}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"client_id twice (RFC 6749 §3.2)", "", url.Values{"client_id": {"a", "b"}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"client_secret twice", "", url.Values{"client_id": {"a"}, "client_secret": {"x", "x"}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"assertion of another type", "", url.Values{"client_assertion": {"a"}, "client_assertion_type": {"saml"}}, client.Credentials{}, oauth.ErrInvalidRequest},
		{"assertion type alone", "", url.Values{"client_assertion_type": {kind}}, client.Credentials{}, oauth.ErrInvalidRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "/oauth2/token?client_id=url&client_secret=url", nil)
		if tc.header != "" {
			r.Header.Set("Authorization", tc.header)
		}
		r.PostForm = tc.form
		got, err := client.ReadCredentials(r)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header["Authorization"] = []string{basic("a", "b"), basic("c", "d")}
	if _, err := client.ReadCredentials(r); !errors.Is(err, oauth.ErrInvalidRequest) {
		t.Errorf("two Authorization headers: %v", err)
	}
}
