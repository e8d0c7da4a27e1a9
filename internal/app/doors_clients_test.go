package app

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What the configuration can name are the handlers that there are.
func TestConfigurationsNameEveryHandler(t *testing.T) {
	a := newApp(t, "")
	kinds, err := (doorOptions{}).kinds(a.cfg, nil, nil, a.log)
	if err != nil {
		t.Fatal(err)
	}
	there := engine.Handlers{
		Authenticators: slices.Sorted(maps.Keys(kinds.Authenticators)), Authorizers: slices.Sorted(maps.Keys(kinds.Authorizers)), Mutators: slices.Sorted(maps.Keys(kinds.Mutators)),
	}
	if diff := cmp.Diff(there, engine.Known()); diff != "" {
		t.Error(diff)
	}
}

// The authenticator oauth2_client_credentials without an address takes the clients of this server, as its token endpoint does.
func TestOwnClientsOpenDoors(t *testing.T) {
	a := newApp(t, "oauth: {scope_strategy: exact}\n")
	for _, client := range []string{
		`{"client_id":"shop","client_secret":"a secret of the shop","grant_types":["client_credentials"],"scope":"read write"}`,
		`{"client_id":"narrow","client_secret":"a secret of the shop","grant_types":["client_credentials"],"scope":"write"}`,
		`{"client_id":"page","client_secret":"a secret of the shop","grant_types":["authorization_code"],"redirect_uris":["https://app.example.com/"],"scope":"read"}`,
		`{"client_id":"form","client_secret":"a secret of the shop","grant_types":["client_credentials"],"scope":"read","token_endpoint_auth_method":"client_secret_post"}`,
	} {
		if rec := testkit.Ask(a.listeners[1].Handler, "POST", "/admin/clients", client, "Host", "127.0.0.1", "Content-Type", "application/json"); rec.Code != http.StatusCreated {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	if _, err := a.features.doors.engine.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET"}}, Authorizer: access.HandlerRef{Handler: "allow"},
		Authenticators: []access.HandlerRef{{Handler: "oauth2_client_credentials", Config: []byte(`{"required_scope":["read"]}`)}},
		Mutators:       []access.HandlerRef{{Handler: "header", Config: []byte(`{"headers":{"X-User":"{{ print .Subject }}"}}`)}},
	}}); err != nil {
		t.Fatal(err)
	}
	door, err := a.decisions()
	if err != nil {
		t.Fatal(err)
	}
	enter := func(id, secret string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/decisions", nil)
		r.Host = "app.example.com"
		if id != "" {
			r.SetBasicAuth(id, secret)
		}
		rec := httptest.NewRecorder()
		door.ServeHTTP(rec, r)
		return rec
	}
	if rec := enter("shop", "a+secret+of+the+shop"); rec.Code != http.StatusOK || rec.Header().Get("X-User") != "shop" {
		t.Error(rec.Code, rec.Header(), rec.Body)
	}
	for story, c := range map[string][2]string{
		"no credentials": {}, "another secret": {"shop", "another+secret"}, "nobody": {"nobody", "a+secret+of+the+shop"},
		"a client that may not ask for the scope": {"narrow", "a+secret+of+the+shop"}, "one without the grant": {"page", "a+secret+of+the+shop"},
		"one that does not send its secret so": {"form", "a+secret+of+the+shop"},
	} {
		if rec := enter(c[0], c[1]); rec.Code != http.StatusUnauthorized || rec.Header().Get("X-User") != "" {
			t.Errorf("%s: %d %s", story, rec.Code, rec.Body)
		}
	}
	// Without the database nobody can say that a client is unknown.
	if err := a.databases.byName["oauth"].Close(); err != nil {
		t.Fatal(err)
	}
	if rec := enter("unseen", "a+secret"); rec.Code < http.StatusInternalServerError {
		t.Errorf("without the database: %d %s", rec.Code, rec.Body)
	}
}

// What handlers have to say of their settings is told by the server too, and not only by the check of files.
func TestTheServerWarnsOfSettings(t *testing.T) {
	a := newApp(t, "")
	report, err := a.features.doors.engine.Check(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET"}},
		Authenticators: []access.HandlerRef{{Handler: "jwt", Config: []byte(`{"jwks_urls":["https://id.example.com/jwks.json"],"required_scope":["read"]}`)}},
		Authorizer:     access.HandlerRef{Handler: "remote", Config: []byte(`{"remote":"https://policy.example.com/"}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(report.Rules[0].Warnings, "\n")
	for _, want := range []string{"authenticators[0].config.scope_strategy: ", "authorizer.config.unseen_body: "} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not in\n%s", want, told)
		}
	}
}
