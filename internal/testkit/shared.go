package testkit

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Remote returns a cache on a Redis that waits long for answers, as one of several servers has it, once it is in use. It ends
// with the test.
func Remote(t testing.TB, r *Redis) *cache.Remote {
	t.Helper()
	c := cache.DefaultConfig()
	c.Redis.Addresses, c.Timeout = []string{r.Address}, time.Minute // longer than a configuration may say: a machine that is busy must not look like a cache that is
	remote, err := cache.NewRemote(cache.RemoteOptions{Config: c, Ring: Ring(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("testkit: the shared cache: %v", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- remote.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("testkit: the shared cache: %v", err)
		}
	})
	Eventually(t, "the shared cache answers", remote.Answers)
	return remote
}

// SharingFeed is Feed for servers that share a cache. Its positions are new after a second, because tests leave no
// transaction open.
func SharingFeed(t testing.TB, db *sqldb.DB) *sqldb.Feed {
	t.Helper()
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{Poll: 20 * time.Millisecond, Limit: time.Hour, Marks: true, Settle: time.Second})
	RunFeed(t, feed)
	return feed
}

// Settled waits until a feed has a position behind all that has been published so far: what is read from then on is believed by
// other servers.
func Settled(t testing.TB, db *sqldb.DB, feed *sqldb.Feed) {
	t.Helper()
	var newest int64
	if err := db.AllTenants().QueryRow(t.Context(), "SELECT COALESCE(MAX(id), 0) FROM "+db.Name()+"_change_feed").Scan(&newest); err != nil {
		t.Fatalf("testkit: the change feed: %v", err)
	}
	Eventually(t, "what was changed is settled", func() bool {
		p, ok := feed.Position()
		number, _, _ := strings.Cut(p.String(), ".")
		id, _ := strconv.ParseInt(number, 10, 64)
		return ok && id > newest
	})
}
