package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Old rows of all tenants go, the oldest first and no more than asked for; what is not old stays, and what has no time.
func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		start := now()
		put := func(of tenant.ID, ids []string, at time.Time) {
			t.Helper()
			rows := make([][]any, len(ids))
			for i, id := range ids {
				rows[i] = []any{of, id, at}
			}
			if _, err := db.InsertRows(tenant.With(t.Context(), of), "thing", []string{"tenant_id", "id", "at"}, rows); err != nil {
				t.Fatal(err)
			}
		}
		many := make([]string, 600)
		for i := range many {
			many[i] = fmt.Sprintf("many-%03d", i)
		}
		put("one", many, start.Add(-time.Hour))
		put("one", []string{"now", "same"}, start)
		put("one", []string{"next"}, start.Add(time.Microsecond))
		put("two", []string{"same"}, start.Add(-2*time.Hour))
		put("two", []string{"timeless"}, time.Time{})
		old := sqldb.Old{Table: "thing", Key: "id", Time: "at", Until: start}
		for _, step := range []struct{ batch, want int }{{1, 1}, {600, 600}, {600, 2}, {600, 0}} {
			before := db.Statements()
			if n, err := db.Sweep(t.Context(), old, step.batch); n != step.want || err != nil {
				t.Fatalf("%d rows, %v, want %d", n, err, step.want)
			}
			if n := db.Statements() - before; n > 3 {
				t.Errorf("%d statements", n)
			}
		}
		left, err := db.Keys(t.Context(), "SELECT tenant_id, id FROM thing ORDER BY id")
		if err != nil || len(left) != 2 || !slices.Equal(left["one"], []string{"next"}) || !slices.Equal(left["two"], []string{"timeless"}) {
			t.Errorf("%v, %v", left, err)
		}
	})
}

func TestKeysEach(t *testing.T) {
	keys := sqldb.Keys{"one": make([]string, 1001)}
	var steps []int
	n, err := keys.Each(t.Context(), func(ctx context.Context, some []string) (int64, error) {
		if of, _ := tenant.From(ctx); of != "one" {
			t.Errorf("in the context of %q", of)
		}
		steps = append(steps, len(some))
		return 1, nil
	})
	if n != 3 || err != nil || !slices.Equal(steps, []int{500, 500, 1}) {
		t.Errorf("%d, %v, %v", n, err, steps)
	}
	failed := errors.New("failed")
	n, err = keys.Each(t.Context(), func(context.Context, []string) (int64, error) { return 2, failed })
	if n != 2 || !errors.Is(err, failed) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestTexts(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b"); err != nil {
			t.Fatal(err)
		}
		const query = "SELECT id FROM thing WHERE tenant_id = :tenant AND id <> ? ORDER BY id"
		for besides, want := range map[string][]string{"": {"a", "b"}, "a": {"b"}} {
			if got, err := sqldb.Texts(db.Query(ctx, query, besides)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v", got, err)
			}
		}
		if _, err := sqldb.Texts(db.Query(ctx, "SELECT nothing")); err == nil {
			t.Error("no error of a statement that is refused")
		}
	})
}
