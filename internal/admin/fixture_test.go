package admin_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const configured = "0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i"

// fixture is a store, and a listener with routes of each need behind a guard.
type fixture struct {
	db    *sqldb.DB
	clock testkit.Clock
	store *admin.Store
	guard admin.GuardOptions
}

func newFixture(t testing.TB, db *sqldb.DB) *fixture {
	t.Helper()
	f := &fixture{db: db}
	f.store = f.another(t, testkit.Feed(t, db))
	f.guard = admin.GuardOptions{
		Store: f.store, Keys: []secret.String{configured}, Ring: testkit.Ring(t).For("names"), Now: f.clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	return f
}

// another is the store of another server on the database.
func (f *fixture) another(t testing.TB, feed *sqldb.Feed) *admin.Store {
	t.Helper()
	return admin.NewStore(admin.StoreOptions{
		DB: f.db, Feed: feed, Tokens: &secret.Tokens{Prefix: "gh", Ring: testkit.Ring(t).For("admin keys")}, Now: f.clock.Now,
	})
}

// add makes a key that ends in a day.
func (f *fixture) add(t testing.TB, n admin.New) admin.Made {
	t.Helper()
	if n.Name == "" {
		n.Name = "test"
	}
	if n.Expires.IsZero() {
		n.Expires = f.clock.Now().Add(24 * time.Hour)
	}
	made, err := f.store.Create(testkit.Context(t), n)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// listener serves at hosts <tenant>.test, and tells who asked.
func (f *fixture) listener() http.Handler {
	guard := admin.NewGuard(f.guard)
	tenants := tenant.NewDirectory(tenant.Config{{ID: "acme", Hosts: []string{"acme.test"}}, {ID: "default", Hosts: []string{"default.test"}}}, "").List()
	m := web.NewMux(web.KratosErrors, web.Options{
		Guard: guard.Check, Refuse: guard.Refuse,
		Tenant: tenants.Find,
	})
	tell := func(w http.ResponseWriter, r *http.Request) error {
		return web.WriteJSON(w, http.StatusOK, activity.By(actor.From(r.Context())))
	}
	m.Handle("GET /admin/clients/{id}", tell)
	m.Handle("POST /admin/clients", tell)
	m.Handle("GET /admin/clientele", tell)
	m.For(actor.RoleAdmin).Handle("GET /admin/secrets", tell)
	m.Everywhere().Handle("GET /admin/metrics/prometheus", tell)
	(&admin.Handler{Store: f.store, Tenants: func(id tenant.ID) bool { return tenants.Get(id) != nil }}).MountAdmin(m)
	return m
}

// ask sends a request; the header Authorization is left out where it is empty.
func ask(t testing.TB, h http.Handler, method, url, authorization string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, url, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// events gives what waits for the activity log, the oldest first.
func (f *fixture) events(t testing.TB) []activity.Event {
	t.Helper()
	waiting, err := activity.Outbox{DB: f.db, Logical: "management"}.Pending(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]activity.Event, len(waiting))
	for i, w := range waiting {
		if err := json.Unmarshal(w.Document, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// told counts the events of an action.
func (f *fixture) told(t testing.TB, action activity.Action) (n int) {
	t.Helper()
	for _, e := range f.events(t) {
		if e.Action == action {
			n++
		}
	}
	return n
}
