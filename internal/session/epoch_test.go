package session_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A login proves a password in one server while another one has it replaced, or all sessions ended. What was proven before opens
// no session afterwards, whichever statement comes first, and nobody waits for word of the change.
func TestALoginThatIsOvertakenElsewhere(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		f.people.OnCredentials(f.store.Outlive)
		who := f.person(t)
		_, other := f.login(t, who)
		for name, overtake := range map[string]func(mine *session.Session) error{
			"revoke all":    func(*session.Session) error { _, err := f.store.RevokeAll(f.ctx, who.ID); return err },
			"revoke others": func(mine *session.Session) error { _, err := f.store.RevokeOthers(f.ctx, who.ID, mine.ID); return err },
			"delete all":    func(*session.Session) error { _, err := f.store.DeleteAll(f.ctx, who.ID); return err },
			"an administrator": func(*session.Session) error {
				_, _, err := f.store.Manage(f.ctx, session.Bulk{Identities: []string{who.ID}})
				return err
			},
			"another password": func(*session.Session) error { return f.credential(who.ID, `{"hashed_password":"other"}`) },
			"no password": func(*session.Session) error {
				if err := f.credential(who.ID, `{}`); err != nil {
					return err
				}
				_, err := f.people.Change(f.ctx, who.ID, func(id *identity.Identity) error { delete(id.Credentials, identity.Password); return nil })
				return err
			},
		} {
			proven := f.read(t, who.ID)
			mine, kept := f.login(t, proven)
			flying, token := f.store.New(proven, byPassword(), firefox(), f.clock.Now())
			renewed, _ := f.login(t, proven)
			f.store.Renew(renewed, proven, byPassword(), firefox(), f.clock.Now())
			if err := overtake(mine); err != nil {
				t.Fatal(err)
			}
			if err := f.store.Insert(f.ctx, flying); err != nil {
				t.Fatal(err)
			}
			f.mustBe(t, token, session.ErrNoSession)
			if got, err := f.store.Get(f.ctx, flying.ID); err != nil || got.Active {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			if err := f.store.Update(f.ctx, renewed); !errors.Is(err, session.ErrNoSession) {
				t.Errorf("%s: a session was renewed by what was proven before: %v", name, err)
			}
			var want error = session.ErrNoSession
			if name == "another password" || name == "no password" || name == "revoke others" {
				want = nil
			}
			f.mustBe(t, kept, want)
			_, after := f.login(t, f.read(t, who.ID))
			f.mustBe(t, after, nil)
		}
		f.mustBe(t, other, session.ErrNoSession)
	})
}

// Sessions of the version before counted nothing: they go on, and end as all do.
func TestSessionsWithoutAnEpoch(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		f.people.OnCredentials(f.store.Outlive)
		who := f.person(t)
		made, token := f.login(t, who)
		if _, err := db.Exec(f.ctx, `UPDATE session SET epoch = NULL WHERE tenant_id = :tenant AND id = ?`, made.ID); err != nil {
			t.Fatal(err)
		}
		if err := f.credential(who.ID, `{"hashed_password":"other"}`); err != nil {
			t.Fatal(err)
		}
		f.mustBe(t, token, nil)
		token = f.store.Renew(made, f.read(t, who.ID), byPassword(), firefox(), f.clock.Now())
		if err := f.store.Update(f.ctx, made); err != nil {
			t.Fatal(err)
		}
		f.mustBe(t, token, nil)
		if _, err := f.store.RevokeAll(f.ctx, who.ID); err != nil {
			t.Fatal(err)
		}
		f.mustBe(t, token, session.ErrNoSession)
	})
}

// Who has just replaced a credential signs in without being read again.
func TestALoginAfterTheChange(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	f.people.OnCredentials(f.store.Outlive)
	who, err := f.people.Change(f.ctx, f.person(t).ID, func(who *identity.Identity) error {
		who.SetCredential(identity.Credential{Type: identity.Password, Identifiers: []string{"ada@example.com"}, Config: []byte(`{}`)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := f.read(t, who.ID); now.SessionEpoch != 1 || who.SessionEpoch != 1 {
		t.Errorf("epoch %d, and %d where it was changed", now.SessionEpoch, who.SessionEpoch)
	}
}

// A session that is stored with what ends the others is counted with it.
func TestTheSessionThatEndsTheOthers(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		who := f.person(t)
		_, old := f.login(t, who)
		made, token := f.store.New(f.read(t, who.ID), byPassword(), firefox(), f.clock.Now())
		err := db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := f.store.InsertIn(ctx, tx, made); err != nil {
				return err
			}
			_, err := f.store.RevokeAllIn(ctx, tx, who.ID, made.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		f.mustBe(t, token, nil)
		f.mustBe(t, old, session.ErrNoSession)
	})
}

func (f *fixture) read(t testing.TB, id string) *identity.Identity {
	t.Helper()
	who, err := f.people.Get(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// credential gives somebody a password, as far as the store cares.
func (f *fixture) credential(id, config string) error {
	_, err := f.people.Change(f.ctx, id, func(who *identity.Identity) error {
		who.SetCredential(identity.Credential{Type: identity.Password, Identifiers: []string{"ada@example.com"}, Config: []byte(config)})
		return nil
	})
	return err
}
