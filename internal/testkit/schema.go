package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// templateName names a logical database's template after what is in its migrations: servers outlive a test process, and
// several checkouts may use them.
func templateName(d sqldb.Dialect, logical string) (string, error) {
	rendered, err := migrations.Rendered(d, logical)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, m := range rendered {
		fmt.Fprintf(sum, "%d %s\n%s\n", m.Version, m.Name, m.SQL)
	}
	return "gatehouse_template_" + logical + "_" + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// migrate gives an empty database the schema of the logical database.
func migrate(ctx context.Context, dsn, logical string) error {
	db, err := sqldb.Open(ctx, dsn, sqldb.Options{Name: logical, Now: now})
	if err != nil {
		return err
	}
	_, err = migrations.Up(ctx, db, logical)
	return errors.Join(err, db.Close())
}
