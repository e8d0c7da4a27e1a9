package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// open returns the registry of a server on the database, whose configuration declares tenants.
func open(t *testing.T, db *sqldb.DB, declared ...tenant.Entry) *Registry {
	t.Helper()
	feed := testkit.Feed(t, db)
	r := New(Options{Store: NewStore(db, feed), Directory: tenant.NewDirectory(declared, "id.example.com"), Log: slog.New(slog.DiscardHandler)})
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func mustCreate(t *testing.T, r *Registry, d Draft) *tenant.Tenant {
	t.Helper()
	made, err := r.Create(t.Context(), d, false)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestLife(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		ctx, r := t.Context(), open(t, db)
		made := mustCreate(t, r, Draft{ID: "acme", Name: "Acme", Hosts: []string{"Login.Acme.example."}, Settings: tenant.Settings{Issuer: "https://acme.example"}})
		if made.State != tenant.Active || made.Version != 1 || made.Source != tenant.Registered || made.Created.IsZero() || made.Hosts[0] != "login.acme.example" {
			t.Errorf("made: %+v", made)
		}
		if found := r.Directory.List().Find("login.acme.example", "/").Tenant; found == nil || found.ID != "acme" {
			t.Errorf("it is not reached when it is made: %v", found)
		}
		for what, d := range map[string]Draft{
			"id":          {ID: "acme"},
			"host":        {ID: "other", Hosts: []string{"LOGIN.acme.example"}},
			"issuer":      {ID: "other", Settings: tenant.Settings{Issuer: "https://acme.example"}},
			"built-in id": {ID: tenant.Default},
		} {
			if _, err := r.Create(ctx, d, true); !errors.Is(err, ErrTaken) {
				t.Errorf("the same %s: %v", what, err)
			}
		}
		suspended, err := r.Suspend(ctx, "acme", "because", nil)
		if err != nil || suspended.State != tenant.Suspended || suspended.Version != 2 || !suspended.Created.Equal(made.Created) {
			t.Errorf("suspended: %+v %v", suspended, err)
		}
		if again, err := r.Suspend(ctx, "acme", "", nil); err != nil || again.Version != 2 {
			t.Errorf("suspended once more: %+v %v", again, err)
		}
		updated, err := r.Update(ctx, "acme", []byte(`{"name":"Acme Ltd","hosts":["id.acme.example"],"settings":{"issuer":null}}`), nil)
		if err != nil || updated.Name != "Acme Ltd" || updated.State != tenant.Suspended || updated.Settings.Issuer != "" || updated.Version != 3 {
			t.Errorf("updated: %+v %v", updated, err)
		}
		if resumed, err := r.Resume(ctx, "acme", nil); err != nil || resumed.State != tenant.Active {
			t.Errorf("resumed: %+v %v", resumed, err)
		}
		if _, err := r.Suspend(ctx, "nobody", "", nil); !errors.Is(err, ErrUnknown) {
			t.Errorf("one that is not there: %v", err)
		}
		// Another server on the same database, or this one after a restart.
		second := open(t, db)
		want, got := r.Directory.List().Get("acme"), second.Directory.List().Get("acme")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what is read is not what was written: %s", diff)
		}
		var actions []string
		rows, err := db.AllTenants().Query(ctx, `SELECT document FROM management_activity_outbox ORDER BY written_at, id`)
		documents, err := sqldb.Texts(rows, err)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range documents {
			var e struct {
				Action, Tenant string
				Subject        struct{ ID string }
			}
			if err := json.Unmarshal([]byte(d), &e); err != nil || e.Tenant != "default" || e.Subject.ID != "acme" {
				t.Errorf("%s: %v", d, err)
			}
			actions = append(actions, e.Action)
		}
		if diff := cmp.Diff([]string{"tenant.created", "tenant.suspended", "tenant.updated", "tenant.resumed"}, actions); diff != "" {
			t.Errorf("told: %s", diff)
		}
	})
}

// TestTheConfigurationsOwn: tenants of the configuration are shown and cannot be changed, and what they have cannot be taken.
func TestTheConfigurationsOwn(t *testing.T) {
	db := testkit.SQLite(t, "management")
	r, ctx := open(t, db, tenant.Entry{ID: "main", Hosts: []string{"id.example.com"}}, tenant.Entry{ID: "below", PathPrefix: "/t/below"}), t.Context()
	for _, d := range []Draft{{ID: "main"}, {ID: "x", Hosts: []string{"id.example.com"}}, {ID: "x", Prefix: "/t/below/x"}, {ID: "x", Prefix: "/t"}} {
		if _, err := r.Create(ctx, d, true); !errors.Is(err, ErrTaken) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if _, err := r.Update(ctx, "main", []byte(`{"name":"x"}`), nil); !errors.Is(err, ErrConfigured) {
		t.Errorf("updated: %v", err)
	}
	if _, err := r.Suspend(ctx, "main", "", nil); !errors.Is(err, ErrConfigured) {
		t.Errorf("suspended: %v", err)
	}
	// default is like any other where the configuration lists tenants.
	mustCreate(t, r, Draft{ID: tenant.Default, Hosts: []string{"d.example.com"}})
	if f := r.Directory.List().Find("nobody.example.com", "/"); f.Tenant != nil {
		t.Errorf("what is nobody's goes to %q", f.Tenant.ID)
	}
}

// TestTheBuiltInTenantIsStoredWhenItIsChanged also holds that its address stays what it was.
func TestTheBuiltInTenantIsStoredWhenItIsChanged(t *testing.T) {
	db := testkit.SQLite(t, "management")
	r, ctx := open(t, db), t.Context()
	if _, err := r.Suspend(ctx, tenant.Default, "", nil); err != nil {
		t.Fatal(err)
	}
	f := open(t, db).Directory.List().Find("any.example.com", "/")
	if f.Tenant == nil || f.Tenant.ID != tenant.Default || f.Tenant.State != tenant.Suspended {
		t.Errorf("%+v", f.Tenant)
	}
}

// TestOneOfManyGetsTheHost is the race for a host between servers.
func TestOneOfManyGetsTheHost(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		servers := []*Registry{open(t, db), open(t, db), open(t, db)}
		var wg sync.WaitGroup
		results := make([]error, 9)
		for i := range results {
			wg.Go(func() {
				_, results[i] = servers[i%3].Create(t.Context(), Draft{ID: tenant.ID(fmt.Sprintf("t%d", i)), Hosts: []string{"one.example.com"}}, false)
			})
		}
		wg.Wait()
		won := 0
		for i, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, ErrTaken) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if won != 1 {
			t.Errorf("%d got the host", won)
		}
	})
}

// TestOthersHearOfIt: a change is known to another server by the change feed.
func TestOthersHearOfIt(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		if db.Dialect() == sqldb.SQLite {
			return // serves one process
		}
		feed := testkit.Feed(t, db)
		other := New(Options{Store: NewStore(db, feed), Directory: tenant.NewDirectory(nil, ""), Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- other.Run(ctx) }()
		r := open(t, db)
		mustCreate(t, r, Draft{ID: "acme"})
		testkit.Eventually(t, "the other server knows the tenant", func() bool { return other.Directory.List().Get("acme") != nil })
		if _, err := r.Suspend(t.Context(), "acme", "", nil); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the other server has suspended it", func() bool { return !other.Directory.List().Served("acme") })
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
