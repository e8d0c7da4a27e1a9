package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Run reads the feed until ctx ends, which is no error.
func (f *Feed) Run(ctx context.Context) error {
	if f.local() {
		<-ctx.Done()
		return nil
	}
	if f.db.core.now == nil {
		return errors.New("a feed needs Options.Now of its database")
	}
	f.watchdog = time.AfterFunc(f.limit, func() { f.unhealthy(ctx) })
	var wg sync.WaitGroup
	defer func() {
		f.watchdog.Stop()
		f.healthy.Store(false)
		f.runs.Store(false)
		wg.Wait()
	}()
	f.runs.Store(true)
	wg.Go(func() { f.pruning(ctx) })
	wg.Go(func() { f.republishing(ctx) })
	if f.db.Dialect() == PostgreSQL {
		wg.Go(func() { f.listen(ctx) })
		wg.Go(func() { f.notify(ctx) })
	}
	if f.history != nil {
		wg.Go(func() { f.marking(ctx) })
	}
	f.loop(ctx)
	return nil
}

// loop reads at every turn, and in between when nudged.
func (f *Feed) loop(ctx context.Context) {
	turn := time.NewTicker(f.poll)
	defer turn.Stop()
	for {
		f.attempt(ctx)
		select {
		case <-ctx.Done():
			return
		case <-f.nudge:
		case <-turn.C:
			f.advance()
		}
	}
}

// attempt reads with a limit of time and keeps account of how it went. Who could not read does not know what it missed, nor
// whether the rows are still numbered as they were: a replica that took over may have lost some. It begins anew; until it
// could, what is remembered is believed as long as the limit says.
func (f *Feed) attempt(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, min(f.limit*9/10, feedPatience))
	defer cancel()
	asked := f.db.core.now()
	read := f.read
	if f.failure.Load() != nil || !f.healthy.Load() || asked.Sub(f.last) > f.limit {
		read = f.begin
	}
	done := f.history.reading()
	if err := read(limited); err != nil {
		if ctx.Err() == nil {
			f.failed(ctx, err)
		}
		return
	}
	done()
	failed := f.failure.Swap(nil) != nil
	f.last = asked                 // what was committed later may not have been seen
	first := !f.healthy.Swap(true) // before the watchdog is set: one that fires in between must not be the last
	f.watchdog.Reset(f.limit - min(f.limit, f.db.core.now().Sub(asked)))
	if first || failed {
		f.db.core.log.InfoContext(ctx, "the change feed is read; caches are used", "database", f.db.Name())
	}
}

// failed leaves it to the watchdog when what is remembered is believed no more, unless that is within a second, which has no
// room for another try.
func (f *Feed) failed(ctx context.Context, err error) {
	first := f.failure.Swap(&err) == nil
	if f.limit <= feedLimit {
		f.unhealthy(ctx)
	} else if first && f.healthy.Load() {
		f.db.core.log.WarnContext(ctx, "the change feed cannot be read; caches are believed for a while longer", "database", f.db.Name(), "limit", f.limit.String(), "error", err)
	}
}

func (f *Feed) unhealthy(ctx context.Context) {
	err := errors.New("it was not read in time")
	if failure := f.failure.Load(); failure != nil {
		err = *failure
	}
	if f.healthy.Swap(false) {
		f.db.core.log.WarnContext(ctx, "the change feed cannot be read; caches are not used until it can", "database", f.db.Name(), "error", err)
	}
}

// begin finds where the feed stands. What was committed before is not told one by one: everybody drops everything.
func (f *Feed) begin(ctx context.Context) error {
	var newest int64
	if err := f.db.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM "+f.table).Scan(&newest); err != nil {
		return err
	}
	f.low = max(0, newest-feedBehind)
	f.recent = nil
	clear(f.seen)
	fresh := f.history.anew()
	err := f.each(ctx, func(id int64, _ string, e event) {
		f.seen[id] = struct{}{}
		fresh.note(id, e)
	})
	if err != nil {
		return err
	}
	f.history.begin(fresh)
	f.prune.Store(0) // what a turn called old may be new, where the numbers went back
	f.tellAll()
	return nil
}

// read tells what is new.
func (f *Feed) read(ctx context.Context) error {
	return f.each(ctx, func(id int64, source string, e event) {
		if _, known := f.seen[id]; known {
			return
		}
		f.seen[id] = struct{}{}
		f.history.note(id, e)
		if source != f.source || f.doubt.Load() > 0 {
			f.tell(e)
		}
	})
}

// each calls do for every row behind low.
func (f *Feed) each(ctx context.Context, do func(id int64, source string, e event)) error {
	for after := f.low; ; {
		full, err := f.page(ctx, after, func(id int64, source string, e event) {
			after = id
			do(id, source, e)
		})
		if err != nil || !full {
			return err
		}
	}
}

func (f *Feed) page(ctx context.Context, after int64, each func(id int64, source string, e event)) (full bool, err error) {
	rows, err := f.db.Query(ctx, "SELECT id, source, tenant_id, topic, item FROM "+f.table+" WHERE id > ? ORDER BY id LIMIT ?", after, feedPage)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for rows.Next() {
		var id int64
		var source, of string
		var e event
		if err := rows.Scan(&id, &source, &of, &e.topic, &e.key); err != nil {
			return false, err
		}
		e.tenant = tenant.ID(of)
		each(id, source, e)
		n++
	}
	return n == feedPage, rows.Err()
}

// advance leaves behind what is so old that nothing before it can still be committed.
func (f *Feed) advance() {
	if left := f.doubt.Load(); left > 0 {
		f.doubt.CompareAndSwap(left, left-1) // one that failed meanwhile starts the count again
	}
	f.recent = append(f.recent, f.newest())
	if len(f.recent) <= f.turns() {
		return
	}
	f.low = max(f.low, f.recent[0])
	f.recent = slices.Delete(f.recent, 0, 1)
	f.prune.Store(f.low)
	f.history.settled(f.low)
	for id := range f.seen {
		if id <= f.low {
			delete(f.seen, id)
		}
	}
}

// turns is how many turns a row may stay uncommitted.
func (f *Feed) turns() int { return int(f.settle/f.poll) + 1 }

func (f *Feed) newest() int64 {
	newest := f.low
	for id := range f.seen {
		newest = max(newest, id)
	}
	return newest
}

// pruning deletes, some minutes later, what was the past. It has a time of its own, because deleting may have to wait and
// reading must not. Every server does so; whoever comes second finds nothing. A failure is tried again a minute later.
func (f *Feed) pruning(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	var past []int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-minute.C:
			past = f.minute(ctx, past)
		}
	}
}

// minute deletes what was the past ten minutes ago. past is where the past ended at each of the minutes before.
func (f *Feed) minute(ctx context.Context, past []int64) []int64 {
	ends := f.prune.Load()
	if n := len(past); n > 0 && ends < past[n-1] {
		past = nil // the feed began anew
	}
	past = append(past, ends)
	if len(past) <= feedMinutes {
		return past
	}
	if err := f.deleteUpTo(ctx, past[0]); err != nil {
		if ctx.Err() == nil {
			f.db.core.log.WarnContext(ctx, "old changes were not deleted", "database", f.db.Name(), "error", err)
		}
		return past
	}
	return slices.Delete(past, 0, len(past)-feedMinutes)
}

// deleteUpTo deletes in small transactions, so that nobody waits for one of them.
func (f *Feed) deleteUpTo(ctx context.Context, old int64) error {
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var first sql.NullInt64
	if err := f.db.QueryRow(limited, "SELECT MIN(id) FROM "+f.table).Scan(&first); err != nil || !first.Valid {
		return err
	}
	for low := first.Int64; low <= old; low += feedPage {
		_, err := f.db.Exec(limited, "DELETE FROM "+f.table+" WHERE id >= ? AND id < ?", low, min(low+feedPage, old+1))
		if err != nil {
			return err
		}
	}
	return nil
}

// channel is what PostgreSQL's LISTEN and NOTIFY of this database use.
func (f *Feed) channel() string { return "gatehouse_" + f.db.Name() }

// listen waits for nudges on a connection of its own. When it breaks, reading in turns goes on alone.
func (f *Feed) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := f.listenOnce(ctx); err != nil && ctx.Err() == nil {
			f.db.core.log.DebugContext(ctx, "listening for changes broke; they are still found in turns", "database", f.db.Name(), "error", err)
		}
		wait.For(ctx, time.Second)
	}
}

func (f *Feed) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, f.db.core.pg.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{f.channel()}.Sanitize()); err != nil {
		return err
	}
	for {
		wake(f.nudge) // the first time for what came while nobody listened
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// notify nudges the other servers after commits: outside of their transactions, because PostgreSQL lets
// transactions that notify commit only one after the other, and once for all that came meanwhile.
func (f *Feed) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
			limited, cancel := context.WithTimeout(ctx, feedLimit)
			_, _ = f.db.Exec(limited, "SELECT pg_notify(?, '')", f.channel())
			cancel()
		}
	}
}
