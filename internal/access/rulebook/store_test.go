package rulebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// replica is one server on a database.
type replica struct {
	book   *Book
	engine *engine.Engine
	store  *Store
}

// replicas makes servers that share a database, and their rules with it.
func replicas(t testing.TB, db *sqldb.DB, n int, repositories ...string) []replica {
	t.Helper()
	var list []replica
	var feed *sqldb.Feed
	for i := range n {
		if i == 0 || db.Dialect() != sqldb.SQLite { // there, one process is all there is
			feed = sqldb.NewFeed(db, sqldb.FeedOptions{})
			testkit.RunFeed(t, feed)
		}
		r := replica{engine: sourceEngine(), store: NewStore(db, feed, testkit.Ring(t), (&testkit.Clock{}).Now)}
		var err error
		r.book, err = New(Options{Engine: r.engine, Config: fast(repositories...), Store: r.store, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		r.book.Start(t.Context())
		run(t, r.book)
		list = append(list, r)
	}
	return list
}

func rulesOf(t *testing.T, text string) []access.Rule {
	t.Helper()
	rules, err := access.ParseRules([]byte(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestASetIsReplacedAsAWhole(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		one := replicas(t, db, 1)[0]
		ctx := testkit.Context(t)
		if one.book.Ready() != nil {
			t.Fatalf("%+v", one.book.Status())
		}
		done, err := one.book.Replace(ctx, "team", rulesOf(t, rulesText("a", "b", "c")), nil)
		if err != nil || cmp.Diff([]string{"a", "b", "c"}, done.Added) != "" || done.Rules != 3 || ids(one.engine) != "a b c" {
			t.Fatalf("%+v, %v; in force are %q", done, err, ids(one.engine))
		}
		stored, etag, err := one.book.Set(ctx, "team")
		if err != nil || len(stored) != 3 || etag != done.ETag || stored[0].Source != "api:team" {
			t.Errorf("%d rules with %s, %v", len(stored), etag, err)
		}
		changed := strings.Replace(rulesText("c", "b", "d"), `"id":"b"`, `"id":"b","description":"new"`, 1)
		done, err = one.book.Replace(ctx, "team", rulesOf(t, changed), precondition.Of(etag, ""))
		want := &Change{Set: "team", Rules: 3, Added: []string{"d"}, Changed: []string{"b"}, Removed: []string{"a"}, InForce: true}
		if err != nil {
			t.Fatal(err)
		}
		want.ETag = done.ETag
		if diff := cmp.Diff(want, done, cmp.AllowUnexported(Change{})); diff != "" || ids(one.engine) != "c b d" {
			t.Errorf("in force are %q (-want +got):\n%s", ids(one.engine), diff)
		}
		if _, err := one.book.Replace(ctx, "team", nil, precondition.Of(etag, "")); !errors.Is(err, ErrStale) {
			t.Errorf("a set that has changed is replaced: %v", err)
		}
		if done, err = one.book.Replace(ctx, "team", nil, precondition.Of("*", "")); err != nil || len(done.Removed) != 3 || ids(one.engine) != "" {
			t.Errorf("%+v, %v; in force are %q", done, err, ids(one.engine))
		}
	})
}

func TestStatementsOfAChange(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		store := NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), testkit.Ring(t), (&testkit.Clock{}).Now)
		book, err := New(Options{Engine: sourceEngine(), Config: fast(), Store: store, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx := testkit.Context(t)
		costs := func(what string, most uint64, do func() error) {
			t.Helper()
			before := db.Statements()
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if n := db.Statements() - before; n > most {
				t.Errorf("%s costs %d statements, and %d are enough", what, n, most)
			}
		}
		var many []string
		for i := range 100 {
			many = append(many, fmt.Sprint("rule-", i))
		}
		read := func() error { book.check(ctx, book.api); return book.Ready() }
		costs("the first reading", 2, read)
		costs("a reading of what is known", 1, read)
		// Read revision and rules; raise the one, write the others (in three pieces, but on PostgreSQL), tell the activity log
		// and the feed. What is in force then is known, and not read again.
		costs("a new set of a hundred rules", 8, func() error {
			_, err := book.Replace(ctx, "many", rulesOf(t, rulesText(many...)), nil)
			return err
		})
		costs("the same set again", 2, func() error {
			_, err := book.Replace(ctx, "many", rulesOf(t, rulesText(many...)), nil)
			return err
		})
		costs("a changed set, all of whose rules move up", 10, func() error {
			_, err := book.Replace(ctx, "many", rulesOf(t, rulesText(many[1:]...)), nil)
			return err
		})
		costs("another rule", 6, func() error {
			_, err := book.Put(ctx, "many", rulesOf(t, ruleText("one", "/one"))[0], true, nil)
			return err
		})
		costs("twenty other rules at once", 20*6, func() error {
			rules, failed := rulesOf(t, rulesText(many[:20]...)), make(chan error, 20)
			for i, rule := range rules {
				rule.ID = fmt.Sprint("at-once-", i)
				rule.Match.URL += "/at-once"
				go func() {
					_, err := book.Put(ctx, "many", rule, true, nil)
					failed <- err
				}()
			}
			var all error
			for range rules {
				all = errors.Join(all, <-failed)
			}
			return all
		})
		costs("a removed rule", 6, func() error {
			_, err := book.Remove(ctx, "one", nil)
			return err
		})
		costs("a reading when the change is heard of", 1, read)
	})
}

func TestOtherReplicasFollowWithinASecond(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		all := replicas(t, db, 2)
		ctx := testkit.Context(t)
		testkit.Eventually(t, "both are ready", func() bool { return all[0].book.Ready() == nil && all[1].book.Ready() == nil })
		for i := range 3 {
			testkit.Within(t, time.Second, "the other one follows", func(round int) func() bool {
				want := fmt.Sprint("rule-", i, "-", round)
				if _, err := all[i%2].book.Replace(ctx, "team", rulesOf(t, rulesText(want)), nil); err != nil {
					t.Fatal(err)
				}
				if got := ids(all[i%2].engine); got != want {
					t.Errorf("the server that was told has %q in force, and not %q", got, want)
				}
				return func() bool { return ids(all[(i+1)%2].engine) == want }
			})
		}
	})
}

func TestOneRuleIsWritten(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		one := replicas(t, db, 1)[0]
		ctx := testkit.Context(t)
		a := rulesOf(t, ruleText("a", "/a"))[0]
		made, err := one.book.Put(ctx, "default", a, true, nil)
		if err != nil || !made.created {
			t.Fatalf("%+v, %v", made, err)
		}
		if _, err := one.book.Put(ctx, "default", a, true, nil); !errors.Is(err, ErrExists) {
			t.Errorf("it is made twice: %v", err)
		}
		if _, err := one.book.Put(ctx, "default", a, false, precondition.Of("", "*")); !errors.Is(err, ErrStale) {
			t.Errorf("If-None-Match: *: %v", err)
		}
		a.Description = "changed"
		next, err := one.book.Put(ctx, "elsewhere", a, false, precondition.Of(made.ETag, ""))
		if err != nil || next.created || next.Set != "default" || len(next.Changed) != 1 || one.engine.Rules()[0].Description != "changed" {
			t.Errorf("%+v, %v", next, err)
		}
		if _, err := one.book.Remove(ctx, "a", precondition.Of(made.ETag, "")); !errors.Is(err, ErrStale) {
			t.Errorf("a rule that has changed is removed: %v", err)
		}
		if _, err := one.book.Remove(ctx, "a", precondition.Of(next.ETag, "")); err != nil || ids(one.engine) != "" {
			t.Errorf("%v; in force are %q", err, ids(one.engine))
		}
		if _, err := one.book.Remove(ctx, "a", nil); !errors.Is(err, ErrUnknown) {
			t.Errorf("it is removed twice: %v", err)
		}
	})
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	one := replicas(t, testkit.SQLite(t, "management"), 1, inline(rulesText("file")))[0]
	ctx := testkit.Context(t)
	if _, err := one.book.Replace(ctx, "team", rulesOf(t, rulesText("a")), nil); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"an unknown handler":       strings.Replace(rulesText("b", "c"), `"allow"`, `"unheard-of"`, 1),
		"an id of another source":  rulesText("b", "file"),
		"the same id twice":        rulesText("b", "b"),
		"an id of another set":     rulesText("b", "a"),
		"an id that is too long":   rulesText("b", strings.Repeat("x", 191)),
		"an id with a line break":  rulesText("b\nc"),
		"an invalid name of a set": "",
	} {
		set := "other"
		if text == "" {
			set, text = "Other Set", "[]"
		}
		done, err := one.book.Replace(ctx, set, rulesOf(t, text), nil)
		if err == nil {
			t.Errorf("%s is taken: %+v", name, done)
		}
		if _, err := one.book.Try(ctx, set, rulesOf(t, text)); err == nil {
			t.Errorf("%s: the check says nothing", name)
		}
		if got := ids(one.engine); got != "file a" {
			t.Errorf("%s: in force are %q", name, got)
		}
	}
	if report, err := one.book.Try(ctx, "team", rulesOf(t, rulesText("b"))); err != nil || len(report.Rules) != 2 || ids(one.engine) != "file a" {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestTenantsDoNotSeeEachOthersRules(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		one := replicas(t, db, 1)[0]
		ours, theirs := testkit.Context(t), tenant.With(t.Context(), "acme")
		for ctx, path := range map[context.Context]string{ours: "/ours", theirs: "/theirs"} {
			if _, err := one.book.Replace(ctx, "team", rulesOf(t, "["+ruleText("a", path)+"]"), nil); err != nil {
				t.Fatal(err)
			}
		}
		if ids(one.engine) != "a a" {
			t.Fatalf("in force are %q", ids(one.engine))
		}
		if _, err := one.book.Replace(ours, "team", nil, nil); err != nil {
			t.Fatal(err)
		}
		if r := one.engine.Rules(); len(r) != 1 || r[0].Tenant != "acme" {
			t.Errorf("%+v", r)
		}
		if _, err := one.book.Remove(ours, "a", nil); !errors.Is(err, ErrUnknown) {
			t.Errorf("another tenant's rule is removed: %v", err)
		}
	})
}

// Two writers whose rules are only good apart: one comes through, whoever it is, on one server or on two.
func TestOfTwoWritersThatConflictOneWins(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		all := replicas(t, db, 2)
		ctx := testkit.Context(t)
		for round := range 5 {
			id := fmt.Sprint("rule-", round)
			var won, lost atomic.Int32
			var writers sync.WaitGroup
			for i := range 4 {
				rules := rulesOf(t, rulesText(id))
				writers.Go(func() {
					_, err := all[i%2].book.Replace(ctx, fmt.Sprint("set-", round, "-", i), rules, nil)
					switch {
					case err == nil:
						won.Add(1)
					case errors.Is(err, ErrExists):
						lost.Add(1)
					default:
						t.Errorf("%v", err)
					}
				})
			}
			writers.Wait()
			if won.Load() != 1 || lost.Load() != 3 {
				t.Errorf("%d won, %d lost", won.Load(), lost.Load())
			}
		}
	})
}

// Of writers that all have read the same set, one may replace it.
func TestOfWritersWithOneTagOneWins(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		all := replicas(t, db, 2)
		ctx := testkit.Context(t)
		tag := ""
		for round := range 5 {
			var won, stale atomic.Int32
			var writers sync.WaitGroup
			next := make(chan string, 4)
			for i := range 4 {
				rules := rulesOf(t, rulesText(fmt.Sprint("rule-", round, "-", i)))
				writers.Go(func() {
					p := precondition.Of(tag, "")
					if tag == "" {
						p = precondition.Of("", "*")
					}
					done, err := all[i%2].book.Replace(ctx, "team", rules, p)
					switch {
					case err == nil:
						won.Add(1)
						next <- done.ETag
					case errors.Is(err, ErrStale):
						stale.Add(1)
					default:
						t.Errorf("%v", err)
					}
				})
			}
			writers.Wait()
			if won.Load() != 1 || stale.Load() != 3 {
				t.Fatalf("%d won, %d came too late", won.Load(), stale.Load())
			}
			tag = <-next
		}
	})
}

// Writers that have nothing to do with each other all come through.
func TestWritersOfSeveralSetsAllWin(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		all := replicas(t, db, 2)
		ctx := testkit.Context(t)
		var writers sync.WaitGroup
		for i := range 4 {
			rules := rulesOf(t, rulesText(fmt.Sprint("rule-", i)))
			writers.Go(func() {
				if _, err := all[i%2].book.Replace(ctx, fmt.Sprint("set-", i), rules, nil); err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		writers.Wait()
		for _, r := range all {
			testkit.Eventually(t, "all are in force", func() bool { return len(r.engine.Rules()) == 4 })
		}
	})
}

func TestARuleComesOutAsItWentIn(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		one := replicas(t, db, 1)[0]
		in := rulesOf(t, `{"id":"ünï/cödé","description":"<&> \" ' 🙂","match":{"url":"https://app.example.com/<.*>","methods":["GET"]},
			"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"tell"}],"upstream":{"url":"https://b.example.com"}}`)
		if _, err := one.book.Replace(testkit.Context(t), "team", in, nil); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(in[0])
		got, _ := json.Marshal(one.engine.Rules()[0])
		if string(want) != string(got) {
			t.Errorf("%s\n%s", want, got)
		}
	})
}

func TestStoredRulesAreSealed(t *testing.T) {
	db := testkit.SQLite(t, "management")
	one := replicas(t, db, 1)[0]
	ctx := testkit.Context(t)
	if _, err := one.book.Replace(ctx, "team", rulesOf(t, rulesText("a", "b")), nil); err != nil {
		t.Fatal(err)
	}
	var document string
	if err := db.QueryRow(ctx, `SELECT document FROM access_rule WHERE tenant_id = :tenant AND rule_id = 'a'`).Scan(&document); err != nil || strings.Contains(document, "backend") {
		t.Errorf("%q, %v", document, err)
	}
	// A row with another one's rule is not believed.
	if _, err := db.Exec(ctx, `UPDATE access_rule SET document = ? WHERE tenant_id = :tenant AND rule_id = 'b'`, document); err != nil {
		t.Fatal(err)
	}
	if _, err := one.store.load(ctx); err == nil || !strings.Contains(err.Error(), "rule b") {
		t.Errorf("%v", err)
	}
}

func TestRulesAndCopiesAreSealedAnew(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		ring := func(secrets ...secret.String) *secret.Ring {
			r, err := secret.NewRing(secrets)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		const before, after = "the secret that was there before", "the secret that is there now"
		feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
		server := func(r *secret.Ring) *Book {
			b, err := New(Options{
				Engine: sourceEngine(), Config: fast(), Store: NewStore(db, feed, r, (&testkit.Clock{}).Now), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			b.Start(t.Context())
			return b
		}
		for _, id := range []tenant.ID{tenant.Default, "acme"} {
			if _, err := server(ring(before)).Replace(tenant.With(t.Context(), id), "team", rulesOf(t, "["+ruleText("a", "/"+string(id))+"]"), nil); err != nil {
				t.Fatal(err)
			}
		}
		acme := tenant.With(t.Context(), "acme")
		store := server(ring(before)).store
		if err := store.keepCopy(acme, "somewhere", &source.Document{Text: []byte("[]"), Read: time.Unix(0, 0).UTC()}); err != nil {
			t.Fatal(err)
		}
		for _, c := range Sealed(ring(after, before)) {
			key := strings.Join(c.Key, ", ")
			rows, err := db.AllTenants().Query(t.Context(), `SELECT `+key+`, `+c.Name+` FROM `+c.Table)
			if err != nil {
				t.Fatal(err)
			}
			var found [][3]string
			for rows.Next() {
				var row [3]string
				if err := rows.Scan(&row[0], &row[1], &row[2]); err != nil {
					t.Fatal(err)
				}
				found = append(found, row)
			}
			rows.Close()
			if len(found) == 0 {
				t.Errorf("%s holds nothing", c)
			}
			for _, row := range found {
				sealed, err := c.Reseal(row[2], row[:2])
				if err != nil || sealed == row[2] {
					t.Fatalf("%s: %v", c, err)
				}
				if _, err := db.AllTenants().Exec(t.Context(), `UPDATE `+c.Table+` SET `+c.Name+` = ? WHERE `+c.Key[0]+` = ? AND `+c.Key[1]+` = ?`, sealed, row[0], row[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if d, err := server(ring(after)).store.copyOf(acme, "somewhere", 1<<10); err != nil || string(d.Text) != "[]" {
			t.Errorf("%+v, %v", d, err)
		}
		if b := server(ring(after)); b.Ready() != nil || len(b.engine.Rules()) != 2 {
			t.Errorf("%+v", b.Status())
		}
		if b := server(ring(before)); b.Ready() == nil || !strings.Contains(b.Status()[0].Error, "secrets.system") {
			t.Errorf("%+v", b.Status())
		}
	})
}

// Whoever tightens access.rules.api is told which stored rules break it, and can remove one after the other. Until then nothing is in
// force that the settings forbid, and nothing without what may refuse.
func TestStoredRulesThatBreakTheSettings(t *testing.T) {
	db := testkit.SQLite(t, "management")
	feed := sqldb.NewFeed(db, sqldb.FeedOptions{})
	ring := testkit.Ring(t)
	server := func(c engine.APIConfig) *Book {
		e := sourceEngine(c)
		b, err := New(Options{
			Engine: e, Config: fast(), Store: NewStore(db, feed, ring, (&testkit.Clock{}).Now), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Start(t.Context())
		return b
	}
	here := tenant.With(t.Context(), tenant.Default)
	good := strings.ReplaceAll(ruleText("good", "/good"), "backend.example.com", "other.example.org")
	text := strings.TrimSuffix(rulesText("a", "b"), "]") + "," + good + "]"
	if _, err := server(engine.APIConfig{}).Replace(here, "team", rulesOf(t, text), nil); err != nil {
		t.Fatal(err)
	}
	b := server(engine.APIConfig{UpstreamHosts: []string{"*.example.org"}})
	s := b.Status()[0]
	if b.Ready() == nil || s.State != SourceRefused || len(s.Faults) != 2 || s.Faults[0].Rule != "a" || s.Faults[1].Rule != "b" || s.Faults[0].Path != "upstream.url" {
		t.Fatalf("%+v", s)
	}
	if w := b.Warnings(); len(w) != 1 || !strings.Contains(w[0], "rule a: upstream.url") {
		t.Error(w)
	}
	if _, err := b.Put(here, "team", rulesOf(t, strings.ReplaceAll(good, "good", "new"))[0], false, nil); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	for _, id := range []string{"a", "b"} {
		if b.Ready() == nil {
			t.Errorf("ready with the rule %s", id)
		}
		if _, err := b.Remove(here, id, nil); err != nil {
			t.Fatal(err)
		}
	}
	if b.Ready() != nil || ids(b.engine) != "good" {
		t.Errorf("%v, %s in force", b.Ready(), ids(b.engine))
	}
}

// Rules that are stored while another source was never read are not in force, and that is said.
func TestStoredAndNotInForce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		site := serveRules(t)
		site.answer(500, "")
		one := replicas(t, db, 1, site.URL)[0]
		ctx := testkit.Context(t)
		done, err := one.book.Replace(ctx, "team", rulesOf(t, rulesText("a")), nil)
		if err != nil || done.InForce || len(done.Notes) != 1 || !strings.Contains(done.Notes[0], site.URL) || ids(one.engine) != "" {
			t.Errorf("%+v, %v", done, err)
		}
		// Whose source it is not hears nothing of it, unless all are its business.
		for everywhere, want := range map[bool]bool{false: false, true: true} {
			acme := actor.With(tenant.With(t.Context(), "acme"), actor.Actor{Kind: actor.AdminKey, Everywhere: everywhere})
			done, err := one.book.Replace(acme, "team", nil, nil)
			if err != nil || done.InForce || len(done.Notes) != 1 || strings.Contains(done.Notes[0], site.URL) != want {
				t.Errorf("%t: %+v, %v", everywhere, done, err)
			}
		}
		site.answer(200, rulesText("b"))
		testkit.Eventually(t, "both are in force", func() bool { return ids(one.engine) == "b a" })
		if done, err = one.book.Replace(ctx, "team", rulesOf(t, rulesText("a")), nil); err != nil || !done.InForce || len(done.Notes) > 0 {
			t.Errorf("%+v, %v", done, err)
		}
	})
}
