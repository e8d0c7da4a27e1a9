package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Guarded updates in one exchange are counted one by one and in their order; one that fails leaves nothing behind.
func TestExecEach(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b"); err != nil {
			t.Fatal(err)
		}
		const rise = "UPDATE thing SET n = ? WHERE tenant_id = :tenant AND id = ? AND n = ?"
		before := db.Statements()
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant", 1); err != nil {
				return err
			}
			counts, err := tx.ExecEach(ctx, rise, [][]any{{2, "a", 1}, {3, "b", 7}, {4, "nobody", 1}, {5, "a", 2}, {6, "a", 1}})
			if want := []int64{1, 0, 0, 1, 0}; err == nil && !slices.Equal(counts, want) {
				t.Errorf("%v, want %v", counts, want)
			}
			if none, err := tx.ExecEach(ctx, rise, nil); err != nil || len(none) != 0 {
				t.Errorf("nothing to do: %v, %v", none, err)
			}
			return err
		})
		if n := db.Statements() - before; err != nil || n != 6 {
			t.Errorf("%v, %d statements", err, n)
		}
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { // as the first of its transaction
			_, err := tx.ExecEach(ctx, "UPDATE thing SET id = ? WHERE tenant_id = :tenant AND id = ?", [][]any{{"c", "a"}, {"c", "b"}})
			if !errors.Is(err, sqldb.ErrDuplicate) {
				t.Errorf("two of one key: %v", err)
			}
			return nil
		})
		if !errors.Is(err, sqldb.ErrDuplicate) {
			t.Errorf("a swallowed failure: %v", err)
		}
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			counts, err := tx.ExecEach(ctx, rise, [][]any{{9, "a", 5}, {9, "b", 1}})
			if want := []int64{1, 1}; err == nil && !slices.Equal(counts, want) {
				t.Errorf("after the failure: %v, want %v", counts, want)
			}
			_, unbound := tx.ExecEach(ctx, "UPDATE thing SET n = ?", [][]any{{1}})
			if !errors.Is(unbound, sqldb.ErrUnbound) {
				t.Errorf("without the tenant: %v", unbound)
			}
			return err
		})
		if !errors.Is(err, sqldb.ErrUnbound) {
			t.Errorf("a swallowed refusal: %v", err)
		}
	})
}
