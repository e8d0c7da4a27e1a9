package tenancy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// every opens the logical databases of an installation, each in a database of its own, on each kind of server.
func every(t *testing.T, fn func(t *testing.T, d Databases)) {
	t.Helper()
	testkit.EachInstallation(t, func(t *testing.T, dbs map[string]*sqldb.DB) {
		d := Databases{DB: dbs, Feed: map[string]*sqldb.Feed{}}
		for logical, db := range dbs {
			d.Feed[logical] = testkit.Feed(t, db)
		}
		fn(t, d)
	})
}

// fill writes rows of a tenant into every table that has any.
func (d Databases) fill(t *testing.T, id tenant.ID, rows int) []place {
	t.Helper()
	places, err := d.places(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		var columns []string
		for _, c := range p.table.Columns {
			columns = append(columns, c.Name)
		}
		var lines [][]any
		for i := range rows {
			line := make([]any, len(p.table.Columns))
			for j, c := range p.table.Columns {
				line[j] = sample(c, id, i)
			}
			lines = append(lines, line)
			if len(p.table.Key) == 1 {
				break // there is one row of each tenant
			}
		}
		err := d.DB[p.logical].InTx(tenant.With(t.Context(), id), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.InsertRows(ctx, p.table.Name, columns, lines)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", p.name(), err)
		}
	}
	return places
}

// sample is a value that differs from row to row.
func sample(c migrations.Column, id tenant.ID, i int) any {
	if c.Name == "tenant_id" {
		return string(id)
	}
	switch c.Kind {
	case migrations.Time:
		return time.Date(2030, 1, 1, 0, 0, i, 0, time.UTC)
	case migrations.Int:
		return int64(i)
	case migrations.Bool:
		return i%2 == 0
	case migrations.Blob:
		return fmt.Appendf(nil, "%s-%d", id, i)
	default:
		if strings.HasPrefix(c.Name, "kind") {
			return "one" // few values that many rows share
		}
		return fmt.Sprintf("%s-%d", id, i)
	}
}

func (d Databases) count(t *testing.T, p place, id tenant.ID) (n int) {
	t.Helper()
	err := d.DB[p.logical].QueryRow(tenant.With(t.Context(), id), `SELECT COUNT(*) FROM `+p.table.Name+` WHERE tenant_id = :tenant`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eraser is a registry of a server that deletes at once, in small batches.
func eraser(t *testing.T, d Databases) *Registry {
	t.Helper()
	r := open(t, d.DB["management"])
	r.Databases, r.batch, r.settled, r.lease = d, 7, 0, 0
	return r
}

// TestEverythingOfATenantIsDeleted: of the one nothing is left in any table, of the other everything, and the log of the one stays
// unless it was to go.
func TestEverythingOfATenantIsDeleted(t *testing.T) {
	every(t, func(t *testing.T, d Databases) {
		r, ctx := eraser(t, d), t.Context()
		for _, id := range []tenant.ID{"gone", "bare", "stays"} {
			mustCreate(t, r, Draft{ID: id, Hosts: []string{string(id) + ".example.com"}})
		}
		const rows = 20
		places := d.fill(t, "gone", rows)
		d.fill(t, "bare", rows)
		d.fill(t, "stays", rows)
		if len(places) < 20 {
			t.Fatalf("only %d tables have rows of tenants", len(places))
		}
		for _, id := range []tenant.ID{"gone", "bare"} {
			condemned, err := r.Delete(ctx, id, id == "bare", nil)
			if err != nil || condemned.State != tenant.Deleting {
				t.Fatalf("%+v %v", condemned, err)
			}
			if f := r.Directory.List().Find(string(id)+".example.com", "/"); f.Tenant == nil || f.Tenant.ID != tenant.Default {
				t.Errorf("%s is served while it is deleted", id)
			}
			if err := r.erase(ctx, condemned); err != nil {
				t.Fatal(err)
			}
			left, err := r.Get(id)
			if err != nil || left.State != tenant.Deleted || len(left.Hosts) != 0 {
				t.Errorf("what is left of it: %+v %v", left, err)
			}
			erasure, err := r.Erasure(ctx, id)
			if err != nil || erasure.Rows["management.identity"] != rows || erasure.Rows["oauth.oauth_token"] != rows {
				t.Errorf("told: %+v %v", erasure, err)
			}
		}
		for _, p := range places {
			log := p.logical == "activity" || strings.HasSuffix(p.table.Name, "_activity_outbox")
			if n := d.count(t, p, "gone"); (n > 0) != log {
				t.Errorf("%s has %d rows of the deleted tenant", p.name(), n)
			}
			if n := d.count(t, p, "bare"); n > 0 {
				t.Errorf("%s has %d rows of the tenant that was deleted with its log", p.name(), n)
			}
			if n := d.count(t, p, "stays"); n != rows && len(p.table.Key) > 1 {
				t.Errorf("%s has %d rows of the other tenant", p.name(), n)
			}
		}
		if _, err := r.Create(ctx, Draft{ID: "gone"}, false); !errors.Is(err, ErrTaken) {
			t.Errorf("its id is given again: %v", err)
		}
		if _, err := r.Create(ctx, Draft{ID: "gone"}, true); err != nil {
			t.Errorf("its id is not given again where that is said: %v", err)
		}
	})
}

// TestADeletionIsTakenOver: a server that dies at any moment leaves a state with which another one goes on.
func TestADeletionIsTakenOver(t *testing.T) {
	every(t, func(t *testing.T, d Databases) {
		first := eraser(t, d)
		mustCreate(t, first, Draft{ID: "gone"})
		places := d.fill(t, "gone", 20)
		condemned, err := first.Delete(t.Context(), "gone", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		for died := 0; ; died++ {
			ctx, die := context.WithCancel(t.Context())
			r, batches := eraser(t, d), 0
			r.batched = func() {
				if batches++; batches > died*9 {
					die()
				}
			}
			err := r.erase(ctx, condemned)
			die()
			if err == nil {
				break
			}
			if state := open(t, d.DB["management"]).Directory.List().Get("gone").State; state != tenant.Deleting {
				t.Fatalf("half deleted it is %s", state)
			}
			if died > 200 {
				t.Fatal("it never ends")
			}
		}
		for _, p := range places {
			if n := d.count(t, p, "gone"); n > 0 {
				t.Errorf("%s has %d rows", p.name(), n)
			}
		}
		if got := open(t, d.DB["management"]).Directory.List().Get("gone"); got.State != tenant.Deleted {
			t.Errorf("in the end it is %s", got.State)
		}
	})
}

// TestAnOlderServerLeavesADeletion: where a newer version has migrated a database there may be rows that this one does not know of. It
// leaves them to a server of that version, and keeps none away.
func TestAnOlderServerLeavesADeletion(t *testing.T) {
	every(t, func(t *testing.T, d Databases) {
		r := eraser(t, d)
		mustCreate(t, r, Draft{ID: "gone"})
		condemned, err := r.Delete(t.Context(), "gone", false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.DB["oauth"].Raw().ExecContext(t.Context(), "INSERT INTO goose_oauth (version_id, is_applied) VALUES (9999, TRUE)"); err != nil {
			t.Fatal(err)
		}
		if err := r.erase(t.Context(), condemned); !errors.Is(err, migrations.ErrNewer) || !waits(err) {
			t.Errorf("it is deleted: %v", err)
		}
		if mine, err := r.Store.claim(t.Context(), "gone", "a newer one", time.Hour); err != nil || !mine {
			t.Errorf("the newer one is kept away: %v", err)
		}
	})
}

// TestOneServerDeletes: while one is at it, another keeps away; and one that was away for too long does not go on.
func TestOneServerDeletes(t *testing.T) {
	db := testkit.SQLite(t, "management")
	a, b := open(t, db), open(t, db)
	mustCreate(t, a, Draft{ID: "gone"})
	if _, err := a.Delete(t.Context(), "gone", false, nil); err != nil {
		t.Fatal(err)
	}
	claim := func(r *Registry, lease time.Duration) bool {
		got, err := r.Store.claim(t.Context(), "gone", r.server, lease)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !claim(a, time.Hour) || claim(b, time.Hour) || !claim(a, 0) || !claim(b, time.Hour) {
		t.Error("the lease does not keep one server away for as long as it runs")
	}
	if err := a.Store.progress(t.Context(), "gone", a.server, Erasure{}, time.Hour); !errors.Is(err, errOvertaken) {
		t.Errorf("the server that was overtaken goes on: %v", err)
	}
	gone := a.Directory.List().Get("gone")
	if err := a.Store.finish(t.Context(), gone, a.server, a.report(gone, Erasure{})); !errors.Is(err, errOvertaken) {
		t.Errorf("the server that was overtaken ends it: %v", err)
	}
}

func TestDeletionsThatAreRefused(t *testing.T) {
	r, ctx := open(t, testkit.SQLite(t, "management")), t.Context()
	if _, err := r.Delete(ctx, tenant.Default, false, nil); !errors.Is(err, ErrLast) {
		t.Errorf("the only tenant: %v", err)
	}
	mustCreate(t, r, Draft{ID: "acme"})
	if _, err := r.Delete(ctx, tenant.Default, true, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("the installation's log: %v", err)
	}
	if _, err := r.Delete(ctx, tenant.Default, false, nil); err != nil {
		t.Errorf("default, with another tenant: %v", err)
	}
	if _, err := r.Resume(ctx, tenant.Default, nil); !errors.Is(err, ErrState) {
		t.Errorf("resumed while it is deleted: %v", err)
	}
	if _, err := r.Update(ctx, tenant.Default, []byte(`{}`), nil); !errors.Is(err, ErrState) {
		t.Errorf("changed while it is deleted: %v", err)
	}
	if got := r.Directory.List().Present(); !slices.Equal(got, []tenant.ID{"acme"}) {
		t.Errorf("present: %v", got)
	}
}
