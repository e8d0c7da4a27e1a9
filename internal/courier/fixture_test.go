package courier

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// ledger is a Recorder.
type ledger struct {
	mu     sync.Mutex
	counts map[string]int
}

func (l *ledger) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	l.counts[key]++
}

func (l *ledger) Queued(channel, template string) { l.add("queued " + channel + " " + template) }

func (l *ledger) Attempted(channel, _ string, outcome Outcome, _ time.Duration) {
	l.add(string(outcome) + " " + channel)
}

func (l *ledger) of(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[key]
}

// fixture is a courier on a database of its own.
type fixture struct {
	*Courier

	ctx    context.Context
	db     *sqldb.DB
	clock  *testkit.Clock
	ledger *ledger
	log    *testkit.Log
}

// newFixture makes a courier whose clock stands still.
func newFixture(t *testing.T, db *sqldb.DB, edit func(*Options)) *fixture {
	t.Helper()
	f := &fixture{ctx: testkit.Context(t), db: db, clock: &testkit.Clock{}, ledger: &ledger{}, log: &testkit.Log{}}
	o := Options{
		Config: DefaultConfig(), Development: true, Brand: Brand{Name: "Example"}, Recorder: f.ledger, Now: f.clock.Now,
		Log: f.log.Logger(),
	}
	o.Config.SMTP.FromAddress, o.Config.SMTP.FromName = "no-reply@example.com", "Exämple"
	o.Config.SMTP.Timeout = 30 * time.Second
	o.Config.Worker.PullWait = 100 * time.Millisecond
	if edit != nil {
		edit(&o)
	}
	if faults := o.Config.Validate(); len(faults) > 0 {
		t.Fatal(errors.Join(faults...))
	}
	o.Store = NewStore(StoreOptions{DB: db, Ring: testkit.Ring(t).For("courier"), Retention: o.Config.Retention, Now: o.Now})
	var err error
	if f.Courier, err = New(o); err != nil {
		t.Fatal(err)
	}
	return f
}

// run runs the courier until the test ends, or stop is called.
func (f *fixture) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.ctx))
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// pass tries once to send everything that is due, as a worker would, and reports how many it took on.
func (f *fixture) pass(t *testing.T) int {
	t.Helper()
	list, err := f.store.due(f.ctx, []string{Email, SMS}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		by := f.channels[m.Channel].open()
		f.attempt(f.ctx, m, by)
		by.close()
	}
	return len(list)
}

func loginCode(to string) Message {
	return Message{
		Channel: Email, Recipient: to, Template: LoginCodeValid, RequestID: "request-1",
		Data: map[string]any{"login_code": "012345", "expires_in_minutes": 15, "identity": map[string]any{"id": "1"}},
	}
}

func (f *fixture) queue(t *testing.T, m Message) {
	t.Helper()
	if err := f.Queue(f.ctx, m); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) all(t *testing.T) []*record {
	t.Helper()
	all, err := f.store.list(f.ctx, filter{limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (f *fixture) one(t *testing.T) *record {
	t.Helper()
	all := f.all(t)
	if len(all) != 1 {
		t.Fatalf("there are %d messages", len(all))
	}
	return all[0]
}

func to(s *testkit.SMTP, parameters ...string) func(*Options) {
	return func(o *Options) { o.Config.SMTP.ConnectionURI = secret.String(s.URI(parameters...)) }
}

// refuses checks that a log or a row does not tell what it must not.
func tellsNothing(t *testing.T, what, text string) {
	t.Helper()
	for _, bad := range []string{"012345", "anna@", "example.com>", "hunter2"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s tells %q:\n%s", what, bad, text)
		}
	}
}
