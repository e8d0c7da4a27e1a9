package sqldb_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// onPostgres runs fn on a fresh PostgreSQL database with the tables of withThing.
func onPostgres(t *testing.T, fn func(t *testing.T, dsn string, db *sqldb.DB)) {
	t.Helper()
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "postgres") {
			fn(t, dsn, withThing(t, open(t, dsn)))
		}
	})
}

// exchanges counts what one connection asks of PostgreSQL and waits for: its Query and Sync messages.
type exchanges struct {
	n       *atomic.Int64
	started bool
	rest    []byte
}

// Write takes what the client sends.
func (e *exchanges) Write(p []byte) (int, error) {
	e.rest = append(e.rest, p...)
	for {
		at := 1 // a message begins with its kind, but for the first
		if !e.started {
			at = 0
		}
		if len(e.rest) < at+4 {
			return len(p), nil
		}
		size := at + int(binary.BigEndian.Uint32(e.rest[at:]))
		if len(e.rest) < size {
			return len(p), nil
		}
		if e.started && (e.rest[0] == 'Q' || e.rest[0] == 'S') {
			e.n.Add(1)
		}
		e.started = true
		e.rest = e.rest[size:]
	}
}

// What a transaction costs on PostgreSQL: BEGIN comes with the first statement, and what need not be answered with COMMIT.
func TestTxExchanges(t *testing.T) {
	onPostgres(t, func(t *testing.T, dsn string, _ *sqldb.DB) {
		over, line := testkit.NewLineTo(t, dsn)
		var n atomic.Int64
		line.Overhear(func() io.Writer { return &exchanges{n: &n} })
		u, _ := url.Parse(over)
		u.RawQuery += "&sslmode=disable"
		db := open(t, u.String())
		ctx := testkit.Context(t)
		update := func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant AND id = ?", 1, "a")
			return err
		}
		read := func(ctx context.Context, tx *sqldb.Tx) error {
			var count int
			return tx.QueryRow(ctx, "SELECT count(*) FROM thing WHERE tenant_id = :tenant AND n > ?", 0).Scan(&count)
		}
		later := func(ctx context.Context, tx *sqldb.Tx) error { return insertLater(ctx, tx, "b") }
		boom := errors.New("boom")
		fail := func(context.Context, *sqldb.Tx) error { return boom }
		type steps []func(context.Context, *sqldb.Tx) error
		for _, c := range []struct {
			what string
			do   steps
			want int64
		}{
			{"nothing", nil, 0},
			{"nothing, and an error", steps{fail}, 0},
			{"a statement", steps{update}, 2},
			{"a row", steps{read}, 2},
			{"two statements", steps{update, read}, 3},
			{"rows for later", steps{later}, 1},
			{"a statement and rows for later", steps{update, later}, 2},
			{"rows for later and a statement", steps{later, update}, 2},
			{"rows for later, and an error", steps{later, fail}, 0},
			{"a statement, and an error", steps{update, fail}, 2},
		} {
			run := func() error {
				return db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					for _, step := range c.do {
						if err := step(ctx, tx); err != nil {
							return err
						}
					}
					return nil
				})
			}
			for warm := range 2 { // the first time statements are prepared
				do(t, db, "DELETE FROM thing")
				before := n.Load()
				if err := run(); err != nil && !errors.Is(err, boom) {
					t.Fatalf("%s: %v", c.what, err)
				}
				if got := n.Load() - before; warm == 1 && got != c.want {
					t.Errorf("%s: %d exchanges, want %d", c.what, got, c.want)
				}
			}
		}
	})
}

// A database may ask for another run at the first statement, or at COMMIT; then everything runs again, once.
func TestTxRunsAgainFromEitherEnd(t *testing.T) {
	onPostgres(t, func(t *testing.T, _ string, db *sqldb.DB) {
		ctx := testkit.Context(t)
		for _, text := range []string{
			"CREATE SEQUENCE tries",
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('tries') < 3 THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF; RETURN NEW; END $$`,
		} {
			do(t, db, text)
		}
		for when, text := range map[string]string{
			"first":  "CREATE TRIGGER refuse BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION refuse()",
			"commit": "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
		} {
			for how, put := range map[string]func(context.Context, *sqldb.Tx, ...string) error{
				"rows":  func(ctx context.Context, tx *sqldb.Tx, ids ...string) error { return insert(ctx, tx, ids...) },
				"later": insertLater,
			} {
				do(t, db, "ALTER SEQUENCE tries RESTART")
				do(t, db, text)
				runs, told := 0, 0
				err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					runs++
					tx.AfterCommit(func() { told++ })
					return put(ctx, tx, when+how)
				})
				if err != nil || runs != 3 || told != 1 {
					t.Errorf("%s, %s: %v after %d runs, told %d times", when, how, err, runs, told)
				}
				do(t, db, "DROP TRIGGER refuse ON thing")
			}
		}
		if n := count(t, db); n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
	})
}

// What COMMIT refuses is not there, and the connection is good for the next.
func TestTxCommitFails(t *testing.T) {
	onPostgres(t, func(t *testing.T, _ string, db *sqldb.DB) {
		ctx := testkit.Context(t)
		do(t, db, "ALTER TABLE part ALTER CONSTRAINT part_tenant_id_thing_id_fkey DEFERRABLE INITIALLY DEFERRED")
		for range 20 {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				tx.AfterCommit(func() { t.Error("told of what was refused") })
				if _, err := tx.Exec(ctx, "INSERT INTO part (tenant_id, id, thing_id) VALUES (:tenant, ?, ?)", "p", "none"); err != nil {
					t.Errorf("refused before the commit: %v", err)
				}
				return insertLater(ctx, tx, "a")
			})
			if !errors.Is(err, sqldb.ErrForeignKey) {
				t.Error(err)
			}
		}
		if n := count(t, db); n != 0 {
			t.Errorf("%d rows are there", n)
		}
	})
}

// The line breaks before the first statement, before the commit, and afterwards there is one again.
func TestTxLineBreaks(t *testing.T) {
	onPostgres(t, func(t *testing.T, dsn string, _ *sqldb.DB) {
		ctx := testkit.Context(t)
		over, line := testkit.NewLineTo(t, dsn)
		db := open(t, over)
		for _, when := range []string{"begin", "commit"} {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				if when == "begin" {
					line.Cut()
				}
				err := insert(ctx, tx, when)
				line.Cut()
				return err
			})
			if !errors.Is(err, sqldb.ErrUnavailable) {
				t.Errorf("%s: %v", when, err)
			}
			line.Mend()
			if n := count(t, db); n != 0 {
				t.Errorf("%s: %d rows are there", when, n)
			}
		}
	})
}

// Who waits for a lock with the first statement may leave: the line is given up, and neither a lock nor a transaction stays.
func TestTxLeftWhileWaiting(t *testing.T) {
	onPostgres(t, func(t *testing.T, _ string, db *sqldb.DB) {
		ctx := testkit.Context(t)
		if err := insert(ctx, db, "a", "b"); err != nil {
			t.Fatal(err)
		}
		const update = "UPDATE thing SET n = n + 1 WHERE tenant_id = :tenant AND id = ?"
		err := db.InTx(ctx, func(txCtx context.Context, tx *sqldb.Tx) error {
			if _, err := tx.Exec(txCtx, update, "a"); err != nil {
				return err
			}
			for range 20 {
				short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
				err := db.InTx(short, func(ctx context.Context, tx *sqldb.Tx) error {
					if err := insertLater(ctx, tx, "c"); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, update, "a")
					return err
				})
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
	})
}
