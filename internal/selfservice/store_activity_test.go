package selfservice_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// The events of a flow stay in its row until they are in the log: one that is saved meanwhile keeps all of them, and none is swept.
func TestEventsOfAFlowWaitInItsRow(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s := newServer(t, db, config(plain))
		s.person("ada@example.com", goodPassword)
		before, err := s.store.Pending(s.ctx, 10)
		if err != nil || s.store.Moved(s.ctx, before) != nil {
			t.Fatal(err)
		}
		app := s.app()
		f := app.begin("login", "")
		fail := func() {
			t.Helper()
			a := app.submit(f, map[string]any{"method": "password", "identifier": "ada@example.com", "password": "not " + goodPassword})
			if a.status != http.StatusBadRequest {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		fail()
		first, err := s.store.Pending(s.ctx, 10)
		if err != nil || len(first) != 1 {
			t.Fatal(len(first), err)
		}
		fail()
		if err := s.store.Moved(s.ctx, first); err != nil { // of the row as it was before
			t.Fatal(err)
		}
		both, err := s.store.Pending(s.ctx, 10)
		if err != nil || len(both) != 2 || both[0].ID != first[0].ID || both[1].ID == first[0].ID {
			t.Fatalf("%+v, %v", both, err)
		}
		if n, since, err := s.store.Backlog(s.ctx); n != 1 || since.IsZero() || err != nil {
			t.Errorf("%d rows wait since %s, %v", n, since, err)
		}
		if _, err := s.store.Sweep(s.ctx, time.Now().Add(1000*time.Hour), 100); err != nil {
			t.Fatal(err)
		}
		if left, err := s.store.Pending(s.ctx, 10); len(left) != 2 || err != nil {
			t.Errorf("the flow was swept with its events: %d left, %v", len(left), err)
		}
		if err := s.store.Moved(s.ctx, both); err != nil {
			t.Fatal(err)
		}
		if left, err := s.store.Pending(s.ctx, 10); len(left) != 0 || err != nil {
			t.Errorf("%+v, %v", left, err)
		}
		if n, err := s.store.Sweep(s.ctx, time.Now().Add(1000*time.Hour), 100); n != 1 || err != nil {
			t.Errorf("%d flows were swept, %v", n, err)
		}
	})
}
