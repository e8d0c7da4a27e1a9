package session_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What package identity does to a person is seen by the next request of each session, kept or not.
func TestIdentityAndSessions(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		testkit.RunFeed(t, f.feed)
		schemas, err := identity.NewSchemas(f.ctx, identity.DefaultConfig(), nil)
		if err != nil {
			t.Fatal(err)
		}
		people := identity.NewStore(identity.StoreOptions{
			DB: db, Feed: f.feed, Ring: testkit.Ring(t).For("identity"), Schemas: schemas, BaseURL: func(context.Context) string { return publicURL }, Now: f.clock.Now,
		})
		people.OnDelete(f.store.Forget)
		people.OnCredentials(f.store.Outlive)
		who := &identity.Identity{Traits: json.RawMessage(`{"email":"ada@example.com"}`), MetadataAdmin: json.RawMessage(`{"risk":"secret remark"}`)}
		who.SetCredential(identity.Credential{
			Type: identity.Password, Identifiers: []string{"ada@example.com"}, Config: json.RawMessage(`{"hashed_password":"$argon2id$…"}`),
		})
		if err := people.Create(f.ctx, who); err != nil {
			t.Fatal(err)
		}
		base := f.serve(t) + "/sessions/whoami"
		_, token := f.login(t, who)
		ask := func(status int) answer {
			t.Helper()
			got := call(t, "GET", base, "", "X-Session-Token: "+token)
			if got.status != status || strings.Contains(got.text, "secret remark") || strings.Contains(got.text, "argon2id") {
				t.Errorf("%d, want %d: %s", got.status, status, got.text)
			}
			return got
		}
		change := func(fn func(*identity.Identity)) {
			t.Helper()
			read, err := people.WithCredentials(f.ctx, who.ID)
			if err != nil {
				t.Fatal(err)
			}
			fn(read)
			if err := people.Update(f.ctx, read); err != nil {
				t.Fatal(err)
			}
		}
		if got := ask(200); !strings.Contains(got.text, "ada@example.com") || !strings.Contains(got.text, publicURL+"schemas/") {
			t.Error(got.text)
		}
		change(func(i *identity.Identity) { i.Traits = json.RawMessage(`{"email":"ada@example.org"}`) })
		if got := ask(200); !strings.Contains(got.text, "ada@example.org") {
			t.Error(got.text)
		}
		change(func(i *identity.Identity) {
			i.SetCredential(identity.Credential{
				Type: identity.TOTP, Identifiers: []string{i.ID}, Config: json.RawMessage(`{"totp_url":"otpauth://totp/x?secret=MFRGGZDFMZTWQ2LK"}`),
			})
		})
		ask(403)
		change(func(i *identity.Identity) { delete(i.Credentials, identity.TOTP) })
		ask(200)
		change(func(i *identity.Identity) { i.State = identity.Inactive })
		ask(401)
		change(func(i *identity.Identity) { i.State = identity.Active })
		ask(200)
		if err := people.Delete(f.ctx, who.ID); err != nil {
			t.Fatal(err)
		}
		ask(401)
		if n, err := f.store.Count(f.ctx, session.Filter{IdentityID: who.ID}); n != 0 || err != nil {
			t.Errorf("%d sessions of nobody, %v", n, err)
		}
	})
}
