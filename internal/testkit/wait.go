package testkit

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// patience is how long tests wait for what has no promise about its time. Nothing takes a hundredth of it, but for a machine
// that does other things.
const patience = time.Minute

// look is the pause between two looks at what is waited for.
const look = 2 * time.Millisecond

// Eventually waits until something holds, and fails the test when it does not within a minute. How soon it must hold is for
// Within to say.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(look) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// Feed returns a feed that runs for the length of the test and is healthy. It stays so when the database, or the test, is held
// up for a while, which would empty the caches: a test that counts statements needs it. Who may change something without being
// heard is what tests of the change feed's own promise look at, by feeds as they come: see RunFeed.
func Feed(t testing.TB, db *sqldb.DB) *sqldb.Feed {
	t.Helper()
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{Limit: time.Hour})
	RunFeed(t, feed)
	return feed
}

// RunFeed runs a feed for the length of the test, and returns when it is healthy.
func RunFeed(t testing.TB, feed *sqldb.Feed) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("testkit: the change feed: %v", err)
		}
	})
	Eventually(t, "the change feed is healthy", feed.Healthy)
}

// rounds is how often a promise is looked at before it counts as broken.
const rounds = 3

// Within holds the code to a promise about time: begin sets something in motion and returns how to see that it is done, which
// must be so within the bound.
//
// The machine may have other things to do, and then all is late, the test's own looks included. So only time in which this
// process was not held up counts, and a round that is late all the same is repeated, twice at most: begin is told which round it
// is. What the code delays is late in each round. What is not done within a minute never is.
func Within(t testing.TB, bound time.Duration, what string, begin func(round int) (done func() bool)) {
	t.Helper()
	for round := range rounds {
		w := NewStopwatch(t)
		done := begin(round)
		w.Reset()
		took := time.Duration(0)
		Eventually(t, what, func() bool {
			took = w.Elapsed() // before the look, which may take long itself
			return done()
		})
		w.Stop()
		if took <= bound {
			return
		}
		t.Logf("%s: after %s, %s are promised", what, took.Round(time.Millisecond), bound)
	}
	t.Errorf("%s: not within %s in any of %d rounds", what, bound, rounds)
}
