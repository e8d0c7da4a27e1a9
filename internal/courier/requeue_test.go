package courier

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// abandoned is a courier with one message that was given up after two attempts. The service is back once up is true.
func abandoned(t *testing.T, db *sqldb.DB, m Message) (f *fixture, up *atomic.Bool) {
	t.Helper()
	up = new(atomic.Bool)
	f = newFixture(t, db, func(o *Options) {
		viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			if !up.Load() {
				w.WriteHeader(http.StatusBadGateway)
			}
		})(o)
		o.Config.MessageRetries = 1
	})
	f.queue(t, m)
	for range 2 {
		f.pass(t)
		f.clock.Advance(3 * time.Second)
	}
	if r := f.one(t); r.Status != Abandoned || r.SendCount != 2 {
		t.Fatalf("%+v", r)
	}
	return f, up
}

func TestRequeue(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, up := abandoned(t, db, Message{Channel: Email, Recipient: "anna@example.com", Template: RegistrationDuplicate, Data: map[string]any{}})
		id := f.one(t).ID
		// Still away: it has all its tries again, with the pauses of a new message.
		if r, err := f.requeue(f.ctx, id); err != nil || r.Status != Queued {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := f.requeue(f.ctx, id); !errors.Is(err, ErrNotAbandoned) {
			t.Errorf("twice: %v", err)
		}
		f.pass(t)
		if r := f.one(t); r.Status != Queued || r.SendCount != 3 || r.tries() != 1 {
			t.Errorf("after the first attempt: %+v", r)
		}
		f.clock.Advance(3 * time.Second)
		f.pass(t)
		if r := f.one(t); r.Status != Abandoned || r.SendCount != 4 {
			t.Errorf("after the second: %+v", r)
		}
		up.Store(true)
		if _, err := f.requeue(tenant.With(f.ctx, "other"), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("another tenant's: %v", err)
		}
		if _, err := f.requeue(f.ctx, id); err != nil {
			t.Fatal(err)
		}
		f.pass(t)
		if r := f.one(t); r.Status != Sent || len(r.Dispatches) != 5 || r.Dispatches[4].Failed {
			t.Errorf("with the service back: %+v", r)
		}
		if _, err := f.requeue(f.ctx, id); !errors.Is(err, ErrNotAbandoned) {
			t.Errorf("one that was sent: %v", err)
		}
	})
}

// TestRequeueRace: of several operators at once one is told that it worked.
func TestRequeueRace(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f, _ := abandoned(t, db, Message{Channel: Email, Recipient: "anna@example.com", Template: RegistrationDuplicate, Data: map[string]any{}})
		id := f.one(t).ID
		var won atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				switch _, err := f.requeue(f.ctx, id); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrNotAbandoned):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

func TestRequeueOfWhatHelpsNobody(t *testing.T) {
	m := loginCode("anna@example.com")
	f, _ := abandoned(t, testkit.SQLite(t, "management"), m)
	old := f.one(t)
	if _, err := f.store.db.Exec(f.ctx, `UPDATE courier_message SET document = '' WHERE tenant_id = :tenant AND id = ?`, old.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.requeue(f.ctx, old.ID); !errors.Is(err, ErrUseless) {
		t.Errorf("without text: %v", err)
	}
	if _, err := f.requeue(f.ctx, secret.NewID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	m.ExpiresAt = (&testkit.Clock{}).Now().Add(time.Minute)
	f, _ = abandoned(t, testkit.SQLite(t, "management"), m)
	f.clock.Advance(time.Minute)
	if _, err := f.requeue(f.ctx, f.one(t).ID); !errors.Is(err, ErrUseless) {
		t.Errorf("expired: %v", err)
	}
}

func TestAdminRequeue(t *testing.T) {
	f, _ := abandoned(t, testkit.SQLite(t, "management"), Message{Channel: Email, Recipient: "anna@example.com", Template: RegistrationDuplicate, Data: map[string]any{}})
	mux := web.NewMux(web.KratosErrors, web.Options{})
	(&Handler{Courier: f.Courier, Ring: testkit.Ring(t).For("page tokens")}).MountAdmin(mux)
	id := f.one(t).ID
	for _, c := range []struct {
		id, says string
		want     int
	}{{id, `"status":"queued"`, 200}, {id, "not abandoned", 409}, {"nothing", "UUID", 400}, {secret.NewID(), "no message", 404}} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/admin/courier/messages/"+c.id+"/requeue", nil))
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.id, w.Code, w.Body)
		}
	}
}
