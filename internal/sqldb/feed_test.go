package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// log collects what a feed tells.
type log struct {
	mu   sync.Mutex
	told map[string]int
}

func (l *log) note(t tenant.ID, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[string(t)+"/"+key]++
}

func (l *log) times(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told[what]
}

// unhurried is for feeds that must not count as cut off on a machine that is busy.
var unhurried = sqldb.FeedOptions{Limit: time.Hour}

// replica is one server's view: a handle and a feed that runs.
func replica(t *testing.T, dsn string, o sqldb.FeedOptions) (*sqldb.DB, *sqldb.Feed, *log) {
	t.Helper()
	db := open(t, dsn)
	f := sqldb.NewFeed(db, o)
	l := &log{told: make(map[string]int)}
	f.Subscribe("client", l.note)
	testkit.RunFeed(t, f)
	return db, f, l
}

// cutOff cuts the line of a feed, which has to say so.
func cutOff(t *testing.T, line *testkit.Line, far *sqldb.Feed) {
	t.Helper()
	testkit.Within(t, 1500*time.Millisecond, "the feed that is cut off says so", func(int) func() bool {
		line.Mend()
		testkit.Eventually(t, "the feed is healthy", far.Healthy)
		line.Cut()
		return func() bool { return !far.Healthy() }
	})
}

func migrate(t *testing.T, dsn string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = migrations.Up(t.Context(), db, "oauth")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// servers runs fn on the databases that several processes can share.
func servers(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite") {
			return // one process: see TestFeedAlone
		}
		migrate(t, dsn)
		fn(t, dsn)
	})
}

func publish(t *testing.T, db *sqldb.DB, f *sqldb.Feed, keys ...string) {
	t.Helper()
	err := db.InTx(testkit.Context(t), func(ctx context.Context, tx *sqldb.Tx) error {
		for _, key := range keys {
			if err := f.Publish(ctx, tx, "client", key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFeedBetweenServers(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		one, feed1, log1 := replica(t, dsn, unhurried)
		_, _, log2 := replica(t, dsn, unhurried)
		before, changes := one.Statements(), uint64(0)
		var all []string
		change := func(keys ...string) {
			publish(t, one, feed1, keys...)
			changes++
			for _, key := range keys {
				if all = append(all, "default/"+key); log1.times("default/"+key) != 1 {
					t.Error("the server that made the change was not told at once")
				}
			}
		}
		told := func() bool { return !slices.ContainsFunc(all, func(key string) bool { return log2.times(key) == 0 }) }
		testkit.Within(t, time.Second, "the other server is told", func(round int) func() bool {
			change(fmt.Sprint("a-", round), fmt.Sprint("b-", round))
			return told
		})
		testkit.Within(t, time.Second, "the other server is told all", func(round int) func() bool {
			for i := range 50 {
				change(fmt.Sprint(round, "-", i))
			}
			return told
		})
		time.Sleep(time.Second) // rows are read again for a while
		for _, key := range all {
			if log1.times(key) != 1 || log2.times(key) != 1 {
				t.Errorf("%s was told %d and %d times", key, log1.times(key), log2.times(key))
			}
		}
		if n := one.Statements() - before; n != changes {
			t.Errorf("%d changes took %d statements, or those of the feed itself are counted", changes, n)
		}
	})
}

// A row that was numbered before another one and committed after it must not be missed.
func TestFeedOutOfOrder(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		db, feed, _ := replica(t, dsn, unhurried)
		_, _, other := replica(t, dsn, unhurried)
		raw := open(t, dsn).Raw()
		testkit.Within(t, time.Second, "the earlier one is told", func(round int) func() bool {
			early, late := fmt.Sprint("slow-", round), fmt.Sprint("fast-", round)
			slow, err := raw.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = slow.ExecContext(t.Context(), "INSERT INTO oauth_change_feed (source, tenant_id, topic, item, changed_at) VALUES ('x', 'default', 'client', '"+early+"', CURRENT_TIMESTAMP)")
			if err != nil {
				t.Fatal(err)
			}
			publish(t, db, feed, late)
			testkit.Eventually(t, "the later one is told", func() bool { return other.times("default/"+late) == 1 })
			time.Sleep(600 * time.Millisecond) // more than one turn
			if err := slow.Commit(); err != nil {
				t.Fatal(err)
			}
			return func() bool { return other.times("default/"+early) == 1 }
		})
	})
}

// A process that was held up between giving a row its number and committing it may be so late that others wait for that row no more.
// They hear of the change all the same.
func TestFeedCommitsLate(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		over, line := testkit.NewLineTo(t, dsn)
		late, feed, _ := replica(t, over, sqldb.FeedOptions{Limit: time.Hour, Settle: 500 * time.Millisecond})
		db, prompt, other := replica(t, dsn, sqldb.FeedOptions{Limit: time.Hour, Settle: 500 * time.Millisecond, Poll: 20 * time.Millisecond})
		publish(t, late, feed, "before") // so that nothing is left to be prepared
		held, done := make(chan struct{}), make(chan error, 1)
		hold := sync.OnceFunc(func() { line.Hold(); close(held) })
		go func() {
			done <- late.InTx(testkit.Context(t), func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.AllTenants().Exec(ctx, "DELETE FROM oauth_change_feed WHERE topic = 'none'")
				hold() // the row will get its number, and its writer does not hear of it
				return errors.Join(err, feed.Publish(ctx, tx, "client", "late"))
			})
		}()
		<-held
		for i := range 2 {
			publish(t, db, prompt, fmt.Sprint("fence-", i))
			time.Sleep(700 * time.Millisecond) // longer than a row may stay uncommitted
		}
		line.Release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the late change is heard", func() bool { return other.times("default/late") > 0 })
	})
}

// A change of which nobody knows whether it is committed is published again when it must be known, and some times more; also by a process that
// ends meanwhile.
func TestFeedDoubts(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		quick := sqldb.FeedOptions{Limit: time.Hour, Settle: 300 * time.Millisecond, Poll: 20 * time.Millisecond}
		_, feed, _ := replica(t, dsn, quick)
		_, _, other := replica(t, dsn, quick)
		sqldb.CommitUnknown(feed, "client", "doubtful")
		testkit.Eventually(t, "the change is heard again and again", func() bool { return other.times("default/doubtful") > 2 })

		db := open(t, dsn)
		ending := sqldb.NewFeed(db, sqldb.FeedOptions{Settle: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = ending.Run(ctx) })
		testkit.Eventually(t, "the feed is read", ending.Healthy)
		sqldb.CommitUnknown(ending, "client", "ending")
		cancel()
		wg.Wait()
		testkit.Eventually(t, "the change of one that ends is heard", func() bool { return other.times("default/ending") == 1 })

		command := sqldb.NewFeed(db, sqldb.FeedOptions{}) // which does not run
		sqldb.CommitsLate(t.Context(), command, "client", "command")
		testkit.Eventually(t, "the late change of a command is heard", func() bool { return other.times("default/command") == 1 })
		if n := sqldb.Owes(command); n != 0 {
			t.Errorf("%d changes are published again without end", n)
		}
	})
}

// What could not be published again is, once the database answers.
func TestFeedDoubtsWhileCutOff(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		over, line := testkit.NewLineTo(t, dsn)
		quick := sqldb.FeedOptions{Limit: time.Hour, Settle: 300 * time.Millisecond, Poll: 20 * time.Millisecond}
		_, far, _ := replica(t, over, quick)
		_, _, other := replica(t, dsn, quick)
		line.Cut()
		sqldb.CommitUnknown(far, "client", "doubtful")
		time.Sleep(time.Second) // it is tried
		line.Mend()
		testkit.Eventually(t, "the change is heard", func() bool { return other.times("default/doubtful") > 0 })
	})
}

func TestFeedCutOff(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		db, feed, _ := replica(t, dsn, unhurried)
		over, line := testkit.NewLineTo(t, dsn)
		_, far, log := replica(t, over, sqldb.FeedOptions{})
		cutOff(t, line, far)
		publish(t, db, feed, "missed")
		if !feed.Healthy() {
			t.Error("the one that is not cut off is not healthy")
		}
		if far.Healthy() {
			t.Error("the one that is cut off is healthy")
		}
		told := log.times("/")
		line.Mend()
		testkit.Eventually(t, "the feed is healthy again", far.Healthy)
		if log.times("/") == told {
			t.Error("it is healthy before it told that anything may have changed")
		}
		tellsAgain(t, db, feed, log)
	})
}

// A feed that is believed for longer is so while it is cut off, and no longer; when it is heard again it begins anew, for nobody
// knows what was missed.
func TestFeedIsBelievedForAWhile(t *testing.T) {
	const limit = 3 * time.Second
	servers(t, func(t *testing.T, dsn string) {
		db, feed, _ := replica(t, dsn, unhurried)
		over, line := testkit.NewLineTo(t, dsn)
		_, far, log := replica(t, over, sqldb.FeedOptions{Limit: limit})
		testkit.Within(t, limit, "a short cut is survived", func(round int) func() bool {
			line.Mend()
			testkit.Eventually(t, "the feed is healthy", far.Healthy)
			told, begun := log.times("/"), time.Now()
			for i := range 2 { // whatever tells the second began to read after the first was told, and so after that time
				key := fmt.Sprint("fence-", round, "-", i)
				publish(t, db, feed, key)
				testkit.Eventually(t, "the feed is read", func() bool { return log.times("default/"+key) > 0 || log.times("/") > told })
			}
			line.Cut()
			time.Sleep(limit / 3) // some tries
			if !far.Healthy() && time.Since(begun) < limit {
				t.Error("it is not believed while it is cut off for less than its limit")
			}
			publish(t, db, feed, "missed")
			line.Mend()
			return func() bool { return log.times("/") > told }
		})
		testkit.Within(t, limit+500*time.Millisecond, "it is believed no longer than its limit", func(int) func() bool {
			line.Mend()
			testkit.Eventually(t, "the feed is healthy again", far.Healthy)
			line.Cut()
			return func() bool { return !far.Healthy() }
		})
		line.Mend()
		testkit.Eventually(t, "the feed is healthy in the end", far.Healthy)
		tellsAgain(t, db, feed, log)
	})
}

// tellsAgain holds a feed to its promise after it was cut off. A machine that is busy may cut it off once more; then it tells
// that anything may have changed.
func tellsAgain(t *testing.T, db *sqldb.DB, feed *sqldb.Feed, log *log) {
	t.Helper()
	testkit.Within(t, time.Second, "the other server is told again", func(round int) func() bool {
		key, all := fmt.Sprint("later-", round), log.times("/")
		publish(t, db, feed, key)
		return func() bool { return log.times("default/"+key) == 1 || log.times("/") > all }
	})
}

func TestFeedWithoutTable(t *testing.T) {
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite") {
			return
		}
		f := sqldb.NewFeed(open(t, dsn), unhurried)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := f.Run(ctx); err != nil || f.Healthy() {
			t.Errorf("%v, healthy %t", err, f.Healthy())
		}
	})
}

// An embedded database serves one process, so there is nobody to write to.
func TestFeedAlone(t *testing.T) {
	for _, dsn := range []string{"memory://" + t.Name(), "sqlite://" + t.TempDir() + "/"} {
		db, feed, log := replica(t, dsn, unhurried)
		before := db.Statements()
		publish(t, db, feed, "a")
		if log.times("default/a") != 1 || !feed.Healthy() || db.Statements() != before {
			t.Errorf("told %d times in %d statements", log.times("default/a"), db.Statements()-before)
		}
		err := db.InTx(testkit.Context(t), func(ctx context.Context, tx *sqldb.Tx) error {
			return errors.Join(feed.Publish(ctx, tx, "client", "b"), errors.New("boom"))
		})
		if err == nil || log.times("default/b") != 0 {
			t.Error("told of what was rolled back")
		}
		if err := db.InTx(testkit.Context(t), func(_ context.Context, tx *sqldb.Tx) error {
			return feed.Publish(t.Context(), tx, "client", "b")
		}); !errors.Is(err, sqldb.ErrNoTenant) {
			t.Errorf("without a tenant: %v", err)
		}
	}
}

// What comes after a commit may take its time. Caches are told before, whatever was asked for first.
func TestFeedTellsFirst(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
	told := false
	feed.Subscribe("client", func(tenant.ID, string) { told = true })
	err := db.InTx(tenant.With(t.Context(), tenant.Default), func(ctx context.Context, tx *sqldb.Tx) error {
		tx.AfterCommit(func() {
			if !told {
				t.Error("something else comes before caches are told")
			}
		})
		return feed.Publish(ctx, tx, "client", "a")
	})
	if err != nil || !told {
		t.Errorf("told: %v, %v", told, err)
	}
}

// Old rows go from the table after ten minutes, and from the reader's mind when none before them can be committed any more.
func TestFeedForgets(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		ctx := testkit.Context(t)
		writer, reader := sqldb.NewFeed(db, unhurried), sqldb.NewFeed(db, unhurried)
		turns := sqldb.NewTurns(reader)
		left := func() (n int) {
			if err := db.AllTenants().QueryRow(ctx, "SELECT count(*) FROM oauth_change_feed").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		publish(t, db, writer, "old", "old too")
		turns.Read(ctx)
		turns.Pass()
		turns.Minute(ctx)
		publish(t, db, writer, "new")
		turns.Read(ctx)
		for range 9 {
			turns.Minute(ctx)
		}
		if n := left(); n != 3 {
			t.Errorf("%d rows after ten minutes", n)
		}
		turns.Minute(ctx)
		if n := left(); n != 1 {
			t.Errorf("%d rows after eleven minutes", n)
		}
		if n := turns.Known(); n != 1 {
			t.Errorf("%d rows in mind before their time passed", n)
		}
		turns.Pass()
		if n := turns.Known(); n != 0 {
			t.Errorf("%d rows in mind after it", n)
		}
	})
}

// A server that was away cannot know what it missed: rows may be gone, and what was not committed when it looked last may
// be now, behind rows that it knows.
func TestFeedAway(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		var clock testkit.Clock
		db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth", Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		feed := sqldb.NewFeed(db, unhurried)
		l := &log{told: make(map[string]int)}
		feed.Subscribe("client", l.note)
		turns := sqldb.NewTurns(feed)
		for _, c := range []struct {
			away time.Duration
			want int
		}{{0, 1}, {54 * time.Minute, 1}, {2 * time.Hour, 2}, {time.Hour, 2}} {
			clock.Advance(c.away)
			turns.Pass()
			if !turns.Read(t.Context()) || l.times("/") != c.want {
				t.Errorf("away for %v: told %d times that anything may have changed", c.away, l.times("/"))
			}
		}
	})
}

// After a failover to a replica that lacks the newest rows, numbers are given out again.
func TestFeedNumbersGoBack(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		ctx := testkit.Context(t)
		over, line := testkit.NewLineTo(t, dsn)
		_, far, log := replica(t, over, sqldb.FeedOptions{})
		feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
		publish(t, db, feed, "a", "b", "c")
		testkit.Eventually(t, "the other server is told", func() bool { return log.times("default/c") == 1 || log.times("/") > 1 })
		cutOff(t, line, far)
		again := "TRUNCATE TABLE oauth_change_feed"
		if db.Dialect() == sqldb.PostgreSQL {
			again += " RESTART IDENTITY"
		}
		if _, err := db.AllTenants().Exec(ctx, again); err != nil {
			t.Fatal(err)
		}
		line.Mend()
		testkit.Eventually(t, "the feed is healthy again", far.Healthy)
		tellsAgain(t, db, feed, log) // what has old numbers
	})
}

// A commit whose answer was lost may take place after this process has told its subscribers, and after one of them has
// read the old state again.
func TestFeedTellsOwnChangeOfUnknownCommit(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		feed := sqldb.NewFeed(db, unhurried)
		l := &log{told: make(map[string]int)}
		feed.Subscribe("client", l.note)
		turns := sqldb.NewTurns(feed)
		turns.Read(t.Context())
		publish(t, db, feed, "sure")
		turns.CommitUnknown("client", "unsure")
		publish(t, db, feed, "unsure") // what the commit wrote, late
		turns.Read(t.Context())
		if n := l.times("default/unsure"); n != 3 {
			t.Errorf("told %d times: when it was asked for, when it took place, and when it was read", n)
		}
		turns.Pass()
		publish(t, db, feed, "later")
		turns.Read(t.Context())
		if n := l.times("default/later"); n != 1 {
			t.Errorf("told %d times of its own change after the doubt was over", n)
		}
	})
}
