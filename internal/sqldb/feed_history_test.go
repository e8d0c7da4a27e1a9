package sqldb_test

import (
	"context"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// sharing is one server's view: a handle and a feed that remembers changes.
func sharing(t *testing.T, dsn string) (*sqldb.DB, *sqldb.Feed) {
	t.Helper()
	db := open(t, dsn)
	return db, testkit.SharingFeed(t, db)
}

func TestPositions(t *testing.T) {
	servers(t, func(t *testing.T, dsn string) {
		a, near := sharing(t, dsn)
		b, far := sharing(t, dsn)
		ctx := testkit.Context(t)
		publish := func(db *sqldb.DB, feed *sqldb.Feed, key string) {
			t.Helper()
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return feed.Publish(ctx, tx, "client", key) })
			if err != nil {
				t.Fatal(err)
			}
		}
		one, other := sqldb.Subject{Topic: "client", Key: "one"}, sqldb.Subject{Topic: "client", Key: "other"}
		publish(a, near, "one")
		if near.Unchanged(sqldb.Position{}, "default", one) {
			t.Error("no position at all is believed")
		}
		testkit.Settled(t, a, near)
		p, _ := near.Position()
		again, err := sqldb.ParsePosition(p.String())
		if err != nil || again != p {
			t.Errorf("%s comes back as %s: %v", p, again, err)
		}
		testkit.Eventually(t, "the other server knows the position", func() bool { return far.Unchanged(p, "default", one, other) })

		publish(b, far, "one")
		if far.Unchanged(p, "default", one) {
			t.Error("a change is unknown where it was made")
		}
		testkit.Eventually(t, "the change is heard", func() bool { return !near.Unchanged(p, "default", one) })
		if !near.Unchanged(p, "default", other) || !near.Unchanged(p, "elsewhere", one) {
			t.Error("a change of one is taken for one of another")
		}
		if _, cold := sharing(t, dsn); cold.Unchanged(p, "default", one) || !cold.Unchanged(p, "default", other) {
			t.Error("a server that comes later knows other changes")
		}
		testkit.Settled(t, a, near)
		p, _ = near.Position()
		testkit.Eventually(t, "what is read after the change is believed", func() bool { return far.Unchanged(p, "default", one, other) })
		publish(a, near, "") // everything of the tenant
		if near.Unchanged(p, "default", one) || near.Unchanged(p, "default", other) {
			t.Error("a change of everything is not one of each")
		}
		// Until this server has read its own change, whatever shares a place with it looks changed too.
		testkit.Eventually(t, "nothing changed elsewhere", func() bool { return near.Unchanged(p, "elsewhere", one) })

		// A database that was restored may number its rows as before.
		testkit.Settled(t, a, near)
		p, _ = near.Position()
		if _, err := a.AllTenants().Exec(ctx, "UPDATE oauth_change_feed SET item = ? WHERE topic = ?", "made elsewhere", "mark"); err != nil {
			t.Fatal(err)
		}
		if _, cold := sharing(t, dsn); cold.Unchanged(p, "default") {
			t.Error("a position in another feed of the same numbers is believed")
		}
	})
}

func TestParsePosition(t *testing.T) {
	for _, bad := range []string{"", ".", "1", "1.", ".x", "-1.x", "0.x", "x.x", "99999999999999999999.x"} {
		if p, err := sqldb.ParsePosition(bad); err == nil {
			t.Errorf("%q is %s", bad, p)
		}
	}
}
