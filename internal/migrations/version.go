package migrations

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Newest returns the version of a logical database's last migration.
func Newest(logical string) (int64, error) {
	all, err := Rendered(sqldb.SQLite, logical)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// Version returns the version that a database is at: 0 where it has no schema, ErrNewer where this server does not know it.
func Version(ctx context.Context, db *sqldb.DB, logical string) (int64, error) {
	at, err := applied(ctx, db, logical)
	if err != nil {
		return 0, err
	}
	newest, err := Newest(logical)
	if err != nil {
		return 0, err
	}
	version := int64(0)
	for v := range at {
		version = max(version, v)
	}
	if version > newest {
		return 0, fmt.Errorf("%w: the %s database is at version %d, this server knows versions up to %d", ErrNewer, logical, version, newest)
	}
	return version, nil
}

// upTo leaves out what is later than version.
func upTo(all []Migration, version int64) []Migration {
	return slices.DeleteFunc(slices.Clone(all), func(m Migration) bool { return m.Version > version })
}

// UpTo is Up as far as a version: what an older server had. A database that is at a later one is refused with ErrNewer.
func UpTo(ctx context.Context, db *sqldb.DB, logical string, version int64) error {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return err
	}
	_, err = up(ctx, db, logical, upTo(known, version))
	return err
}

// Drop removes all that the migrations of a logical database have made, and everything in it. last, where it is a table of it,
// goes after all others: when Drop ends in the midst, it is still there. Drop that was ended goes on when it is called again.
func Drop(ctx context.Context, db *sqldb.DB, logical, last string) error {
	all, err := Rendered(sqldb.PostgreSQL, logical)
	if err != nil {
		return err
	}
	tables, err := catalogue(logical, all)
	if err != nil {
		return err
	}
	names := []string{table(logical) + "_step", table(logical)}
	for _, t := range tables {
		names = append(names, t.Name)
	}
	slices.Reverse(names) // those that were made later may refer to those before
	if slices.Contains(names, last) {
		names = append(slices.DeleteFunc(names, func(name string) bool { return name == last }), last)
	}
	for _, name := range names {
		if _, err := db.Raw().ExecContext(ctx, "DROP TABLE IF EXISTS "+name); err != nil {
			return fmt.Errorf("remove the table %s: %w", name, err)
		}
	}
	return nil
}
