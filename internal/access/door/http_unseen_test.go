package door_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// onlySeen lets requests pass of whose body nothing is kept from the rules.
type onlySeen struct{}

func (onlySeen) Authorize(_ context.Context, r *access.Request, _ *access.Principal) error {
	if r.Unseen {
		return access.ErrUnseenBody
	}
	return nil
}

// A proxy that asks may keep a body to itself; of a request that comes through here, nothing is kept.
func TestWhatADoorDoesNotSee(t *testing.T) {
	e := engine.New(engine.Options{Now: time.Now, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"seen": always[access.Authorizer](onlySeen{})},
	}})
	if _, err := e.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET", "POST"}}, Upstream: access.Upstream{URL: application(t, echo).URL},
		Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "seen"},
	}}); err != nil {
		t.Fatal(err)
	}
	shared := door.Door{Engine: e, Now: time.Now}
	p, err := door.NewProxy(shared, door.DefaultUpstreamConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	options := web.Options{TrustedProxies: web.Networks{"192.0.2.1"}, Log: slog.New(slog.DiscardHandler)}
	asks := web.NewRaw("decisions", web.KratosErrors, options, (&door.Decisions{Door: shared}).Serve)
	passes := web.NewRaw("proxy", web.KratosErrors, options, p.Serve)
	for _, c := range []struct {
		story, method, path, body string
		by                        http.Handler
		want                      int
	}{
		{"asked without a body", "POST", "/decisions", "", asks, 403},
		{"asked about a GET", "GET", "/decisions", "", asks, 403},
		{"asked with the body", "POST", "/decisions", "please", asks, 200},
		{"sent without a body", "POST", "/", "", passes, 200},
		{"sent with a body", "POST", "/", "please", passes, 200},
	} {
		if rec := testkit.Ask(c.by, c.method, c.path, c.body, "Host", "app.example.com"); rec.Code != c.want {
			t.Errorf("%s: %d %s", c.story, rec.Code, rec.Body)
		}
	}
}
