package sqldb_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A statement that failed is prepared anew: what made it fail may be mended by then.
func TestStatementAfterItsFailure(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx := testkit.Context(t)
		for range 3 {
			if err := insert(ctx, db, "one"); err != nil {
				t.Fatal(err)
			}
			if err := insert(ctx, db, "one"); !errors.Is(err, sqldb.ErrDuplicate) {
				t.Errorf("the second time: %v", err)
			}
			if _, err := db.Exec(ctx, "DELETE FROM thing WHERE tenant_id = :tenant AND id = ?", "one"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
