package activity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// fixture is a log, and a database whose changes it tells.
type fixture struct {
	ctx     context.Context
	store   *Store
	db      *sqldb.DB // of the log
	changes *sqldb.DB
	relay   *Relay
}

func newFixture(t *testing.T, db *sqldb.DB) *fixture {
	return fixtureOf(t, db, testkit.SQLite(t, "management"))
}

func fixtureOf(t *testing.T, db, changes *sqldb.DB) *fixture {
	f := &fixture{ctx: testkit.Context(t), db: db, store: NewStore(db, testkit.Ring(t)), changes: changes}
	f.relay = f.relayOf(f.store)
	return f
}

func (f *fixture) relayOf(s *Store) *Relay {
	return &Relay{Store: s, Sources: []Source{Outbox{f.changes, "management"}}, Log: slog.New(slog.DiscardHandler)}
}

// write writes events in one transaction.
func (f *fixture) write(t *testing.T, events ...Event) {
	t.Helper()
	err := f.changes.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return Write(ctx, tx, events...) })
	if err != nil {
		t.Fatal(err)
	}
}

// fill puts n events into the log.
func (f *fixture) fill(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		f.write(t, Event{Action: ClientCreated, Subject: Client(fmt.Sprint("app-", i))})
	}
	if err := f.relay.Move(f.ctx); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) list(t *testing.T, filter Filter) []Line {
	t.Helper()
	if filter.Limit == 0 {
		filter.Limit = 1000
	}
	page, err := f.store.List(f.ctx, filter)
	if err != nil {
		t.Fatal(err)
	}
	return page.Lines
}

// listAll follows the pages of a list, of which each statement looks through few lines.
func (f *fixture) listAll(t *testing.T, filter Filter, span int64, spans int) (numbers []int64) {
	t.Helper()
	s := NewStore(f.db, testkit.Ring(t))
	s.span, s.spans = span, spans
	for {
		before := f.db.Statements()
		page, err := s.List(f.ctx, filter)
		if n := f.db.Statements() - before; err != nil || len(page.Lines) > filter.Limit || int(n) > 1+spans {
			t.Fatalf("%d lines by %d statements: %v", len(page.Lines), n, err)
		}
		for _, l := range page.Lines {
			numbers = append(numbers, l.Seq)
		}
		if filter.After = page.Next; page.Next == 0 {
			return numbers
		}
	}
}

// verify checks the log as a process does that has seen nothing of it before.
func (f *fixture) verify(t *testing.T, known Known) Report {
	t.Helper()
	r, err := NewStore(f.db, testkit.Ring(t)).Verify(f.ctx, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnEventIsCompleteAndMovedOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, changes *sqldb.DB) {
		f := fixtureOf(t, testkit.SQLite(t, "activity"), changes)
		ctx := actor.With(f.ctx, actor.Actor{Kind: actor.AdminKey, ID: "key-1", Name: "deploy"})
		ctx = actor.WithOrigin(ctx, actor.Origin{Address: netip.MustParseAddr("192.0.2.7"), RequestID: "request-1"})
		before := changes.Statements()
		err := changes.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			return errors.Join(Write(ctx, tx, Event{Action: ClientCreated, Subject: Client("app")}), Write(ctx, tx, Event{Action: ClientUpdated, Subject: Client("app")}))
		})
		if n := changes.Statements() - before; err != nil || n != 1 {
			t.Fatalf("%v, %d statements", err, n)
		}
		if n, since, err := f.relay.Backlog(f.ctx); n != 2 || since.IsZero() || err != nil {
			t.Errorf("backlog %d since %s, %v", n, since, err)
		}
		for range 2 {
			if err := f.relay.Move(f.ctx); err != nil {
				t.Fatal(err)
			}
		}
		if n, since, err := f.relay.Backlog(f.ctx); n != 0 || !since.IsZero() || err != nil {
			t.Errorf("backlog %d since %s, %v", n, since, err)
		}
		lines := f.list(t, Filter{Forward: true})
		if len(lines) != 2 {
			t.Fatalf("%d lines", len(lines))
		}
		got, err := decode(lines[0].Document)
		if err != nil || got.ID == "" || got.Time.IsZero() {
			t.Fatalf("%+v, %v", got, err)
		}
		got.ID, got.Time = "", time.Time{}
		want := Event{
			Tenant: tenant.Default, Action: ClientCreated, Actor: Party{"admin_key", "key-1", "deploy"}, Subject: Client("app"),
			Address: "192.0.2.7", RequestID: "request-1",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if r := f.verify(t, Known{}); !r.Intact || r.Lines != 2 {
			t.Errorf("%+v", r)
		}
	})
}

func TestWhatIsRolledBackIsNotTold(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	boom := errors.New("boom")
	err := f.changes.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		return errors.Join(Write(ctx, tx, Event{Action: ClientCreated}), boom)
	})
	if n, _, _ := f.relay.Backlog(f.ctx); !errors.Is(err, boom) || n != 0 {
		t.Errorf("%v, %d wait", err, n)
	}
	if err := Record(t.Context(), f.changes, Event{Action: ClientCreated}); !errors.Is(err, errNoTenant) {
		t.Errorf("without a tenant: %v", err)
	}
}

// A process that dies between copying and forgetting leaves events that are in the log already.
func TestNoEventIsLostOrDoubled(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		for i := range 5 {
			f.write(t, Event{Action: LoginFailed, Subject: Identity(fmt.Sprint(i))})
		}
		waiting, err := f.relay.Sources[0].Pending(f.ctx, 100)
		if err != nil || len(waiting) != 5 {
			t.Fatal(len(waiting), err)
		}
		if err := f.store.Append(f.ctx, waiting[:3]); err != nil { // and here it dies
			t.Fatal(err)
		}
		if err := f.store.Append(f.ctx, append(waiting[:2:2], waiting[1])); err != nil {
			t.Fatal(err)
		}
		if err := f.relay.Move(f.ctx); err != nil {
			t.Fatal(err)
		}
		if r := f.verify(t, Known{}); !r.Intact || r.Lines != 5 {
			t.Errorf("%+v", r)
		}
	})
}

// What cannot be moved waits: the relay says so once, and catches up.
func TestTheLogIsAway(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	f.fill(t, 2)
	gone, cancel := context.WithCancel(f.ctx)
	cancel()
	f.write(t, Event{Action: ClientCreated})
	if err := f.relay.Move(gone); err == nil {
		t.Error("it moved events in a context that has ended")
	}
	f.relay.tell(f.ctx, errors.New("the database is away"))
	if _, failures := f.relay.Counts(); f.relay.Failing() == nil || failures != 1 {
		t.Errorf("%d failures, %v", failures, f.relay.Failing())
	}
	f.relay.tell(f.ctx, f.relay.Move(f.ctx))
	if moved, _ := f.relay.Counts(); f.relay.Failing() != nil || moved != 3 {
		t.Errorf("%d moved, %v", moved, f.relay.Failing())
	}
}

func TestRelaysRace(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		const relays, events = 4, 60
		other := tenant.With(f.ctx, "other")
		var wg sync.WaitGroup
		for range relays {
			r := f.relayOf(NewStore(db, testkit.Ring(t)))
			wg.Go(func() {
				for range 10 {
					if err := r.Move(f.ctx); err != nil && !errors.Is(err, sqldb.ErrUnavailable) && !errors.Is(err, sqldb.ErrDuplicate) {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			for i := range events {
				f.write(t, Event{Action: ClientCreated, Subject: Client(fmt.Sprint(i))})
				if err := Record(other, f.changes, Event{Action: ClientDeleted}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		if err := f.relay.Move(f.ctx); err != nil {
			t.Fatal(err)
		}
		for _, ctx := range []context.Context{f.ctx, other} {
			f.ctx = ctx
			if r := f.verify(t, Known{}); !r.Intact || r.Lines != events || r.Last != events {
				t.Errorf("%+v", r)
			}
		}
	})
}

// Whoever can write to the database changes lines in every way, and Verify says where.
func TestTampering(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		for name, c := range map[string]struct {
			do    []string
			what  string
			seq   int64
			known Known
		}{
			"nothing":           {nil, "", 0, Known{}},
			"an altered line":   {[]string{`UPDATE activity SET document = REPLACE(document, 'app-3', 'app-x'), subject_id = 'app-x' WHERE tenant_id = :tenant AND seq = 4`}, "altered", 4, Known{}},
			"no event any more": {[]string{`UPDATE activity SET document = '' WHERE tenant_id = :tenant AND seq = 4`}, "altered", 4, Known{}},
			"an altered hash":   {[]string{`UPDATE activity SET hash = 'x' WHERE tenant_id = :tenant AND seq = 4`}, "altered", 4, Known{}},
			"an altered column": {[]string{`UPDATE activity SET subject_id = 'app-x' WHERE tenant_id = :tenant AND seq = 4`}, "columns", 4, Known{}},
			"one removed":       {[]string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 4`}, "removed", 4, Known{}},
			"one removed, renumbered": {[]string{
				`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 7`, `UPDATE activity SET seq = 7 WHERE tenant_id = :tenant AND seq = 8`,
			}, "altered", 7, Known{}},
			"the first removed":  {[]string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 1`}, "removed", 1, Known{}},
			"the last removed":   {[]string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 8`}, "tail", 8, Known{}},
			"the tail removed":   {[]string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq > 5`}, "tail", 6, Known{}},
			"everything removed": {[]string{`DELETE FROM activity WHERE tenant_id = :tenant`}, "tail", 1, Known{}},
			"everything and its head": {[]string{
				`DELETE FROM activity WHERE tenant_id = :tenant`, `DELETE FROM activity_head WHERE tenant_id = :tenant`,
			}, "head", 0, Known{3, "x"}},
			"the head alone":   {[]string{`DELETE FROM activity_head WHERE tenant_id = :tenant`}, "head", 0, Known{}},
			"a head of theirs": {[]string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 8`, `UPDATE activity_head SET seq = 7 WHERE tenant_id = :tenant`}, "head", 0, Known{}},
			"one inserted at the end": {[]string{
				`INSERT INTO activity (tenant_id, seq, id, happened_at, action, actor_id, subject_id, document, hash)
				SELECT tenant_id, 9, 'other', happened_at, action, actor_id, subject_id, document, hash FROM activity WHERE tenant_id = :tenant AND seq = 8`,
			}, "inserted", 9, Known{}},
			"one inserted before the beginning": {[]string{
				`INSERT INTO activity (tenant_id, seq, id, happened_at, action, actor_id, subject_id, document, hash)
				SELECT tenant_id, 0, 'other', happened_at, action, actor_id, subject_id, document, hash FROM activity WHERE tenant_id = :tenant AND seq = 8`,
			}, "inserted", 0, Known{}},
			"two swapped": {[]string{
				`UPDATE activity SET seq = 99 WHERE tenant_id = :tenant AND seq = 3`, `UPDATE activity SET seq = 3 WHERE tenant_id = :tenant AND seq = 4`,
				`UPDATE activity SET seq = 4 WHERE tenant_id = :tenant AND seq = 99`,
			}, "altered", 3, Known{}},
			"another line than noted": {nil, "known", 5, Known{5, "x"}},
			"shorter than noted":      {nil, "known", 12, Known{12, "x"}},
		} {
			t.Run(name, func(t *testing.T) {
				f := newFixture(t, db)
				f.ctx = tenant.With(f.ctx, tenant.ID(strings.Trim(strings.NewReplacer(" ", "-", ",", "").Replace(name), "-")))
				f.fill(t, 8)
				for _, statement := range c.do {
					if _, err := db.Exec(f.ctx, statement); err != nil {
						t.Fatal(err)
					}
				}
				r := f.verify(t, c.known)
				if c.what == "" {
					if !r.Intact || r.Lines != 8 || r.First != 1 || r.Last != 8 {
						t.Errorf("%+v", r)
					}
					return
				}
				if r.Intact || len(r.Faults) == 0 || r.Faults[0].What != c.what || r.Faults[0].Seq != c.seq || r.Faults[0].Message == "" {
					t.Errorf("%+v, want %q at %d", r, c.what, c.seq)
				}
			})
		}
	})
}

// A log that was put back to an earlier state is as it once was: the process that knows better adds nothing to it.
func TestAnEarlierState(t *testing.T) {
	db := testkit.SQLite(t, "activity")
	f := newFixture(t, db)
	f.fill(t, 3)
	var h head
	if err := db.QueryRow(f.ctx, `SELECT seq, hash, mac FROM activity_head WHERE tenant_id = :tenant`).Scan(&h.seq, &h.hash, &h.mac); err != nil {
		t.Fatal(err)
	}
	f.fill(t, 2)
	noted := f.verify(t, Known{})
	for _, statement := range []string{`DELETE FROM activity WHERE tenant_id = :tenant AND seq > 3`} {
		if _, err := db.Exec(f.ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(f.ctx, `UPDATE activity_head SET seq = ?, hash = ?, mac = ? WHERE tenant_id = :tenant`, h.seq, h.hash, h.mac); err != nil {
		t.Fatal(err)
	}
	if r := f.verify(t, Known{}); !r.Intact {
		t.Errorf("nobody can know, and yet: %+v", r)
	}
	if r := f.verify(t, Known{noted.Last, noted.Hash}); r.Intact {
		t.Error("what was noted does not show it")
	}
	f.write(t, Event{Action: ClientCreated})
	if err := f.relay.Move(f.ctx); !errors.Is(err, ErrBroken) {
		t.Errorf("the process that knows better went on: %v", err)
	}
}

func TestAnotherSecretDoesNotGoOn(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	f.fill(t, 2)
	other := NewStore(f.db, testkit.Ring(t).For("something else"))
	if r, err := other.Verify(f.ctx, Known{}); err != nil || r.Intact || r.Faults[0].What != "head" {
		t.Errorf("%+v, %v", r, err)
	}
	f.write(t, Event{Action: ClientCreated})
	if err := f.relayOf(other).Move(f.ctx); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

func TestOldLinesGoAndTheRestStaysVerifiable(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, age := range []int{0, 2, 1, 5, 3, 9} { // not in the order of their times
			f.write(t, Event{Action: ClientCreated, Subject: Client(fmt.Sprint(i)), Time: base.AddDate(0, 0, age)})
			if err := f.relay.Move(f.ctx); err != nil {
				t.Fatal(err)
			}
		}
		sweep := func(day int, exports []string, batch, want int) {
			t.Helper()
			n, err := f.store.Sweep(f.ctx, base.AddDate(0, 0, day+10), 240*time.Hour, exports, batch)
			if r := f.verify(t, Known{}); n != want || err != nil || !r.Intact {
				t.Errorf("day %d: %d deleted, want %d, %v; %+v", day, n, want, err, r)
			}
		}
		sweep(4, []string{"siem"}, 100, 0) // it was sent nothing
		if _, ok, err := f.store.claim(f.ctx, "siem", "me", base, time.Minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := f.store.sent(f.ctx, "siem", "me", 2, base); !ok || err != nil {
			t.Fatal(ok, err)
		}
		sweep(0, nil, 100, 0)
		sweep(4, []string{"siem"}, 100, 2)
		sweep(4, nil, 100, 1) // the fourth is young, so the fifth stays with it
		sweep(6, nil, 1, 1)
		sweep(6, nil, 1, 1)
		sweep(6, nil, 1, 0)
		sweep(20, nil, 100, 1)
		if r := f.verify(t, Known{}); r.Lines != 0 || r.Last != 6 {
			t.Errorf("%+v", r)
		}
		f.fill(t, 2)
		if r := f.verify(t, Known{}); !r.Intact || r.First != 7 || r.Last != 8 {
			t.Errorf("%+v", r)
		}
	})
}

// Whoever can write to the database makes young lines look old, or takes them out, and waits for the server to sign that they were
// too old to keep.
func TestSweepingCoversUpNothing(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for name, c := range map[string]struct {
			do     string // to lines of which 1 to 3 are old, and 4 to 8 are not
			gone   int
			intact bool
		}{
			"nothing":                {``, 3, true},
			"young ones made old":    {`UPDATE activity SET happened_at = (SELECT t FROM (SELECT MIN(happened_at) AS t FROM activity) x) WHERE tenant_id = :tenant AND seq <= 6`, 3, false},
			"young ones removed":     {`DELETE FROM activity WHERE tenant_id = :tenant AND seq > 3 AND seq < 7`, 3, false},
			"young and old removed":  {`DELETE FROM activity WHERE tenant_id = :tenant AND seq > 1 AND seq < 7`, 1, false},
			"young documents old":    {`UPDATE activity SET document = (SELECT d FROM (SELECT MIN(document) AS d FROM activity WHERE seq = 1) x) WHERE tenant_id = :tenant AND seq > 3`, 3, false},
			"an old one altered":     {`UPDATE activity SET document = '{}' WHERE tenant_id = :tenant AND seq = 2`, 3, true},
			"the oldest removed":     {`DELETE FROM activity WHERE tenant_id = :tenant AND seq = 1`, 2, true},
			"the last old one moved": {`UPDATE activity SET hash = 'x' WHERE tenant_id = :tenant AND seq = 3`, 2, false},
		} {
			t.Run(name, func(t *testing.T) {
				f := newFixture(t, db)
				f.ctx = tenant.With(f.ctx, tenant.ID(strings.ReplaceAll(name, " ", "-")))
				for i := range 8 {
					at := base
					if i >= 3 {
						at = base.AddDate(0, 0, 30)
					}
					f.write(t, Event{Action: ClientCreated, Subject: Client(fmt.Sprint("app-", i)), Time: at})
					if err := f.relay.Move(f.ctx); err != nil {
						t.Fatal(err)
					}
				}
				if c.do != "" {
					if _, err := db.AllTenants().Exec(f.ctx, c.do); err != nil {
						t.Fatal(err)
					}
				}
				n, err := f.store.sweep(f.ctx, base.AddDate(0, 0, 20), nil, 100)
				if r := f.verify(t, Known{}); n != c.gone || err != nil || r.Intact != c.intact {
					t.Errorf("%d deleted, %v; %+v", n, err, r)
				}
			})
		}
	})
}

func TestALogThatIsForgedThroughoutIsNotSwept(t *testing.T) {
	db := testkit.SQLite(t, "activity")
	f := newFixture(t, db)
	f.fill(t, 5)
	if _, err := db.Exec(f.ctx, `UPDATE activity SET document = '{}' WHERE tenant_id = :tenant`); err != nil {
		t.Fatal(err)
	}
	other := tenant.With(f.ctx, "other")
	if err := Record(other, f.changes, Event{Action: ClientDeleted}); err != nil {
		t.Fatal(err)
	}
	if err := f.relay.Move(f.ctx); err != nil {
		t.Fatal(err)
	}
	n, err := f.store.Sweep(f.ctx, time.Now().Add(time.Hour), time.Minute, nil, 3)
	if n != 1 || !errors.Is(err, errForged) {
		t.Errorf("%d deleted, %v", n, err)
	}
}

// A stranger's word may hold what not every database takes.
func TestANulInAnID(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		f.write(t, Event{Action: ClientFailed, Subject: Client("a\x00b")})
		f.fill(t, 1)
		if lines := f.list(t, Filter{Subject: "a\x00b"}); len(lines) != 1 {
			t.Errorf("%d lines", len(lines))
		}
		if r := f.verify(t, Known{}); !r.Intact || r.Lines != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// What is wrong with one tenant's log keeps nobody else's events.
func TestABrokenLogKeepsNoOthers(t *testing.T) {
	db := testkit.SQLite(t, "activity")
	f := newFixture(t, db)
	f.fill(t, 1)
	if _, err := db.Exec(f.ctx, `UPDATE activity_head SET mac = 'x' WHERE tenant_id = :tenant`); err != nil {
		t.Fatal(err)
	}
	f.write(t, Event{Action: ClientUpdated})
	if err := Record(tenant.With(f.ctx, "other"), f.changes, Event{Action: ClientDeleted}); err != nil {
		t.Fatal(err)
	}
	if err := f.relay.Move(f.ctx); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	f.ctx = tenant.With(f.ctx, "other")
	if r := f.verify(t, Known{}); r.Lines != 1 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyBesideWriters(t *testing.T) {
	db := testkit.SQLite(t, "activity")
	f := newFixture(t, db)
	f.fill(t, 5)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 10 {
			f.fill(t, 3)
			if _, err := f.store.Sweep(f.ctx, time.Now().Add(time.Hour), time.Minute, nil, 2); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		if r := f.verify(t, Known{}); !r.Intact {
			t.Errorf("%+v", r)
		}
	}
	wg.Wait()
}

// While Verify is under way, all that it meant to read is deleted as too old, and more.
func TestVerifyIsOvertakenBySweeping(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	f.fill(t, 3)
	h, err := readHead(f.ctx, f.db, "")
	if err != nil {
		t.Fatal(err)
	}
	chain, ok := f.store.chainKey(h)
	if !ok {
		t.Fatal("the head is not genuine")
	}
	c := newChecker(chain, h, Known{})
	f.fill(t, 3)
	if n, err := f.store.Sweep(f.ctx, time.Now().Add(time.Hour), time.Minute, nil, 100); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if err := f.store.walk(f.ctx, c); err != nil {
		t.Fatal(err)
	}
	if r := c.end(); !r.Intact {
		t.Errorf("%+v", r)
	}
}

func TestList(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		long := strings.Repeat("ü", 300)
		for i, e := range []Event{
			{Action: ClientCreated, Actor: System("start"), Subject: Client("a")},
			{Action: ClientUpdated, Actor: Identity("ada"), Subject: Client("a")},
			{Action: LoginFailed, Actor: Identity("ada"), Subject: Identity("ada")},
			{Action: ConsentGranted, Actor: Identity(long), Subject: Client("b")},
		} {
			e.Time = base.AddDate(0, 0, i)
			f.write(t, e)
			if err := f.relay.Move(f.ctx); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			filter Filter
			want   []int64
		}{
			"all":                  {Filter{}, []int64{4, 3, 2, 1}},
			"oldest first":         {Filter{Forward: true}, []int64{1, 2, 3, 4}},
			"a page":               {Filter{Limit: 2}, []int64{4, 3}},
			"the next":             {Filter{Limit: 2, After: 3}, []int64{2, 1}},
			"the next forward":     {Filter{Forward: true, After: 3}, []int64{4}},
			"one action":           {Filter{Action: "client.updated"}, []int64{2}},
			"a thing":              {Filter{Action: "client"}, []int64{2, 1}},
			"an actor":             {Filter{Actor: "ada"}, []int64{3, 2}},
			"a long actor":         {Filter{Actor: long}, []int64{4}},
			"a subject":            {Filter{Subject: "a"}, []int64{2, 1}},
			"from":                 {Filter{From: base.AddDate(0, 0, 2)}, []int64{4, 3}},
			"to":                   {Filter{To: base.AddDate(0, 0, 2)}, []int64{2, 1}},
			"actor and action":     {Filter{Actor: "ada", Action: "login"}, []int64{3}},
			"nobody's":             {Filter{Actor: "eve"}, nil},
			"an actor in capitals": {Filter{Actor: "Ada"}, nil},
		} {
			var got []int64
			for _, l := range f.list(t, c.filter) {
				got = append(got, l.Seq)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if c.filter.Limit > 0 {
				continue
			}
			c.filter.Limit = 2
			for _, size := range []int64{1, 2, 3, 10} {
				if diff := cmp.Diff(c.want, f.listAll(t, c.filter, size, 2)); diff != "" {
					t.Errorf("%s, %d lines at a time: %s", name, size, diff)
				}
			}
		}
		f.ctx = tenant.With(f.ctx, "other")
		if lines := f.list(t, Filter{}); len(lines) != 0 {
			t.Errorf("another tenant's: %d", len(lines))
		}
	})
}
