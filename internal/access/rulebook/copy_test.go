package rulebook

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A server that starts while a source is out of reach, or has rules that cannot be, begins with what was in force last.
func TestAStartWithoutASource(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		site := serveRules(t)
		site.answer(200, strings.Replace(rulesText("a"), `"id"`, `"description":"hush hush","id"`, 1))
		url := site.URL + "/rules?key=the-secret"
		if one := replicas(t, db, 1, url, inline(rulesText("z")))[0]; ids(one.engine) != "a z" {
			t.Fatalf("%+v", one.book.Status())
		}
		var kept string
		if err := db.AllTenants().QueryRow(t.Context(), `SELECT document FROM access_rule_copy`).Scan(&kept); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(kept, "hush hush") || len(kept) < 100 {
			t.Errorf("is not sealed: %s", kept)
		}
		for name, answer := range map[string]func(){
			"out of reach":             func() { site.answer(503, "") },
			"no rules":                 func() { site.answer(200, "[{]") },
			"rules that cannot be":     func() { site.answer(200, strings.ReplaceAll(rulesText("b"), `"allow"`, `"unheard-of"`)) },
			"rules that others forbid": func() { site.answer(200, rulesText("other", "z")) },
		} {
			answer()
			// Another source beside it is loaded with its newest rules.
			one := replicas(t, db, 1, url, inline(rulesText("z")))[0]
			testkit.Eventually(t, name, func() bool { return ids(one.engine) == "a z" })
			st := one.book.Status()[0]
			if st.KeptAt.IsZero() || st.State != SourceRefused && st.State != SourceUnreachable || one.book.Ready() != nil {
				t.Errorf("%s: %+v, %v", name, st, one.book.Ready())
			}
			if text := strings.Join(one.book.Warnings(), "\n"); !strings.Contains(text, "in force is what was kept of") || strings.Contains(text, "the-secret") {
				t.Errorf("%s: %s", name, text)
			}
			site.answer(200, rulesText("a"))
			testkit.Eventually(t, name+" has ended", func() bool {
				st := one.book.Status()[0]
				return st.State == SourceLoaded && st.KeptAt.IsZero() && ids(one.engine) == "a z"
			})
		}
		site.answer(503, "")
		if one := replicas(t, db, 1, site.URL+"/another")[0]; one.book.Ready() == nil || ids(one.engine) != "" {
			t.Errorf("another source begins with the copy: %+v", one.book.Status())
		}
	})
}

// What the source had already when the copy was made is not sent again.
func TestAStartResumesWithTheEntityTag(t *testing.T) {
	db := testkit.SQLite(t, "management")
	site := serveRules(t)
	site.answer(200, rulesText("a"))
	replicas(t, db, 1, site.URL)
	site.answer(503, "")
	one := replicas(t, db, 1, site.URL)[0]
	if ids(one.engine) != "a" {
		t.Fatalf("%+v", one.book.Status())
	}
	full, _ := site.counts()
	site.answer(200, rulesText("a"))
	testkit.Eventually(t, "it is loaded", func() bool { return one.book.Status()[0].State == SourceLoaded })
	if after, known := site.counts(); after != full || known == 0 || !one.book.Status()[0].KeptAt.IsZero() {
		t.Errorf("sent %d times more", after-full)
	}
}

func TestCopies(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), testkit.Ring(t), (&testkit.Clock{}).Now)
		ctx := testkit.Context(t)
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		if _, err := s.copyOf(ctx, "x", 1<<20); !errors.Is(err, errNoCopy) {
			t.Error(err)
		}
		for _, d := range []source.Document{{Text: []byte("old"), Read: now}, {Text: []byte("new"), ETag: `"1"`, Modified: "then", Read: now.Add(time.Hour)}, {Text: []byte("late"), Read: now.Add(time.Minute)}} {
			if err := s.keepCopy(ctx, "x", &d); err != nil {
				t.Fatal(err)
			}
		}
		d, err := s.copyOf(ctx, "x", 1<<20)
		if err != nil || string(d.Text) != "new" || d.ETag != `"1"` || d.Modified != "then" || !d.Read.Equal(now.Add(time.Hour)) {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := s.copyOf(tenant.With(ctx, "acme"), "x", 1<<20); !errors.Is(err, errNoCopy) {
			t.Errorf("another tenant's: %v", err)
		}
		if err := s.keepCopy(ctx, "y", &source.Document{Text: bytes.Repeat([]byte("a"), 3<<20), Read: now}); err != nil {
			t.Error(err)
		}
		if _, err := s.copyOf(ctx, "y", 1<<10); err == nil {
			t.Error("more is read than may be")
		}
	})
}

// A database that fails for a while when a copy is to be kept, or wanted, is asked again.
func TestCopiesWaitForTheDatabase(t *testing.T) {
	db := testkit.SQLite(t, "management")
	site := serveRules(t)
	clock := new(testkit.Clock)
	start := func() (*Book, *engine.Engine) {
		feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
		testkit.RunFeed(t, feed)
		e := sourceEngine()
		b, err := New(Options{Engine: e, Config: fast(site.URL), Store: NewStore(db, feed, testkit.Ring(t), clock.Now), Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		b.Start(t.Context())
		run(t, b)
		return b, e
	}
	rename := func(from, to string) {
		t.Helper()
		if _, err := db.AllTenants().Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	const table, away = "access_rule_copy", "access_rule_copy_away"
	rename(table, away)
	site.answer(200, rulesText("a"))
	if b, e := start(); ids(e) != "a" {
		t.Fatalf("%+v", b.Status())
	}
	rename(away, table)
	clock.Advance(copyPause)
	testkit.Eventually(t, "the copy is kept", func() bool {
		var n int
		err := db.AllTenants().QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n)
		return err == nil && n == 1
	})
	rename(table, away)
	site.answer(503, "")
	b, e := start()
	if b.Ready() == nil {
		t.Fatalf("%+v", b.Status())
	}
	rename(away, table)
	clock.Advance(copyPause)
	testkit.Eventually(t, "the copy is found", func() bool { return b.Ready() == nil && ids(e) == "a" })
}
