package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"
)

// txKey marks a context inside a transaction of the database.
type txKey struct{ core *core }

// Tx is an open transaction. It is for one goroutine.
type Tx struct {
	core *core
	all  bool
	*txState
}

// txState is what a Tx and its AllTenants view share.
type txState struct {
	pg     *pgTx
	std    *sql.Tx
	failed error // the first statement that failed
	feed   *Feed
	events []event
	ends   []Insert
	after  []func()

	numbered time.Time // when its events were given their numbers, at the earliest; zero where they have none
}

// InTx runs fn in a transaction, commits when it returns nil and rolls back otherwise. When another
// transaction stood in the way, fn runs again, so it must not keep anything from a run that failed. A
// statement that failed dooms the transaction on every database, even when fn swallows its error.
//
// fn must use the context and the transaction that it is given; a transaction inside a transaction is refused.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(txKey{db.core}) != nil {
		return &Error{cause: errNested}
	}
	done, err := db.commit(ctx, fn)
	if err != nil {
		return err
	}
	late := done.feed != nil && done.feed.late(done)
	for _, f := range done.after {
		db.core.told(ctx, f)
	}
	if late {
		done.feed.again(ctx, done.events)
	}
	return nil
}

// commit runs attempts until one is committed.
func (db *DB) commit(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (done *Tx, err error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	defer db.leave()
	err = db.core.retry(ctx, func() error {
		done, err = db.try(ctx, fn)
		return err
	})
	return done, err
}

// told calls what waits for a commit. Whatever it does, the commit stands, and its caller must not take it for failed.
func (c *core) told(ctx context.Context, f func()) {
	defer func() {
		if r := recover(); r != nil { // the value may hold anything, so only its type is told
			c.log.ErrorContext(ctx, "what follows a commit panicked", "database", c.name, "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// try runs one attempt of a transaction.
func (db *DB) try(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (_ *Tx, err error) {
	tx := &Tx{core: db.core, all: db.all, txState: &txState{}}
	if err := tx.begin(ctx); err != nil {
		return nil, err
	}
	committed := false
	defer func() {
		if !committed { // an error or a panic
			tx.rollback(ctx)
		}
	}()
	err = fn(context.WithValue(ctx, txKey{db.core}, tx), tx)
	if tx.failed != nil && (err == nil || errors.Is(tx.failed, errConflict)) {
		err = tx.failed
	}
	for i := 0; err == nil && i < len(tx.ends); i++ {
		err = tx.AllTenants().InsertLater(ctx, tx.ends[i].Table, tx.ends[i].Columns, tx.ends[i].Rows)
	}
	if err == nil && len(tx.events) > 0 {
		err = tx.feed.write(ctx, tx)
	}
	if err == nil && ctx.Err() != nil {
		err = &Error{Statement: "commit", cause: ctx.Err()}
	}
	if err == nil {
		err = db.allowed()
	}
	if err != nil {
		return nil, err
	}
	committed = true // whatever comes out of it, there is nothing left to roll back
	if err := tx.commit(ctx); err != nil {
		tx.feed.unknown(tx.events) // it may have taken place all the same
		return nil, err
	}
	return tx, nil
}

func (tx *Tx) begin(ctx context.Context) error {
	var err error
	if c := tx.core; c.pg != nil {
		tx.pg, err = c.takeConn(ctx)
	} else {
		tx.std, err = c.write.db.BeginTx(ctx, nil)
	}
	return tx.core.wrap(ctx, "begin", err)
}

// CommitLimit is how long a commit may take until nobody waits for its outcome any more.
const CommitLimit = 10 * time.Second

// commit does not stop half-way because the caller leaves: then nobody would know what became of it.
func (tx *Tx) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CommitLimit)
	defer cancel()
	if tx.pg != nil {
		return tx.core.wrapCommit(ctx, tx.pg.commit(ctx))
	}
	return tx.core.wrapCommit(ctx, tx.std.Commit())
}

// rollback must reach the database even when the caller has gone.
func (tx *Tx) rollback(ctx context.Context) {
	if tx.pg != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		tx.pg.rollback(ctx)
		return
	}
	_ = tx.std.Rollback()
}

// AllTenants returns a view of the transaction whose statements need not name :tenant.
func (tx *Tx) AllTenants() *Tx { return &Tx{core: tx.core, all: true, txState: tx.txState} }

// Dialect tells which database this is.
func (tx *Tx) Dialect() Dialect { return tx.core.dialect }

// AfterCommit has f called once the transaction is committed, before InTx returns. An attempt that is rolled
// back takes its calls with it.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Now returns the clock's time; the zero time where Options.Now is missing.
func (tx *Tx) Now() time.Time { return tx.core.clock() }

// Name returns the logical database that Options named.
func (tx *Tx) Name() string { return tx.core.name }

// Exec implements Q.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	text, bound, err := tx.core.prepare(ctx, tx.all, query, args)
	if err != nil {
		return 0, tx.note(err)
	}
	tx.core.count.Add(1)
	n, err := tx.exec(ctx, text, bound)
	return n, tx.note(tx.core.wrap(ctx, query, err))
}

func (tx *Tx) exec(ctx context.Context, text string, bound []any) (int64, error) {
	if tx.pg != nil {
		tag, err := tx.pg.exec(ctx, text, bound)
		return tag.RowsAffected(), err
	}
	return tx.core.write.exec(ctx, tx.std, text, bound)
}

// Query implements Q.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	text, bound, err := tx.core.prepare(ctx, tx.all, query, args)
	if err != nil {
		return nil, tx.note(err)
	}
	rows := &Rows{core: tx.core, ctx: ctx, text: query, tx: tx}
	if err := tx.query(ctx, rows, text, bound); err != nil {
		return nil, tx.note(err)
	}
	return rows, nil
}

// QueryRow implements Q.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	text, bound, err := tx.core.prepare(ctx, tx.all, query, args)
	if err != nil {
		return &Row{err: tx.note(err)}
	}
	row := &Row{rows: Rows{core: tx.core, ctx: ctx, text: query, tx: tx}}
	row.err = tx.note(tx.query(tx.core.unwatched(ctx), &row.rows, text, bound))
	return row
}

func (tx *Tx) query(ctx context.Context, rows *Rows, text string, bound []any) error {
	tx.core.count.Add(1)
	var err error
	if tx.pg != nil {
		rows.pg, err = tx.pg.query(ctx, text, bound)
	} else {
		rows.std, err = tx.core.write.query(ctx, tx.std, text, bound)
	}
	return tx.core.wrap(rows.ctx, rows.text, err)
}

// note remembers the first failure.
func (tx *Tx) note(err error) error {
	if err != nil && tx.failed == nil && !errors.Is(err, ErrNoRows) {
		tx.failed = err
	}
	return err
}

const (
	retries  = 10
	waits    = 2 // for those that had waited for a lock already
	firstGap = 2 * time.Millisecond
	maxGap   = 100 * time.Millisecond
)

// retry runs f until it gets past other transactions, at most retries times, with growing pauses of random
// length so that those who collided do not meet again.
func (c *core) retry(ctx context.Context, f func() error) error {
	gap := firstGap
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !errors.Is(err, errConflict) {
			return err
		}
		if attempt == retries || attempt == waits && errors.Is(err, errLocked) {
			return &Error{kind: ErrUnavailable, cause: errors.New("gave up after " + strconv.Itoa(attempt) + " attempts: " + err.Error())}
		}
		pause := time.NewTimer(gap/2 + rand.N(gap))
		select {
		case <-ctx.Done():
			pause.Stop()
			return &Error{cause: ctx.Err()}
		case <-pause.C:
		}
		if err := ctx.Err(); err != nil { // the pause was over at the same time
			return &Error{cause: err}
		}
		gap = min(2*gap, maxGap)
	}
}
