package door_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// What the proxy may not call for a rule of the admin API it does not call: neither by a connection of its own nor by one that
// another rule has made.
func TestReachOfTheProxy(t *testing.T) {
	calls := 0
	app := application(t, func(http.ResponseWriter, *http.Request) { calls++ })
	at, err := netip.ParseAddrPort(strings.TrimPrefix(app.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	reach := engine.APIConfig{}.NewReach(true, func(to netip.AddrPort) bool { return to == at })
	e := engine.New(engine.Options{
		Kinds: access.Kinds{
			Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
			Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": always[access.Authorizer](allow{})},
		},
		Now: time.Now, Reach: &reach,
	})
	var rules []access.Rule
	for _, source := range []string{"file:///etc/rules.yaml", "api:default"} {
		var r access.Rule
		text := `{"match":{"methods":["GET"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"}}`
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(source, ":")
		r.ID, r.Source, r.Match.URL, r.Upstream.URL = name, source, "http://"+name+".example.com/", app.URL
		rules = append(rules, r)
	}
	if _, err := e.Load(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p, err := door.NewProxy(door.Door{Name: "proxy", Engine: e, Now: time.Now, Normalized: true}, door.DefaultUpstreamConfig(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := web.NewRaw("proxy", web.KratosErrors, web.Options{Log: log}, p.Serve)
	for _, c := range []struct {
		host          string
		status, calls int
	}{{"file", http.StatusOK, 1}, {"api", http.StatusServiceUnavailable, 1}, {"file", http.StatusOK, 2}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+c.host+".example.com/", nil))
		if w.Code != c.status || calls != c.calls {
			t.Errorf("%s: %d after %d calls: %s", c.host, w.Code, calls, w.Body)
		}
	}
}
