package sqldb_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Many ask at once, some for the same row, some for one that is not there, some of another tenant: each gets its own
// answer, in fewer statements than questions.
func TestReader(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		const n = 40
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprint("row-", i)
		}
		if err := insert(ctx, db, ids...); err != nil {
			t.Fatal(err)
		}
		reader := sqldb.NewReader(db, func(ctx context.Context, q sqldb.Q, keys []string) (map[string]int, error) {
			rows, err := q.Query(ctx, "SELECT id, n FROM thing WHERE tenant_id = :tenant AND id IN (?)", keys)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			found := map[string]int{}
			for rows.Next() {
				var id string
				var value int
				if err := rows.Scan(&id, &value); err != nil {
					return nil, err
				}
				found[id] = value
			}
			return found, rows.Err()
		})
		before := db.Statements()
		var wg sync.WaitGroup
		for i := range 10 * n {
			wg.Go(func() {
				ctx, key, want := ctx, ids[i%n], true
				switch i % 10 {
				case 3:
					key, want = "nothing", false
				case 7:
					ctx, want = tenant.With(ctx, "another"), false
				}
				value, found, err := reader.Get(ctx, key)
				if err != nil || found != want || found && value != i%n {
					t.Errorf("%s: %d, %v, %v", key, value, found, err)
				}
			})
		}
		wg.Wait()
		if asked := db.Statements() - before; asked >= 10*n {
			t.Errorf("%d statements for %d questions", asked, 10*n)
		}
		reader.Close()
		if _, _, err := reader.Get(ctx, ids[0]); err == nil {
			t.Error("a closed reader answers")
		}
	})
}
