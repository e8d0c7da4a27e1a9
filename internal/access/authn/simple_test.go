package authn_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

func TestNobodyInParticular(t *testing.T) {
	w := begin(t)
	if p := w.pass(w.make("noop", ""), bearer("whatever")); p.Subject != "" {
		t.Errorf("noop: %+v", p)
	}
	if p := w.pass(w.make("anonymous", ""), request()); p.Subject != "anonymous" {
		t.Errorf("anonymous: %+v", p)
	}
	if p := w.pass(w.make("anonymous", `{"subject":"guest"}`), request("Cookie", "a=b")); p.Subject != "guest" {
		t.Errorf("anonymous: %+v", p)
	}
	w.refuse(w.make("anonymous", ""), bearer("x"), access.ErrNotResponsible)
	w.refuse(w.make("unauthorized", ""), request(), access.ErrUnauthorized)
}

// Settings that cannot work are refused when rules are loaded, with the path of what is wrong.
func TestSettingsAreRefused(t *testing.T) {
	w := begin(t)
	for _, tc := range []struct{ kind, settings, want string }{
		{"noop", `{"x":1}`, "x: "},
		{"anonymous", `{"subject":7}`, "subject"},
		{"cookie_session", `{}`, "check_session_url: is missing"},
		{"cookie_session", `{"check_session_url":"ftp://x"}`, "check_session_url: "},
		{"cookie_session", `{"check_session_url":"http://user:pw@x"}`, "check_session_url: "},
		{"cookie_session", `{"check_session_url":"http://x","force_method":"G T"}`, "force_method: "},
		{"cookie_session", `{"check_session_url":"http://x","additional_headers":{"a b":"c"}}`, "additional_headers.a b: "},
		{"bearer_token", `{"check_session_url":"http://x","token_from":{"header":"A","cookie":"b"}}`, "token_from: "},
		{"bearer_token", `{}`, "check_session_url: is missing"},
		{"oauth2_introspection", `{}`, "introspection_url: is missing"},
		{"oauth2_introspection", `{"introspection_url":"//x"}`, "introspection_url: "},
		{"oauth2_introspection", `{"introspection_url":"http://x","scope_strategy":"best"}`, "scope_strategy: "},
		{"oauth2_introspection", `{"introspection_url":"http://x","cache":{"enabled":true,"ttl":"long"}}`, "cache.ttl: "},
		{"oauth2_introspection", `{"introspection_url":"http://x","retry":{"max_delay":"-1s"}}`, "retry.max_delay: "},
		{"oauth2_introspection", `{"introspection_url":"http://x","pre_authorization":{"enabled":true}}`, "pre_authorization: "},
		{"oauth2_introspection", `{"introspection_url":"http://x","pre_authorization":{"enabled":true,"client_id":"a","client_secret":"b"}}`, "pre_authorization.token_url: "},
		{"oauth2_client_credentials", `{}`, "token_url: is missing"},
		{"oauth2_client_credentials", `{"token_url":"x"}`, "token_url: "},
		{"jwt", `{}`, "jwks_urls: is missing"},
		{"jwt", `{"jwks_urls":["http://x","nowhere"]}`, "jwks_urls[1]: "},
		{"jwt", `{"jwks_urls":["file:///etc/keys.json"]}`, "jwks_urls[0]: key sets are not read from files"},
		{"jwt", `{"jwks_urls":["http://x"],"allowed_algorithms":["RS256","none"]}`, "allowed_algorithms[1]: "},
		{"jwt", `{"jwks_urls":["http://x"],"jwks_ttl":"0s"}`, "jwks_ttl: "},
		{"jwt", `{"jwks_urls":["http://x"],"jwks_max_wait":"soon"}`, "jwks_max_wait: "},
	} {
		if _, err := w.try(tc.kind, tc.settings); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: %v, want %q", tc.kind, tc.settings, err, tc.want)
		}
	}
}

// Where tokens are read, and what is not taken for one.
func TestTokenLocations(t *testing.T) {
	const good = "gh_token"
	w := begin(t, func(o *authn.Options) { o.Tokens = tokens{good: {Subject: "alice"}} })
	long := strings.Repeat("a", 17<<10)
	for _, tc := range []struct {
		name, from string
		request    *access.Request
		want       *fault.Error
	}{
		{"bearer", "", bearer(good), nil},
		{"in any case, with several spaces", "", request("Authorization", "bEaReR   "+good), nil},
		{"nothing", "", request(), access.ErrNotResponsible},
		{"another scheme", "", request("Authorization", "Basic "+good), access.ErrNotResponsible},
		{"no scheme", "", request("Authorization", good), access.ErrNotResponsible},
		{"an empty token", "", request("Authorization", "Bearer "), access.ErrNotResponsible},
		{"two", "", request("Authorization", "Bearer "+good, "Authorization", "Bearer "+good), access.ErrUnauthorized},
		{"with a space in it", "", bearer(good + " x"), access.ErrUnauthorized},
		{"with a control character", "", bearer(good + "\x00"), access.ErrUnauthorized},
		{"too long", "", bearer(long), access.ErrUnauthorized},
		{"unknown", "", bearer("gh_other"), access.ErrUnauthorized},
		{"not ours", "", bearer("theirs"), access.ErrNotResponsible},
		{"header", `"token_from":{"header":"x-token"}`, request("X-Token", good), nil},
		{"header twice", `"token_from":{"header":"x-token"}`, request("X-Token", good, "X-Token", "b"), access.ErrUnauthorized},
		{"only in the header", `"token_from":{"header":"x-token"}`, bearer(good), access.ErrNotResponsible},
		{"header named authorization", `"token_from":{"header":"authorization"}`, bearer(good), nil},
		{"query", `"token_from":{"query_parameter":"t"}`, query("a=b&t=" + good), nil},
		{"query twice", `"token_from":{"query_parameter":"t"}`, query("t=" + good + "&t=x"), access.ErrUnauthorized},
		{"query broken", `"token_from":{"query_parameter":"t"}`, query("t=%zz"), access.ErrUnauthorized},
		{"no query", `"token_from":{"query_parameter":"t"}`, query(""), access.ErrNotResponsible},
		{"cookie", `"token_from":{"cookie":"c"}`, request("Cookie", "cc=1; c="+good), nil},
		{"cookie of another name", `"token_from":{"cookie":"c"}`, request("Cookie", "cc="+good), access.ErrNotResponsible},
		{"prefix", `"prefix":"gh_"`, bearer(good), nil},
		{"another prefix", `"prefix":"ory_"`, bearer(good), access.ErrNotResponsible},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := w.make("oauth2_introspection", "{"+tc.from+"}").Authenticate(w.ctx, tc.request)
			if tc.want == nil && (err != nil || p.Subject != "alice") || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %+v, %v", p, err)
			}
			if err != nil && strings.Contains(err.Error(), good) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func query(raw string) *access.Request {
	r := request()
	r.Target.RawQuery = raw
	return r
}

func basic(id, secret string) *access.Request {
	return request("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

func TestForeignClientCredentials(t *testing.T) {
	var calls atomic.Int64
	status := atomic.Int64{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		id, secret, _ := r.BasicAuth()
		switch {
		case status.Load() != 0:
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(int(status.Load()))
		case id != "my%2Fapp" || secret != "s+1":
			w.WriteHeader(http.StatusUnauthorized)
		case r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read write":
			w.WriteHeader(http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":30}`))
		}
	})
	w := begin(t)
	const scope = `"required_scope":["read","write"]`
	a := w.make("oauth2_client_credentials", `{"token_url":"`+url+`",`+scope+`,"cache":{"enabled":true}}`)
	good := basic("my%2Fapp", "s+1")
	for range 3 {
		if p := w.pass(a, good); p.Subject != "my/app" || !cmp.Equal(p.Scopes, []string{"read", "write"}) {
			t.Errorf("got %+v", p)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls, want one", calls.Load())
	}
	w.clock.Advance(30e9)
	w.pass(a, good)
	if calls.Load() != 2 {
		t.Errorf("%d calls after the token expired, want two", calls.Load())
	}
	w.refuse(a, basic("my%2Fapp", "wrong"), access.ErrUnauthorized)
	w.refuse(a, basic("my%zz", "x"), access.ErrUnauthorized)
	w.refuse(a, request("Authorization", "Basic !"), access.ErrUnauthorized)
	w.refuse(a, basic("", "x"), access.ErrUnauthorized)
	w.refuse(a, bearer("x"), access.ErrNotResponsible)
	w.refuse(a, request(), access.ErrNotResponsible)
	uncached := w.make("oauth2_client_credentials", `{"token_url":"`+url+`",`+scope+`,"retry":{"max_delay":"1ms"}}`)
	status.Store(503)
	w.refuse(uncached, good, access.ErrUnavailable)
	status.Store(429)
	_, err := uncached.Authenticate(w.ctx, good)
	if f := fault.From(err); f.Kind != fault.Limited || f.RetryAfter != 9e9 {
		t.Errorf("got %+v", f)
	}
}
