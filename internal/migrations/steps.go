package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// stepwise are the migrations for a database that changes schemas outside of transactions: each statement of a file is
// for good at once, so what is done is noted after each, and a server that was killed in the middle is carried on by the
// next one.
func stepwise(db *sqldb.DB, logical string, known []Migration) []*goose.Migration {
	journal := table(logical) + "_step"
	all := make([]*goose.Migration, len(known))
	for i, m := range known {
		s := steps{journal: journal, version: m.Version, statements: split(m.SQL), bind: "?"}
		if db.Dialect() == sqldb.CockroachDB {
			s.bind = "$1"
		}
		all[i] = goose.NewGoMigration(m.Version, &goose.GoFunc{RunDB: s.run}, nil)
	}
	return all
}

// steps are the statements of one migration. The row of the journal says how many of them the database has; it stays.
type steps struct {
	journal    string
	version    int64
	statements []string
	bind       string // how the dialect marks the only argument of a statement
}

func (s steps) run(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+s.journal+" (version bigint NOT NULL PRIMARY KEY, done bigint NOT NULL)"); err != nil {
		return err
	}
	var done int
	err := db.QueryRowContext(ctx, "SELECT done FROM "+s.journal+" WHERE version = "+s.bind, s.version).Scan(&done)
	begun := err == nil
	if errors.Is(err, sql.ErrNoRows) {
		_, err = db.ExecContext(ctx, "INSERT INTO "+s.journal+" (version, done) VALUES ("+s.bind+", 0)", s.version) //nolint:gosec // the journal's name is ours
	}
	if err != nil {
		return err
	}
	for i := done; i < len(s.statements); i++ {
		_, err := db.ExecContext(ctx, s.statements[i])
		// Whoever began may have been killed after this statement and before its note.
		if err != nil && (!begun || i > done || !sqldb.AlreadyDefined(err)) {
			return s.stopped(ctx, db, i, err)
		}
		if _, err := db.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET done = %d WHERE version = %s", s.journal, i+1, s.bind), s.version); err != nil {
			return err
		}
	}
	return nil
}

// stopped tells how far it came. Where that is nowhere, the note goes too: then what is there already is not ours.
func (s steps) stopped(ctx context.Context, db *sql.DB, done int, cause error) error {
	if done == 0 {
		_, err := db.ExecContext(context.WithoutCancel(ctx), "DELETE FROM "+s.journal+" WHERE version = "+s.bind, s.version) //nolint:gosec // likewise
		return errors.Join(cause, err)
	}
	return fmt.Errorf("%d of %d statements are done; mend the cause and run \"gatehouse migrate up\" to do the rest: %w", done, len(s.statements), cause)
}
