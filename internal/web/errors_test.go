package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func answer(t *testing.T, write ErrorWriter, e *fault.Error, headers ...string) (int, http.Header, string) {
	t.Helper()
	m := NewMux(write, Options{})
	m.Handle("GET /", func(http.ResponseWriter, *http.Request) error { return e })
	rec := testkit.Ask(m, "GET", "/", "", append(headers, "X-Request-Id", "request-1")...)
	return rec.Code, rec.Header(), strings.TrimSpace(rec.Body.String())
}

func TestOAuthErrors(t *testing.T) {
	client := fault.New(fault.Unauthenticated, "invalid_client", "Client authentication failed.")
	status, h, body := answer(t, OAuthErrors, client, "Authorization", "Basic eDp5")
	if status != 401 || body != `{"error":"invalid_client","error_description":"Client authentication failed."}` || !strings.HasPrefix(h.Get("WWW-Authenticate"), "Basic realm=") {
		t.Errorf("%d %v %s", status, h, body)
	}
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" {
		t.Errorf("caches: %v", h)
	}
	if _, h, _ = answer(t, OAuthErrors, client); h.Get("WWW-Authenticate") != "" {
		t.Errorf("Basic is offered to a client that did not try it: %v", h)
	}
	_, h, _ = answer(t, OAuthErrors, fault.New(fault.Unauthenticated, "invalid_token", "It \"expired\"\n\\ for gööd."))
	if got := h.Get("WWW-Authenticate"); got != `Bearer realm="gatehouse", error="invalid_token", error_description="It 'expired''' for g''d."` {
		t.Error(got)
	}
	status, _, body = answer(t, OAuthErrors, fault.New(fault.Unsupported, "unsupported_media_type", "JSON."))
	if status != 415 || body != `{"error":"invalid_request","error_description":"JSON."}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestAChallengeOfTheHandlersOwnStays(t *testing.T) {
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("WWW-Authenticate", "DPoP")
		return fault.New(fault.Unauthenticated, "invalid_token", "x")
	})
	if got := testkit.Ask(m, "GET", "/", "").Header().Values("WWW-Authenticate"); len(got) != 1 || got[0] != "DPoP" {
		t.Error(got)
	}
}

func TestHydraErrors(t *testing.T) {
	_, _, body := answer(t, HydraErrors, fault.New(fault.NotFound, "not_found", "The client is not known."))
	if body != `{"error":"Not Found","error_description":"Unable to locate the requested resource","request_id":"request-1"}` {
		t.Error(body)
	}
	status, _, body := answer(t, HydraErrors, fault.New(fault.Gone, "used", "Used.").WithDetail("redirect_to", "https://a.test/?x=1&y=2").WithDetail("error", "mine"))
	if status != 410 || body != `{"error":"used","error_description":"Used.","redirect_to":"https://a.test/?x=1&y=2","request_id":"request-1"}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestKratosErrors(t *testing.T) {
	status, _, body := answer(t, KratosErrors, fault.New(fault.Conflict, "taken", "It is taken.").WithDetail("hint", 1))
	if status != 409 || body != `{"error":{"code":409,"status":"Conflict","request":"request-1","id":"taken","reason":"It is taken.","message":"The resource could not be created due to a conflict","details":{"hint":1}}}` {
		t.Errorf("%d %s", status, body)
	}
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if s := sentence(k); s == "" || seen[s] {
			t.Errorf("kind %d: %q", k, s)
		} else {
			seen[s] = true
		}
	}
}
