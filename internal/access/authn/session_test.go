package authn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

func TestOwnCookieSession(t *testing.T) {
	store := people{"gh_1": session("s1", "alice")}
	w := begin(t, func(o *authn.Options) { o.Sessions = store })
	a := w.make("cookie_session", `{"only":["gatehouse_session","other"]}`)
	p := w.pass(a, request("Cookie", "a=b; gatehouse_session=gh_1"))
	if p.Subject != "alice" || p.Extra["id"] != "s1" || p.Expires != store["gh_1"].Expires {
		t.Errorf("got %+v", p)
	}
	// Of several cookies of the name the first that opens counts: a browser sends those of parent domains too.
	w.pass(a, request("Cookie", "gatehouse_session=gh_old; gatehouse_session=gh_1"))
	w.refuse(a, request("Cookie", "a=b"), access.ErrNotResponsible)
	w.refuse(a, request(), access.ErrNotResponsible)
	w.refuse(a, request("Cookie", "gatehouse_session=gh_old"), access.ErrUnauthorized)

	// What was read of a session is not believed of the one that takes its place.
	store["gh_1"] = &authn.Session{Document: json.RawMessage(strings.Replace(string(store["gh_1"].Document), "42", "43", 1))}
	p = w.pass(w.make("cookie_session", `{"extra_from":"identity.traits"}`), request("Cookie", "gatehouse_session=gh_1"))
	if !cmp.Equal(p.Extra, map[string]any{"email": "a@example.com", "age": json.Number("43")}) {
		t.Errorf("got %+v", p.Extra)
	}
	p = w.pass(a, request("Cookie", "gatehouse_session=gh_1"))
	if text, _ := json.Marshal(p.Extra); !strings.Contains(string(text), "43") {
		t.Errorf("the old document is remembered: %s", text)
	}
	delete(store, "gh_1")
	w.refuse(a, request("Cookie", "gatehouse_session=gh_1"), access.ErrUnauthorized)

	if _, err := w.try("cookie_session", `{"only":["ory_kratos_session"]}`); err == nil || !strings.Contains(err.Error(), "gatehouse_session") {
		t.Errorf("a rule that nobody could pass is loaded: %v", err)
	}
}

// Rules that look for who asks in other places read the same session, at the same time too, and none gets what another looked for.
func TestSessionIsReadByEachRule(t *testing.T) {
	members := make([]string, 20)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":"who-%d"`, i, i)
	}
	w := begin(t, func(o *authn.Options) {
		o.Sessions = people{"gh_1": {Document: json.RawMessage("{" + strings.Join(members, ",") + "}")}}
	})
	var all sync.WaitGroup
	for i := range members {
		a := w.make("bearer_token", fmt.Sprintf(`{"subject_from":"m%d"}`, i))
		all.Go(func() {
			for range 50 {
				if p, err := a.Authenticate(w.ctx, bearer("gh_1")); err != nil || p.Subject != fmt.Sprintf("who-%d", i) {
					t.Errorf("m%d: %+v, %v", i, p, err)
				}
			}
		})
	}
	all.Wait()
}

func TestOwnBearerSession(t *testing.T) {
	w := begin(t, func(o *authn.Options) { o.Sessions = people{"gh_1": session("s1", "alice")} })
	a := w.make("bearer_token", "")
	if p := w.pass(a, bearer("gh_1")); p.Subject != "alice" {
		t.Errorf("got %+v", p)
	}
	w.refuse(a, bearer("gh_2"), access.ErrUnauthorized)
	w.refuse(a, bearer("theirs"), access.ErrNotResponsible)
	w.refuse(a, request("Authorization", "DPoP gh_1"), access.ErrNotResponsible)
	w.pass(w.make("bearer_token", `{"token_from":{"header":"X-Session-Token"}}`), request("X-Session-Token", "gh_1"))
	w.refuse(w.make("bearer_token", `{"subject_from":"identity"}`), bearer("gh_1"), access.ErrForbidden)
	w.refuse(w.make("bearer_token", `{"subject_from":"nothing"}`), bearer("gh_1"), access.ErrForbidden)
	w.refuse(w.make("bearer_token", `{"extra_from":"id"}`), bearer("gh_1"), access.ErrForbidden)
}

// A fault of the sessions, such as a second factor that is missing, goes out as it is; others are not the caller's.
func TestFaultsOfSessions(t *testing.T) {
	needed := fault.New(fault.Forbidden, "session_aal2_required", "A second factor is needed.")
	for _, want := range []error{needed, errors.New("the database is gone")} {
		w := begin(t, func(o *authn.Options) { o.Sessions = broken{want} })
		for _, a := range []access.Authenticator{w.make("cookie_session", ""), w.make("bearer_token", "")} {
			if _, err := a.Authenticate(w.ctx, request("Cookie", "gatehouse_session=x", "Authorization", "Bearer x")); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
	}
}

// asked is what a session store saw.
type asked struct {
	Method, URI, Cookie, Authorization, Host, Extra, Agent, Body string
}

func sessionStore(t *testing.T, saw *asked) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*saw = asked{
			r.Method, r.RequestURI, r.Header.Get("Cookie"), r.Header.Get("Authorization"), r.Header.Get("X-Forwarded-Host"),
			r.Header.Get("X-Extra"), r.Header.Get("X-Other"), string(body),
		}
		switch r.Header.Get("Cookie") + r.Header.Get("Authorization") {
		case "s=good", "Bearer good":
			_, _ = w.Write([]byte(`{"subject":"alice","sub":"bob","extra":{"n":12345678901234567890},"identity":{"id":"carol"}}`))
		case "s=odd":
			_, _ = w.Write([]byte(`{"subject":{"a":1}}`))
		case "s=broken":
			_, _ = w.Write([]byte(`{"subject":"alice"`))
		case "s=down":
			w.WriteHeader(http.StatusBadGateway)
		case "s=limit":
			w.Header().Set("Retry-After", "3")
			w.Header().Set("X-RateLimit-Limit", "5")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func TestForeignSessions(t *testing.T) {
	var saw asked
	url := sessionStore(t, &saw)
	w := begin(t)
	post := request("Cookie", "s=good", "X-Extra", "e", "X-Other", "o")
	post.Method = "POST"
	head := request("Cookie", "s=good")
	head.Method = "HEAD"
	encoded := request("Cookie", "s=good")
	encoded.Target.Path = "/a%20b/%7Bc"
	for _, tc := range []struct {
		name, kind, settings string
		request              *access.Request
		subject              string
		want                 asked
	}{
		{"the request's path and method", "cookie_session", `"check_session_url":"` + url + `/check?x=1"`, post, "alice", asked{Method: "POST", URI: "/orders/7?x=1", Cookie: "s=good"}},
		{"as Kratos is asked", "cookie_session", `"check_session_url":"` + url + `/whoami","preserve_path":true,"preserve_host":true,"force_method":"GET","subject_from":"identity.id","extra_from":"@this"`,
			post, "carol", asked{Method: "GET", URI: "/whoami", Cookie: "s=good", Host: "api.example.com"}},
		{"the request's query", "cookie_session", `"check_session_url":"` + url + `/?x=1","preserve_query":false`, post, "alice", asked{Method: "POST", URI: "/orders/7?page=2", Cookie: "s=good"}},
		{"headers", "cookie_session", `"check_session_url":"` + url + `","forward_http_headers":["x-extra"],"additional_headers":{"x-other":"fixed"}`,
			post, "alice", asked{Method: "POST", URI: "/orders/7", Cookie: "s=good", Extra: "e", Agent: "fixed"}},
		{"HEAD has no answer to read", "cookie_session", `"check_session_url":"` + url + `"`, head, "alice", asked{Method: "GET", URI: "/orders/7", Cookie: "s=good"}},
		{"an encoded path", "cookie_session", `"check_session_url":"` + url + `"`, encoded, "alice", asked{Method: "GET", URI: "/a%20b/%7Bc", Cookie: "s=good"}},
		{"bearer", "bearer_token", `"check_session_url":"` + url + `"`, bearer("good"), "bob", asked{Method: "GET", URI: "/orders/7", Authorization: "Bearer good"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := w.pass(w.make(tc.kind, "{"+tc.settings+"}"), tc.request)
			if p.Subject != tc.subject || !cmp.Equal(saw, tc.want) {
				t.Errorf("%+v\n%s", p, cmp.Diff(tc.want, saw))
			}
		})
	}
	p := w.pass(w.make("cookie_session", `{"check_session_url":"`+url+`"}`), post)
	if p.Extra["n"] != json.Number("12345678901234567890") {
		t.Errorf("got %v", p.Extra)
	}
}

func TestForeignSessionsRefuse(t *testing.T) {
	var saw asked
	url := sessionStore(t, &saw)
	w := begin(t)
	a := w.make("cookie_session", `{"check_session_url":"`+url+`"}`)
	for value, want := range map[string]*fault.Error{
		"s=bad": access.ErrUnauthorized, "s=odd": access.ErrForbidden, "s=broken": access.ErrForbidden, "s=down": access.ErrUnavailable,
	} {
		w.refuse(a, request("Cookie", value), want)
	}
	_, err := a.Authenticate(w.ctx, request("Cookie", "s=limit"))
	if f := fault.From(err); f.Kind != fault.Limited || f.RetryAfter != 3*time.Second {
		t.Errorf("got %v", err)
	}
	w.refuse(a, request(), access.ErrNotResponsible)
	w.refuse(w.make("cookie_session", `{"check_session_url":"`+url+`","only":["t"]}`), request("Cookie", "s=good"), access.ErrNotResponsible)
	w.refuse(w.make("bearer_token", `{"check_session_url":"`+url+`","prefix":"ory_"}`), bearer("good"), access.ErrNotResponsible)
	w.refuse(w.make("cookie_session", `{"check_session_url":"http://127.0.0.1:1"}`), request("Cookie", "s=good"), access.ErrUnavailable)
}

// Good answers are kept where that is asked for, as long as the session lasts, for requests that ask the same.
func TestForeignSessionsAreKept(t *testing.T) {
	w := begin(t)
	var calls atomic.Int64
	expires := w.clock.Now().Add(40 * time.Second).Format(time.RFC3339Nano)
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.Header.Get("Cookie") == "s=bad" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = rw.Write([]byte(`{"subject":"alice","expires_at":"` + expires + `"}`))
	})
	a := w.make("cookie_session", `{"check_session_url":"`+url+`/whoami","preserve_path":true,"cache":{"enabled":true,"ttl":"30s"}}`)
	count := func(want int64) {
		t.Helper()
		if got := calls.Swap(0); got != want {
			t.Errorf("%d calls, want %d", got, want)
		}
	}
	for range 3 {
		w.pass(a, request("Cookie", "s=1"))
	}
	count(1)
	w.pass(a, request("Cookie", "s=2"))
	w.refuse(a, request("Cookie", "s=bad"), access.ErrUnauthorized)
	w.refuse(a, request("Cookie", "s=bad"), access.ErrUnauthorized)
	count(3)
	w.clock.Advance(30 * time.Second)
	w.pass(a, request("Cookie", "s=1"))
	count(1)
	w.clock.Advance(10 * time.Second) // the session has ended
	w.pass(a, request("Cookie", "s=1"))
	w.pass(a, request("Cookie", "s=1"))
	count(2)
	other := w.make("cookie_session", `{"check_session_url":"`+url+`","cache":{"enabled":true}}`)
	w.pass(other, request("Cookie", "s=3"))
	elsewhere := request("Cookie", "s=3")
	elsewhere.Target.Path = "/other"
	w.pass(other, elsewhere)
	count(2)
}
