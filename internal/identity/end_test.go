package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// elsewhere is what lets identities in, in another database.
type elsewhere struct {
	mu    sync.Mutex
	told  []string
	fails error
}

func (e *elsewhere) end(ctx context.Context, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	of, _ := tenant.From(ctx)
	e.told = append(e.told, string(of)+" "+id)
	return e.fails
}

// want compares what was told since it was last asked.
func (e *elsewhere) want(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if diff := cmp.Diff(want, e.told); diff != "" {
		t.Error("told (-want +got):", diff)
	}
	e.told = nil
}

// due works off what is due.
func (f *fixture) due(t *testing.T, want int) {
	t.Helper()
	if n, err := f.store.EndDue(f.ctx, 100); n != want || err != nil {
		t.Errorf("%d ends worked off, not %d: %v", n, want, err)
	}
}

func TestEnds(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, e := newFixture(t, db), &elsewhere{}
		f.ctx = tenant.With(f.ctx, "ends")
		leaves, rests := f.add(t, person("leaves@example.com")), f.add(t, person("rests@example.com"))
		unheard := f.add(t, person("unheard@example.com"))
		if err := f.store.Delete(f.ctx, unheard.ID); err != nil {
			t.Fatal(err)
		}
		f.store.OnEnd(e.end)
		rests.MetadataPublic = json.RawMessage(`{"a":1}`)
		err := f.store.Update(f.ctx, rests) // goes on
		rests.State = identity.Inactive
		err = errors.Join(err, f.store.Update(f.ctx, rests))
		rests.MetadataPublic = nil
		err = errors.Join(err, f.store.Update(f.ctx, rests), f.store.Delete(f.ctx, leaves.ID))
		if err != nil {
			t.Fatal(err)
		}
		both := []string{"ends " + rests.ID, "ends " + leaves.ID}
		e.want(t, both...)
		f.due(t, 0)
		f.clock.Advance(20 * time.Second) // requests in flight are over
		f.due(t, 2)
		e.want(t, both...)
		f.clock.Advance(time.Hour)
		f.due(t, 0)
		e.want(t)
	})
}

// TestEndsOutliveFailures: the other database is away when an identity is deleted, and for a while after.
func TestEndsOutliveFailures(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, e := newFixture(t, db), &elsewhere{fails: errors.New("the database is away")}
		f.ctx = tenant.With(f.ctx, "ends-late")
		f.store.OnEnd(e.end)
		id := f.add(t, person("leaves@example.com"))
		told := "ends-late " + id.ID
		if err := f.store.Delete(f.ctx, id.ID); err != nil {
			t.Fatal(err)
		}
		e.want(t, told)
		f.clock.Advance(20 * time.Second)
		if _, err := f.store.EndDue(f.ctx, 100); !errors.Is(err, e.fails) {
			t.Errorf("error %v", err)
		}
		e.want(t, told)
		f.due(t, 0) // it rests first
		e.fails = nil
		f.clock.Advance(time.Minute)
		f.due(t, 1)
		e.want(t, told)
		f.clock.Advance(time.Hour)
		f.due(t, 0)
	})
}

// TestEndIsTakenOnce: of many servers that find the same row one works it off.
func TestEndIsTakenOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, e := newFixture(t, db), &elsewhere{}
		f.ctx = tenant.With(f.ctx, "ends-once")
		f.store.OnEnd(e.end)
		id := f.add(t, person("leaves@example.com"))
		if err := f.store.Delete(f.ctx, id.ID); err != nil {
			t.Fatal(err)
		}
		e.want(t, "ends-once "+id.ID)
		f.clock.Advance(20 * time.Second)
		var servers sync.WaitGroup
		for range 8 {
			servers.Go(func() {
				if _, err := f.store.EndDue(f.ctx, 100); err != nil {
					t.Error(err)
				}
			})
		}
		servers.Wait()
		e.want(t, "ends-once "+id.ID)
	})
}

// TestDisown: who has the account from now on keeps what they are given after the moment in which it became theirs.
func TestDisown(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, e := newFixture(t, db), &elsewhere{}
		f.ctx = tenant.With(f.ctx, "disown")
		f.store.OnEnd(e.end)
		id := f.add(t, person("ada@example.com"))
		disown := func() {
			t.Helper()
			if err := db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.DisownIn(ctx, tx, id.ID) }); err != nil {
				t.Fatal(err)
			}
		}
		disown()
		e.want(t, "disown "+id.ID)
		f.clock.Advance(time.Hour)
		f.due(t, 0)
		e.fails = errors.New("the database is away")
		disown()
		e.fails = nil
		f.clock.Advance(time.Minute)
		f.due(t, 1)
		e.want(t, "disown "+id.ID, "disown "+id.ID)
	})
}
