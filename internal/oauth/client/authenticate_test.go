package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func tokenRequest(f *fixture, header string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/oauth2/token", nil).WithContext(f.ctx)
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	r.PostForm = form
	return r
}

// Exactly the registered method is accepted: for each method that a client may
// be registered with, every method that a request may use.
func TestOnlyTheRegisteredMethod(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	for _, method := range []string{"client_secret_basic", "client_secret_post", "none", "private_key_jwt"} {
		c := &client.Client{ID: "by-" + method, TokenEndpointAuthMethod: method}
		if method == "private_key_jwt" {
			c.JWKSURI = "https://app.example.com/keys"
		}
		made := f.add(t, c, "")
		for used, r := range map[string]*http.Request{
			"client_secret_basic": tokenRequest(f, basic(c.ID, made.Secret), nil),
			"client_secret_post":  tokenRequest(f, "", url.Values{"client_id": {c.ID}, "client_secret": {made.Secret}}),
			"none":                tokenRequest(f, "", url.Values{"client_id": {c.ID}}),
		} {
			if made.Secret == "" && used == "client_secret_post" {
				r.PostForm.Set("client_secret", "anything")
			}
			got, err := f.auth.Authenticate(r)
			if used == method && (err != nil || got.ID != c.ID) {
				t.Errorf("%s: %v", method, err)
			}
			if used != method && !errors.Is(err, oauth.ErrInvalidClient) {
				t.Errorf("registered with %s, used %s: %v", method, used, err)
			}
		}
	}
}

// Whoever guesses gets one and the same answer.
func TestFailuresReadTheSame(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	f.add(t, basicClient("made"), "")
	f.add(t, basicClient("chosen"), "a person's choice")
	f.add(t, &client.Client{ID: "post", TokenEndpointAuthMethod: "client_secret_post"}, "")
	f.add(t, &client.Client{ID: "public", TokenEndpointAuthMethod: "none"}, "")
	f.add(t, &client.Client{ID: "keys", TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: "https://a.example.com/keys"}, "")
	var first *fault.Error
	for _, id := range []string{"unknown", "made", "chosen", "post", "public", "keys", "a\x00b", "a b"} {
		_, err := f.auth.Authenticate(tokenRequest(f, basic(id, "wrong"), nil))
		told := fault.From(err)
		if first == nil {
			first = told
		}
		if told.Kind != fault.Unauthenticated || told.Code != first.Code || told.Message != first.Message {
			t.Errorf("%s: %d %s %q", id, told.Kind, told.Code, told.Message)
		}
	}
}

// A wrong method with the right secret is named: only who knows the secret sees it.
func TestTheRightSecretByTheWrongMethodIsTold(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	made := f.add(t, basicClient("app"), "")
	_, err := f.auth.Authenticate(tokenRequest(f, "", url.Values{"client_id": {"app"}, "client_secret": {made.Secret}}))
	want := "Client authentication failed: the client is registered with client_secret_basic, but the request used client_secret_post."
	if got := fault.From(err).Message; got != want {
		t.Error(got)
	}
}

func TestCredentialsInTheURLDoNotCount(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	made := f.add(t, &client.Client{ID: "app", TokenEndpointAuthMethod: "client_secret_post"}, "")
	r := httptest.NewRequest(http.MethodPost, "/oauth2/token?client_id=app&client_secret="+made.Secret, nil).WithContext(f.ctx)
	r.PostForm = url.Values{}
	if _, err := f.auth.Authenticate(r); !errors.Is(err, oauth.ErrInvalidClient) {
		t.Errorf("RFC 6749 §2.3.1: %v", err)
	}
}

func TestAuthenticatingAKeptClientRunsNoStatement(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	f := newFixture(t, db)
	made := f.add(t, basicClient("app"), "")
	chosen := f.add(t, basicClient("chosen"), "a person's choice")
	for range 2 {
		f.mustAuthenticate(t, "app", made.Secret)
		f.mustAuthenticate(t, "chosen", chosen.Secret)
	}
	before := db.Statements()
	for range 50 {
		f.mustAuthenticate(t, "app", made.Secret)
		f.mustAuthenticate(t, "chosen", chosen.Secret)
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements", n)
	}
}

// After the system secret was rotated, a secret kept under the old key is kept
// anew with its first use, so that the old key can go.
func TestSecretsMoveToTheNewKey(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	f := newFixture(t, db)
	made := f.add(t, basicClient("app"), "")
	both, only := rings(t)
	for _, ring := range []*secret.Ring{both, only} {
		next := newFixture(t, db)
		next.rekey(t, ring)
		next.mustAuthenticate(t, "app", made.Secret)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	f := newFixture(b, memory(b))
	for _, bc := range []struct{ name, given string }{{"made", ""}, {"chosen", "a person's choice"}} {
		made := f.add(b, basicClient(bc.name), bc.given)
		header := basic(bc.name, made.Secret)
		b.Run("basic/"+bc.name, func(b *testing.B) {
			b.ReportAllocs()
			r := tokenRequest(f, header, url.Values{"grant_type": {"client_credentials"}})
			for b.Loop() {
				if _, err := f.auth.Authenticate(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f.add(b, &client.Client{ID: "public", TokenEndpointAuthMethod: "none"}, "")
	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		r := tokenRequest(f, "", url.Values{"client_id": {"public"}})
		for b.Loop() {
			if _, err := f.auth.Authenticate(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
