package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/pressly/goose/v3"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// stepwise are the migrations for a database that changes schemas outside of transactions: each statement of a file is
// for good at once, so what is done is noted after each, and a server that was killed in the middle is carried on by the
// next one.
func stepwise(db *sqldb.DB, logical string, known []Migration) []*goose.Migration {
	j := newJournal(table(logical)+"_step", db.Dialect())
	all := make([]*goose.Migration, len(known))
	for i, m := range known {
		s := steps{journal: j, version: m.Version, statements: split(m.SQL)}
		all[i] = goose.NewGoMigration(m.Version, &goose.GoFunc{RunDB: s.run}, nil)
	}
	return all
}

// journal is the SQL for a table that says how many statements of each version the database has. Its rows stay.
type journal struct{ create, read, begin, note, forget string }

func newJournal(table string, d sqldb.Dialect) journal {
	first, second := "?", "?"
	if d == sqldb.CockroachDB {
		first, second = "$1", "$2"
	}
	return journal{
		create: "CREATE TABLE IF NOT EXISTS " + table + " (version bigint NOT NULL PRIMARY KEY, done bigint NOT NULL)",
		read:   "SELECT done FROM " + table + " WHERE version = " + first,
		begin:  "INSERT INTO " + table + " (version, done) VALUES (" + first + ", 0)",
		note:   "UPDATE " + table + " SET done = " + first + " WHERE version = " + second,
		forget: "DELETE FROM " + table + " WHERE version = " + first,
	}
}

// steps are the statements of one migration.
type steps struct {
	journal    journal
	version    int64
	statements []string
}

func (s steps) run(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, s.journal.create); err != nil {
		return err
	}
	var done int
	err := db.QueryRowContext(ctx, s.journal.read, s.version).Scan(&done)
	begun := err == nil
	if errors.Is(err, sql.ErrNoRows) {
		_, err = db.ExecContext(ctx, s.journal.begin, s.version)
	}
	if err != nil {
		return err
	}
	for i := done; i < len(s.statements); i++ {
		if writesRows.MatchString(comments.ReplaceAllString(s.statements[i], "")) {
			if err := s.rows(ctx, db, i); err != nil {
				return s.stopped(ctx, db, i, err)
			}
			continue
		}
		_, err := db.ExecContext(ctx, s.statements[i])
		// Whoever began may have been killed after this statement and before its note.
		if err != nil && (!begun || i > done || !sqldb.AlreadyDefined(err)) {
			return s.stopped(ctx, db, i, err)
		}
		if _, err := db.ExecContext(ctx, s.journal.note, i+1, s.version); err != nil {
			return err
		}
	}
	return nil
}

var writesRows = regexp.MustCompile(`^\s*(INSERT|UPDATE|DELETE)\b`)

// rows does a statement that writes rows and notes it, both or none: whether it was done cannot be told from what is there.
func (s steps) rows(ctx context.Context, db *sql.DB, at int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, s.statements[at]); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.journal.note, at+1, s.version); err != nil {
		return err
	}
	return tx.Commit()
}

// stopped tells how far it came. Where that is nowhere, the note goes too: then what is there already is not ours.
func (s steps) stopped(ctx context.Context, db *sql.DB, done int, cause error) error {
	if done == 0 {
		_, err := db.ExecContext(context.WithoutCancel(ctx), s.journal.forget, s.version)
		return errors.Join(cause, err)
	}
	return fmt.Errorf("%d of %d statements are done; mend the cause and run \"gatehouse migrate up\" to do the rest: %w", done, len(s.statements), cause)
}
