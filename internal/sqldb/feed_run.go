package sqldb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
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
	f.watchdog = time.AfterFunc(feedLimit, func() { f.unhealthy(ctx, errors.New("it was not read in time")) })
	var wg sync.WaitGroup
	defer func() {
		f.watchdog.Stop()
		f.healthy.Store(false)
		wg.Wait()
	}()
	if f.db.Dialect() == PostgreSQL {
		wg.Go(func() { f.listen(ctx) })
		wg.Go(func() { f.notify(ctx) })
	}
	f.loop(ctx)
	return nil
}

// loop reads at every turn, and in between when nudged.
func (f *Feed) loop(ctx context.Context) {
	turn := time.NewTicker(f.poll)
	defer turn.Stop()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	started := false
	for {
		if !started {
			started = f.attempt(ctx, f.begin)
		} else {
			f.attempt(ctx, f.read)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.nudge:
		case <-minute.C:
			f.prune(ctx)
		case <-turn.C:
			f.advance()
		}
	}
}

// attempt reads with a limit of time and keeps account of how it went.
func (f *Feed) attempt(ctx context.Context, read func(context.Context) error) bool {
	limited, cancel := context.WithTimeout(ctx, feedLimit*9/10)
	defer cancel()
	if err := read(limited); err != nil {
		if ctx.Err() == nil {
			f.unhealthy(ctx, err)
		}
		return false
	}
	now := f.db.core.now()
	if !f.last.IsZero() && now.Sub(f.last) > feedMinutes*time.Minute/2 {
		f.tellAll()
	}
	f.last = now
	f.watchdog.Reset(feedLimit)
	if !f.healthy.Swap(true) {
		f.db.core.log.InfoContext(ctx, "the change feed is read; caches are used", "database", f.db.Name())
	}
	return true
}

func (f *Feed) unhealthy(ctx context.Context, err error) {
	if f.healthy.Swap(false) {
		f.db.core.log.WarnContext(ctx, "the change feed cannot be read; caches are not used until it can", "database", f.db.Name(), "error", err)
	}
}

// begin finds where the feed stands. Nothing is remembered yet, so what was committed before need not be told.
func (f *Feed) begin(ctx context.Context) error {
	var newest int64
	if err := f.db.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0) FROM "+f.table).Scan(&newest); err != nil {
		return err
	}
	f.low = max(0, newest-feedPage)
	clear(f.seen)
	_, err := f.page(ctx, f.low, func(id int64, _ string, _ event) { f.seen[id] = struct{}{} })
	return err
}

// read tells what is new.
func (f *Feed) read(ctx context.Context) error {
	for after := f.low; ; {
		full, err := f.page(ctx, after, func(id int64, source string, e event) {
			after = id
			if _, known := f.seen[id]; known {
				return
			}
			f.seen[id] = struct{}{}
			if source != f.source {
				f.tell(e)
			}
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
	f.recent = append(f.recent, f.newest())
	if len(f.recent) <= feedTurns {
		return
	}
	f.low = max(f.low, f.recent[0])
	f.recent = slices.Delete(f.recent, 0, 1)
	for id := range f.seen {
		if id <= f.low {
			delete(f.seen, id)
		}
	}
}

func (f *Feed) newest() int64 {
	newest := f.low
	for id := range f.seen {
		newest = max(newest, id)
	}
	return newest
}

// prune deletes what was the past already some minutes ago. Every server does so; whoever comes second finds
// nothing. A failure is tried again a minute later.
func (f *Feed) prune(ctx context.Context) {
	f.minutes = append(f.minutes, f.newest())
	if len(f.minutes) <= feedMinutes {
		return
	}
	old := f.minutes[0]
	f.minutes = slices.Delete(f.minutes, 0, 1)
	if _, err := f.db.Exec(ctx, "DELETE FROM "+f.table+" WHERE id <= ?", old); err != nil && ctx.Err() == nil {
		f.db.core.log.WarnContext(ctx, "old changes were not deleted", "database", f.db.Name(), "error", err)
	}
}

// channel is what PostgreSQL's LISTEN and NOTIFY of this database use.
func (f *Feed) channel() string { return "gatehouse_" + f.db.Name() }

// listen waits for nudges on a connection of its own. When it breaks, reading in turns goes on alone.
func (f *Feed) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := f.listenOnce(ctx); err != nil && ctx.Err() == nil {
			f.db.core.log.DebugContext(ctx, "listening for changes broke; they are still found in turns", "database", f.db.Name(), "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
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
