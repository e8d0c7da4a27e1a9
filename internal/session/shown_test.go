package session_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What a door made of a session is found again for as long as nothing changes, and not beyond.
func TestShownIsOneUntilItChanges(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	who := f.person(t)
	_, token := f.login(t, who)
	show := func() *session.Shown {
		t.Helper()
		s, err := f.handler.Show(f.ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := show()
	seen := any("seen")
	first.Seen.Store(&seen)
	before := f.db.Statements()
	if again := show(); again != first || f.db.Statements() != before {
		t.Error("a session that is kept is shown anew")
	}
	f.changePerson(t, who.ID, "traits", `{"email":"ada@example.com","name":{"first":"Augusta"}}`)
	if changed := show(); changed.Seen.Load() != nil || !bytes.Contains(changed.Document, []byte("Augusta")) {
		t.Errorf("after a change: %s", changed.Document)
	}
	if _, err := f.handler.Show(f.ctx, token+"x"); !errors.Is(err, session.ErrNoSession) {
		t.Errorf("a token that is none: %v", err)
	}
}
