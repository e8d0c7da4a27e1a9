package web

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestARequestCarriesItsActorAndOrigin(t *testing.T) {
	key := actor.Actor{Kind: actor.AdminKey, ID: "key-1"}
	m := NewMux(OAuthErrors, Options{TrustedProxies: Networks{"192.0.2.1"}, Guard: func(_ http.ResponseWriter, r *http.Request) error {
		if got := actor.From(r.Context()); got.Kind != actor.Anonymous {
			t.Errorf("before anybody said so it is %+v", got)
		}
		ActAs(r.Context(), key)
		return nil
	}})
	var got actor.Actor
	var from actor.Origin
	m.Handle("GET /", func(_ http.ResponseWriter, r *http.Request) error {
		got, from = actor.From(r.Context()), actor.OriginOf(r.Context())
		return nil
	})
	testkit.Ask(m, "GET", "/", "", "X-Forwarded-For", "203.0.113.9", "X-Request-Id", "request-1")
	if got != key {
		t.Errorf("actor %+v, want %+v", got, key)
	}
	if want := (actor.Origin{Address: netip.MustParseAddr("203.0.113.9"), RequestID: "request-1"}); from != want {
		t.Errorf("origin %+v, want %+v", from, want)
	}
	ActAs(t.Context(), key) // no request, no effect
}
