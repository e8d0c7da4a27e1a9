package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var (
	// ErrPending says that the database lacks migrations that this server needs.
	ErrPending = errors.New("migrations are pending")
	// ErrNewer says that the database was migrated by a newer server.
	ErrNewer = errors.New("the database is newer than this server")
)

// State is one migration and whether the database has it.
type State struct {
	Migration
	Applied bool
	// AppliedAt is zero for a migration that is pending.
	AppliedAt time.Time
}

// Up applies what the database lacks, and returns what it applied, also beside an error. Servers that start at the same time take turns; all but the
// first find nothing to do. A database that is newer than this server is refused with ErrNewer.
func Up(ctx context.Context, db *sqldb.DB, logical string) ([]Migration, error) {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return nil, err
	}
	return up(ctx, db, logical, known)
}

func up(ctx context.Context, db *sqldb.DB, logical string, known []Migration) ([]Migration, error) {
	missing, err := pending(ctx, db, logical, known)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	unlock, err := lock(ctx, db, logical)
	if err != nil {
		return nil, fmt.Errorf("lock the %s database for its migration: %w", logical, err)
	}
	defer unlock()
	var done []Migration
	for attempt := 1; ; attempt++ {
		before := len(missing)
		if missing, err = pending(ctx, db, logical, known); err != nil || len(missing) == 0 {
			return done, err
		}
		applied, err := apply(ctx, db, logical, known)
		done = append(done, applied...)
		if err == nil {
			return done, nil
		}
		// SQLite has no lock to take: it fails where another handle was faster, and then less is missing.
		after, e := pending(ctx, db, logical, known)
		if db.Dialect() != sqldb.SQLite || e != nil || attempt > 1 && len(after) >= before || ctx.Err() != nil {
			return done, fmt.Errorf("migrate the %s database: %w", logical, err)
		}
		missing = after
	}
}

// apply hands the migrations to goose, which runs each in a transaction with its row in the table of versions, or step by
// step where schemas are changed outside of transactions, and returns those that it ran.
func apply(ctx context.Context, db *sqldb.DB, logical string, known []Migration) (done []Migration, err error) {
	dialect := map[sqldb.Dialect]database.Dialect{
		sqldb.SQLite: database.DialectSQLite3, sqldb.MySQL: database.DialectMySQL,
		sqldb.PostgreSQL: database.DialectPostgres, sqldb.CockroachDB: database.DialectPostgres,
	}[db.Dialect()]
	options := []goose.ProviderOption{goose.WithTableName(table(logical)), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true)}
	files := marked(known)
	if d := db.Dialect(); d == sqldb.MySQL || d == sqldb.CockroachDB {
		if err := beginVersions(ctx, db, table(logical)); err != nil {
			return nil, err
		}
		files, options = nil, append(options, goose.WithGoMigrations(stepwise(db, logical, known)...))
	}
	provider, err := goose.NewProvider(dialect, db.Raw(), files, options...)
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
	}
	for _, m := range known {
		if slices.ContainsFunc(results, func(r *goose.MigrationResult) bool { return r.Source.Version == m.Version }) {
			done = append(done, m)
		}
	}
	return done, err
}

// table is where the versions of a logical database are kept; all four may live in one database.
func table(logical string) string { return "goose_" + logical }

// Check returns nil when the database has exactly the migrations that this server knows, ErrPending when some
// are missing, and ErrNewer when it has more. The error tells what to do.
func Check(ctx context.Context, db *sqldb.DB, logical string) error {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return err
	}
	missing, err := pending(ctx, db, logical, known)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the %s database lacks %d (%s); run \"gatehouse migrate up\"", ErrPending, logical, len(missing), names(missing))
	}
	return nil
}

// Newer returns ErrNewer when the database was migrated by a newer server than this, and nil otherwise.
func Newer(ctx context.Context, db *sqldb.DB, logical string) error {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return err
	}
	_, err = pending(ctx, db, logical, known)
	return err
}

// Status returns every migration that this server knows, in order.
func Status(ctx context.Context, db *sqldb.DB, logical string) ([]State, error) {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return nil, err
	}
	at, err := applied(ctx, db, logical)
	if err != nil {
		return nil, err
	}
	states := make([]State, len(known))
	for i, m := range known {
		when, ok := at[m.Version]
		states[i] = State{Migration: m, Applied: ok, AppliedAt: when}
	}
	return states, nil
}

// Plan returns the SQL that Up would run, empty when there is nothing to do.
func Plan(ctx context.Context, db *sqldb.DB, logical string) (string, error) {
	known, err := Rendered(db.Dialect(), logical)
	if err != nil {
		return "", err
	}
	missing, err := pending(ctx, db, logical, known)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, m := range missing {
		fmt.Fprintf(&b, "-- %s/%s\n%s\n", logical, m.Name, m.SQL)
	}
	return b.String(), nil
}

// pending returns what the database lacks, or ErrNewer.
func pending(ctx context.Context, db *sqldb.DB, logical string, known []Migration) ([]Migration, error) {
	at, err := applied(ctx, db, logical)
	if err != nil {
		return nil, err
	}
	var missing []Migration
	newest := int64(0)
	for _, m := range known {
		if _, ok := at[m.Version]; !ok {
			missing = append(missing, m)
		}
		newest = max(newest, m.Version)
	}
	for version := range at {
		if version > newest {
			return nil, fmt.Errorf("%w: the %s database is at version %d, this server knows versions up to %d; start a server of the version that migrated it, or a later one", ErrNewer, logical, version, newest)
		}
	}
	return missing, nil
}

// applied reads the table of versions without making it.
func applied(ctx context.Context, db *sqldb.DB, logical string) (map[int64]time.Time, error) {
	at, err := readVersions(ctx, db, table(logical))
	if err != nil {
		return nil, fmt.Errorf("read the versions of the %s database: %w", logical, err)
	}
	return at, nil
}

// beginVersions adds the row of version zero, without which goose refuses its table, where whoever made the table was killed before
// he added it.
func beginVersions(ctx context.Context, db *sqldb.DB, table string) error {
	found, err := hasTable(ctx, db, table)
	if err != nil || !found {
		return err
	}
	var rows int
	if err := db.Raw().QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&rows); err != nil || rows > 0 {
		return err
	}
	_, err = db.Raw().ExecContext(ctx, "INSERT INTO "+table+" (version_id, is_applied) VALUES (0, TRUE)")
	return err
}

func hasTable(ctx context.Context, db *sqldb.DB, table string) (bool, error) {
	exists := map[sqldb.Dialect]string{
		sqldb.SQLite:      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + table + "'",
		sqldb.PostgreSQL:  "SELECT count(*) FROM (SELECT to_regclass('" + table + "') AS found) AS t WHERE found IS NOT NULL",
		sqldb.CockroachDB: "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '" + table + "'",
		sqldb.MySQL:       "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = '" + table + "'",
	}[db.Dialect()]
	var n int
	err := db.Raw().QueryRowContext(ctx, exists).Scan(&n)
	return n > 0, err
}

func readVersions(ctx context.Context, db *sqldb.DB, table string) (map[int64]time.Time, error) {
	if found, err := hasTable(ctx, db, table); err != nil || !found {
		return nil, err
	}
	rows, err := db.Raw().QueryContext(ctx, "SELECT version_id, tstamp FROM "+table+" WHERE version_id > 0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	at := make(map[int64]time.Time)
	for rows.Next() {
		var version int64
		var when sql.NullTime
		if err := rows.Scan(&version, &when); err != nil {
			return nil, err
		}
		at[version] = when.Time.UTC()
	}
	return at, rows.Err()
}

func names(all []Migration) string {
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = m.Name
	}
	return strings.Join(list, ", ")
}
