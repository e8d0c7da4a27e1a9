package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

func basic(id, secret string) string { return oauth.FormatBasic(id, secret) }

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
