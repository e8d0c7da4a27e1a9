package selfservice_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// flow is a flow that begins now and has not been stored.
func (s *server) flow() *selfservice.Flow {
	now := s.clock.Now()
	f := &selfservice.Flow{
		ID: secret.NewID(), Kind: selfservice.KindLogin, Type: ui.TypeBrowser, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		Form: ui.NewForm("https://id.example.com/"), Identifier: "ada@example.com",
	}
	f.Form.Add(ui.CSRF(""), ui.Input(ui.GroupDefault, "identifier", ui.KindText, ui.WithRequired()))
	f.Internal.Code = &selfservice.Code{Digest: "digest", SentTo: "ada@example.com", ExpiresAt: now}
	return f
}

func TestFlowsComeBackAsTheyWere(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db)
		f := s.flow()
		if err := s.store.Insert(s.ctx, f); err != nil {
			t.Fatal(err)
		}
		got, err := s.store.Get(s.ctx, selfservice.KindLogin, f.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != f.ID || got.Version != 1 || !got.ExpiresAt.Equal(f.ExpiresAt) || got.Identifier != f.Identifier ||
			got.Internal.Code.SentTo != "ada@example.com" || len(got.Form.Nodes) != 2 || !got.Form.Nodes[1].Attributes.Required {
			t.Errorf("%+v", got)
		}
		if _, err := s.store.Get(s.ctx, selfservice.KindSettings, f.ID); !errors.Is(err, selfservice.ErrNoFlow) {
			t.Errorf("as a flow of another kind: %v", err)
		}
		if _, err := s.store.Get(tenant.With(s.ctx, "another"), selfservice.KindLogin, f.ID); !errors.Is(err, selfservice.ErrNoFlow) {
			t.Errorf("for another tenant: %v", err)
		}
		if _, err := s.store.Get(s.ctx, selfservice.KindLogin, strings.Repeat("x", 5000)); !errors.Is(err, selfservice.ErrNoFlow) {
			t.Errorf("a long id: %v", err)
		}
		var document string
		if err := db.QueryRow(s.ctx, `SELECT document FROM selfservice_flow WHERE tenant_id = :tenant AND id = ?`, f.ID).Scan(&document); err != nil {
			t.Fatal(err)
		}
		// Sealed text is random letters: only words too long to be there by chance prove anything.
		if strings.Contains(document, "ada@example.com") || strings.Contains(document, "csrf_token") {
			t.Error("the document can be read in the database")
		}
	})
}

// TestOneWriterWins: of many that saw the same version, one changes the flow.
func TestOneWriterWins(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db)
		f := s.flow()
		if err := s.store.Insert(s.ctx, f); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		won, lost := 0, 0
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				mine, err := s.store.Get(s.ctx, selfservice.KindLogin, f.ID)
				if err != nil {
					t.Error(err)
					return
				}
				mine.Version = 1
				w := selfservice.Writes{Flow: mine, Spend: i%2 == 0}
				err = s.store.Finish(s.ctx, w)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, selfservice.ErrFlowChanged):
					lost++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 || lost != 9 {
			t.Errorf("%d won, %d lost", won, lost)
		}
	})
}

// TestLosersWriteNothing: whoever comes too late gets no session either.
func TestLosersWriteNothing(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		who := s.person("ada@example.com", goodPassword)
		f := s.flow()
		if err := s.store.Insert(s.ctx, f); err != nil {
			t.Fatal(err)
		}
		f.Version = 7
		made, token := s.sessions.New(who, []session.AuthMethod{{Method: "password", AAL: "aal1"}}, session.Client{}, s.clock.Now())
		err := s.store.Finish(s.ctx, selfservice.Writes{Flow: f, Spend: true, Insert: made, More: []*selfservice.Flow{s.flow()}})
		if !errors.Is(err, selfservice.ErrFlowChanged) {
			t.Fatal(err)
		}
		if _, err := s.sessions.ByToken(s.ctx, token); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("the session is there: %v", err)
		}
	})
}

func TestSweep(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db)
		other := tenant.With(s.ctx, "another")
		for range 5 {
			if err := errors.Join(s.store.Insert(s.ctx, s.flow()), s.store.Insert(other, s.flow())); err != nil {
				t.Fatal(err)
			}
		}
		s.clock.Advance(time.Hour)
		fresh := s.flow()
		if err := s.store.Insert(s.ctx, fresh); err != nil {
			t.Fatal(err)
		}
		if n, err := s.store.Sweep(t.Context(), s.clock.Now(), 100); n != 0 || err != nil {
			t.Errorf("just expired: %d, %v", n, err)
		}
		s.clock.Advance(time.Hour)
		for _, want := range []int{4, 4, 2, 0} {
			if n, err := s.store.Sweep(t.Context(), s.clock.Now(), 4); n != want || err != nil {
				t.Errorf("%d, %v; want %d", n, err, want)
			}
		}
		if _, err := s.store.Get(s.ctx, selfservice.KindLogin, fresh.ID); err != nil {
			t.Error(err)
		}
	})
}
