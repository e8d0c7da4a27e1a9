package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestStore(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		for _, sub := range []struct {
			name string
			test func(*testing.T, *sqldb.DB)
		}{
			{"a message goes its way", storeWay},
			{"what fails is tried again and then abandoned", storeRetries},
			{"what is hopeless is not tried again", storePermanent},
			{"a server says when to come back", storeLater},
			{"what came too late is not sent", storeExpired},
			{"a message leaves with its transaction", storeTransaction},
			{"a lease that ran out is taken over", storeLease},
			{"lists go by key and filter", storeLists},
			{"retention empties and deletes", storeRetention},
			{"tenants do not see each other", storeTenants},
		} {
			t.Run(sub.name, func(t *testing.T) {
				if _, err := db.AllTenants().Exec(t.Context(), "DELETE FROM courier_message"); err != nil {
					t.Fatal(err)
				}
				sub.test(t, db)
			})
		}
	})
}

// viaHTTP makes the mail channel a service that the test plays.
func viaHTTP(t *testing.T, answer http.HandlerFunc) func(*Options) {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return func(o *Options) {
		o.Config.DeliveryStrategy = byHTTP
		o.Config.HTTP.RequestConfig.URL = s.URL
		o.Config.HTTP.RequestConfig.Timeout = callTimeout
	}
}

// callTimeout is how long services may take. Nothing takes a hundredth of it, but for a machine that does other things.
const callTimeout = 30 * time.Second

func storeWay(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	before := db.Statements()
	f.queue(t, loginCode("anna@example.com"))
	if n := db.Statements() - before; n != 1 {
		t.Errorf("queueing took %d statements", n)
	}
	r := f.one(t)
	if r.Status != Queued || r.SendCount != 0 || r.Channel != Email || r.RequestID != "request-1" || r.Recipient != "anna@example.com" {
		t.Errorf("queued: %+v", r)
	}
	if !strings.Contains(r.Document.Body, "012345") || r.Document.Subject != "Your code to sign in to Example" || !r.CreatedAt.Equal(f.clock.Now()) {
		t.Errorf("queued: %+v", r.Document)
	}
	var sealed string
	if err := db.QueryRow(f.ctx, "SELECT document FROM courier_message WHERE tenant_id = :tenant").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	tellsNothing(t, "the row", sealed)

	f.clock.Advance(time.Second)
	before = db.Statements()
	if f.pass(t) != 1 {
		t.Error("nothing was due")
	}
	if n := db.Statements() - before; n != 3 {
		t.Errorf("sending took %d statements", n)
	}
	r = f.one(t)
	if r.Status != Sent || r.SendCount != 1 || len(r.Dispatches) != 1 || r.Dispatches[0].Failed || !r.UpdatedAt.Equal(f.clock.Now()) {
		t.Errorf("sent: %+v", r)
	}
	if f.pass(t) != 0 {
		t.Error("it is due again")
	}
	if f.ledger.of("queued email login_code_valid") != 1 || f.ledger.of("sent email") != 1 {
		t.Error(f.ledger.counts)
	}
	tellsNothing(t, "the log", f.log.String())
}

func storeRetries(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, func(o *Options) {
		viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("cannot send to anna@example.com"))
		})(o)
		o.Config.MessageRetries = 3
	})
	f.queue(t, loginCode("anna@example.com"))
	var pauses []time.Duration
	for range 3 {
		if f.pass(t) != 1 {
			t.Fatal("it is not due")
		}
		var due time.Time
		if err := db.QueryRow(f.ctx, "SELECT due_at FROM courier_message WHERE tenant_id = :tenant").Scan(&due); err != nil {
			t.Fatal(err)
		}
		pause := due.Sub(f.clock.Now())
		pauses = append(pauses, pause)
		f.clock.Advance(pause - time.Microsecond)
		if f.pass(t) != 0 {
			t.Error("it is tried too early")
		}
		f.clock.Advance(time.Microsecond)
	}
	for i, want := range []time.Duration{2 * time.Second, 8 * time.Second, 32 * time.Second} {
		if p := pauses[i]; p < want*3/4 || p > want*5/4 {
			t.Errorf("pause %d is %s, want about %s", i+1, p, want)
		}
	}
	if r := f.one(t); r.Status != Queued {
		t.Errorf("before the last attempt: %+v", r)
	}
	f.pass(t)
	r := f.one(t)
	if r.Status != Abandoned || r.SendCount != 4 || len(r.Dispatches) != 4 {
		t.Errorf("after the last attempt: %+v", r)
	}
	for _, d := range r.Dispatches {
		if !d.Failed || !strings.HasSuffix(d.Reason, "answered 502") {
			t.Errorf("an attempt: %+v", d)
		}
	}
	f.clock.Advance(24 * time.Hour)
	if f.pass(t) != 0 {
		t.Error("an abandoned message is tried again")
	}
	if f.ledger.of("failed email") != 3 || f.ledger.of("abandoned email") != 1 {
		t.Error(f.ledger.counts)
	}
	tellsNothing(t, "the log", f.log.String())
}

func storePermanent(t *testing.T, db *sqldb.DB) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{Answer: func(verb, argument string) string {
		if verb == "RCPT" {
			return "550 5.1.1 nobody known as " + argument + ", nor Anna@Example.com"
		}
		return ""
	}})
	f := newFixture(t, db, to(server))
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	r := f.one(t)
	if r.Status != Abandoned || r.SendCount != 1 || !strings.Contains(r.Dispatches[0].Reason, "5.1.1 nobody known as TO:<[recipient]>, nor [address]") {
		t.Errorf("%+v", r)
	}
	tellsNothing(t, "the log", f.log.String())
	tellsNothing(t, "the reason", r.Dispatches[0].Reason)
}

func storeLater(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	f.clock.Advance(299 * time.Second)
	if f.pass(t) != 0 {
		t.Error("it is tried before the service wants it")
	}
	f.clock.Advance(time.Second)
	if f.pass(t) != 1 {
		t.Error("it is not tried when the service wants it")
	}
}

func storeExpired(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	m := loginCode("anna@example.com")
	m.ExpiresAt = f.clock.Now().Add(15 * time.Minute)
	f.queue(t, m)
	f.clock.Advance(15 * time.Minute)
	f.pass(t)
	if r := f.one(t); r.Status != Abandoned || r.Dispatches[0].Reason != errExpired.Error() {
		t.Errorf("%+v", r)
	}
}

func storeTransaction(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	oops := errors.New("changed my mind")
	for _, end := range []error{oops, nil} {
		err := db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := f.QueueIn(ctx, tx, loginCode("anna@example.com")); err != nil {
				return err
			}
			if f.ledger.of("queued email login_code_valid") != 0 {
				t.Error("it counts as queued before it is committed")
			}
			return end
		})
		if !errors.Is(err, end) {
			t.Error(err)
		}
	}
	f.one(t)
	if f.ledger.of("queued email login_code_valid") != 1 {
		t.Error(f.ledger.counts)
	}
	for _, wrong := range []Message{
		{Channel: "pigeon", Recipient: "a@example.com", Template: LoginCodeValid},
		{Channel: Email, Recipient: "a@example.com", Template: "nothing"},
		{Channel: Email, Template: LoginCodeValid},
		{Channel: Email, Recipient: "a@example.com\r\nBcc: b@example.com", Template: LoginCodeValid},
		{Channel: Email, Recipient: strings.Repeat("a", 400) + "@example.com", Template: LoginCodeValid},
		{Channel: Email, Recipient: "a@example.com", Template: LoginCodeValid, Data: map[string]any{"x": func() {}}},
	} {
		if err := f.Queue(f.ctx, wrong); err == nil || strings.Contains(err.Error(), "a@example.com") {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	f.one(t)
	if err := f.Queue(t.Context(), loginCode("a@example.com")); !errors.Is(err, sqldb.ErrNoTenant) {
		t.Error(err)
	}
}

func storeLease(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	f.queue(t, loginCode("anna@example.com"))
	list, err := f.store.due(f.ctx, []string{Email}, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	// A server takes the message and is never heard of again.
	if ok, err := f.store.claim(f.ctx, list[0], time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if r := f.one(t); r.Status != Processing || r.SendCount != 1 {
		t.Errorf("%+v", r)
	}
	if f.pass(t) != 0 {
		t.Error("two servers have it")
	}
	f.clock.Advance(time.Minute)
	if f.pass(t) != 1 {
		t.Error("nobody takes it over")
	}
	if r := f.one(t); r.Status != Sent || r.SendCount != 2 {
		t.Errorf("%+v", r)
	}
	// The lost one comes back: it changes nothing.
	if ours, err := f.store.finish(f.ctx, list[0].record, end{status: Abandoned, reason: "late"}); ours || err != nil {
		t.Error(ours, err)
	}
	if r := f.one(t); r.Status != Sent {
		t.Errorf("%+v", r)
	}
}

func storeLists(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	for i := range 7 {
		f.queue(t, loginCode(fmt.Sprintf("p%d@example.com", i%2)))
	}
	f.pass(t)
	f.queue(t, loginCode("p0@example.com"))
	recipients := func(flt filter) (got []string) {
		t.Helper()
		all, err := f.store.list(f.ctx, flt)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			got = append(got, r.Recipient[:2]+" "+string(r.Status))
		}
		return got
	}
	for _, tc := range []struct {
		filter filter
		want   []string
		count  int
	}{
		{filter{limit: 3}, []string{"p0 queued", "p0 sent", "p1 sent"}, 8},
		{filter{limit: 9, status: Queued}, []string{"p0 queued"}, 1},
		{filter{limit: 2, recipient: "p1@example.com"}, []string{"p1 sent", "p1 sent"}, 3},
		{filter{limit: 9, recipient: "p0@example.com", status: Queued}, []string{"p0 queued"}, 1},
		{filter{limit: 9, recipient: "P0@example.com"}, nil, 0},
		{filter{limit: 9, status: Abandoned}, nil, 0},
	} {
		if diff := cmp.Diff(tc.want, recipients(tc.filter)); diff != "" {
			t.Errorf("%+v: %s", tc.filter, diff)
		}
		if n, err := f.store.count(f.ctx, tc.filter); n != tc.count || err != nil {
			t.Errorf("%+v: %d, %v", tc.filter, n, err)
		}
	}
	all := f.all(t)
	if got := recipients(filter{limit: 9, before: all[5].ID}); len(got) != 2 {
		t.Errorf("after six: %v", got)
	}
	if b, err := f.store.Backlog(f.ctx); b.Waiting != 1 || !b.Oldest.Equal(f.clock.Now()) || err != nil {
		t.Errorf("%+v %v", b, err)
	}
	f.pass(t)
	if b, err := f.store.Backlog(f.ctx); b.Waiting != 0 || !b.Oldest.IsZero() || err != nil {
		t.Errorf("%+v %v", b, err)
	}
}

func storeRetention(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	sweep := func(want int) {
		t.Helper()
		if n, err := f.store.Sweep(f.ctx, f.clock.Now(), 10); n != want || err != nil {
			t.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	f.queue(t, loginCode("anna@example.com"))
	f.clock.Advance(time.Hour)
	f.pass(t)
	f.clock.Advance(24*time.Hour - time.Microsecond)
	sweep(0)
	f.clock.Advance(time.Microsecond)
	sweep(1)
	if r := f.one(t); r.Document != nil || r.Status != Sent || r.Recipient == "" {
		t.Errorf("after a day: %+v", r)
	}
	sweep(0)
	f.queue(t, Message{Channel: SMS, Recipient: "+491", Template: LoginCodeValid, Data: map[string]any{"login_code": "012345"}})
	f.clock.Advance(29*24*time.Hour - time.Hour)
	sweep(1)
	if r := f.one(t); r.Channel != SMS {
		t.Errorf("after 30 days: %+v", r)
	}
	f.clock.Advance(25 * time.Hour)
	sweep(1) // never sent, for want of a channel
	if all := f.all(t); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	at := newFixture(t, db, func(o *Options) {
		viaHTTP(t, func(http.ResponseWriter, *http.Request) {})(o)
		o.Config.Retention.Body = 0
	})
	at.queue(t, loginCode("anna@example.com"))
	at.pass(t)
	if r := at.one(t); r.Document != nil {
		t.Errorf("at once: %+v", r)
	}
}

func storeTenants(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	other := tenant.With(f.ctx, "other")
	f.queue(t, loginCode("anna@example.com"))
	if err := f.Queue(other, loginCode("bert@example.com")); err != nil {
		t.Fatal(err)
	}
	mine := f.one(t)
	if mine.Recipient != "anna@example.com" {
		t.Errorf("%+v", mine)
	}
	if _, err := f.store.get(other, mine.ID); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if f.pass(t) != 2 {
		t.Error("one worker serves all tenants")
	}
	all, err := f.store.list(other, filter{limit: 9})
	if err != nil || len(all) != 1 || all[0].Status != Sent {
		t.Errorf("%+v %v", all, err)
	}
	// A sealed document does not open anywhere else.
	var sealed string
	if err := db.QueryRow(other, "SELECT document FROM courier_message WHERE tenant_id = :tenant").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if err := f.store.unseal(mine, sealed); err == nil {
		t.Error("another message's document was opened")
	}
}

// Several servers, each with several workers, on one queue: every message is sent, and none by two of them at a time.
func TestManyServersSendEachMessageOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		const servers, messages = 3, 60
		var mu sync.Mutex
		sending, sent := map[string]int{}, map[string]int{}
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := r.Header.Get("Idempotency-Key")
			mu.Lock()
			if sending[id]++; sending[id] > 1 {
				t.Errorf("message %s is sent by two at the same time", id)
			}
			sent[id]++
			first := sent[id] == 1
			mu.Unlock()
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			sending[id]--
			mu.Unlock()
			if first && id[len(id)-1]%4 == 0 { // some need a second attempt, which any server may make
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(service.Close)
		var all []*fixture
		for range servers {
			f := newFixture(t, db, func(o *Options) {
				o.Config.DeliveryStrategy = byHTTP
				o.Config.HTTP.RequestConfig.URL = service.URL
				o.Config.HTTP.RequestConfig.Timeout = callTimeout
				o.Config.Retry = RetryConfig{Min: 100 * time.Millisecond, Max: time.Second}
				o.Now = func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
			})
			f.run(t)
			all = append(all, f)
		}
		var queueing sync.WaitGroup
		for i := range messages {
			queueing.Go(func() {
				if err := all[i%servers].Queue(all[0].ctx, loginCode(fmt.Sprintf("p%d@example.com", i))); err != nil {
					t.Error(err)
				}
			})
		}
		queueing.Wait()
		testkit.Eventually(t, "all messages are sent", func() bool {
			n, err := all[0].store.count(all[0].ctx, filter{status: Sent})
			return err == nil && n == messages
		})
		mu.Lock()
		defer mu.Unlock()
		if len(sent) != messages {
			t.Errorf("%d messages were sent", len(sent))
		}
		failures := 0
		for id, n := range sent {
			want := 1
			if id[len(id)-1]%4 == 0 {
				want, failures = 2, failures+1
			}
			if n != want {
				t.Errorf("message %s was sent %d times, want %d", id, n, want)
			}
		}
		count := func(key string) (n int) {
			for _, f := range all {
				n += f.ledger.of(key)
			}
			return n
		}
		// The ledger hears of an attempt a moment after the table has it.
		testkit.Eventually(t, "all attempts are counted", func() bool { return count("sent email") >= messages && count("failed email") >= failures })
		if count("sent email") != messages || count("failed email") != failures || count("lost email") != 0 {
			t.Errorf("sent %d, failed %d, lost %d", count("sent email"), count("failed email"), count("lost email"))
		}
	})
}

// Many want the same message at the same moment: one gets it.
func TestClaimRace(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db, viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
		for round := range 5 {
			f.queue(t, loginCode("anna@example.com"))
			var won atomic.Int32
			var racing sync.WaitGroup
			start := make(chan struct{})
			for range 10 {
				list, err := f.store.due(f.ctx, []string{Email}, 10)
				if err != nil || len(list) != 1 {
					t.Fatal(list, err)
				}
				racing.Go(func() {
					<-start
					ok, err := f.store.claim(f.ctx, list[0], time.Hour)
					if err != nil {
						t.Error(err)
					}
					if ok {
						won.Add(1)
					}
				})
			}
			close(start)
			racing.Wait()
			if n := won.Load(); n != 1 {
				t.Errorf("round %d: %d of ten got the message", round, n)
			}
		}
	})
}

// A server that was frozen while it was sending finds that another one has taken over, and leaves the message alone.
func TestAttemptThatOutlivesItsLease(t *testing.T) {
	var f *fixture
	attempts := 0
	f = newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		if attempts == 1 {
			f.clock.Advance(callTimeout + margin)
			if f.pass(t) != 1 {
				t.Error("nobody took it over")
			}
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	r := f.one(t)
	if r.Status != Sent || r.SendCount != 2 || len(r.Dispatches) != 1 {
		t.Errorf("%+v", r)
	}
	if f.ledger.of("lost email") != 1 || f.ledger.of("sent email") != 1 || !strings.Contains(f.log.String(), "longer than its lease") {
		t.Errorf("%v\n%s", f.ledger.counts, f.log)
	}
}

// A database that is away while the end of an attempt is noted is waited for: otherwise the message would go out again.
func TestEndIsNotedWhenTheDatabaseComesBack(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	f.queue(t, loginCode("anna@example.com"))
	list, err := f.store.due(f.ctx, []string{Email}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := f.store.claim(f.ctx, list[0], time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	rename := func(from, to string) {
		t.Helper()
		if _, err := f.db.AllTenants().Exec(f.ctx, "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Error(err)
		}
	}
	rename("courier_message", "elsewhere")
	time.AfterFunc(150*time.Millisecond, func() { rename("elsewhere", "courier_message") })
	if !f.note(f.ctx, list[0].record, end{status: Sent}) {
		t.Error("the end was not noted")
	}
	if r := f.one(t); r.Status != Sent || len(r.Dispatches) != 1 {
		t.Errorf("%+v", r)
	}
}

// While writes are held off a message waits, and nobody complains of it; then it is sent.
func TestMessagesWaitWhileWritesAreHeldOff(t *testing.T) {
	sent := make(chan struct{}, 2)
	f := newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(http.ResponseWriter, *http.Request) { sent <- struct{}{} }))
	f.queue(t, loginCode("anna@example.com"))
	if err := f.db.Freeze(f.ctx, "a copy"); err != nil {
		t.Fatal(err)
	}
	if n := f.pass(t); n != 1 || len(sent) > 0 || strings.Contains(f.log.String(), "level=WARN") {
		t.Errorf("%d are due, %d are sent:\n%s", n, len(sent), f.log)
	}
	f.db.Thaw()
	f.pass(t)
	if r := f.one(t); r.Status != Sent || len(sent) != 1 {
		t.Errorf("%+v", r)
	}
}

// A table that can be read and not written does not make the servers run in circles.
func TestNobodyCanTakeAnything(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		viaHTTP(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })(o)
		o.Config.Worker.PullCount = 2
		o.Config.Worker.PullWait = time.Minute
	})
	for range 5 {
		f.queue(t, loginCode("anna@example.com"))
	}
	_, err := f.db.AllTenants().Exec(f.ctx, `CREATE TRIGGER locked BEFORE UPDATE ON courier_message BEGIN SELECT RAISE(ABORT, 'read-only'); END`)
	if err != nil {
		t.Fatal(err)
	}
	f.run(t)
	complaints := func() int { return strings.Count(f.log.String(), "cannot be taken") }
	testkit.Eventually(t, "somebody complains", func() bool { return complaints() > 0 })
	time.Sleep(300 * time.Millisecond)
	if n := complaints(); n > 10 {
		t.Errorf("%d complaints", n)
	}
}
