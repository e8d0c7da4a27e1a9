package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Two versions of one schema: in the second a user name signs in and is unique, and the phone number is an address.
const (
	schemaBefore = `{"type":"object","properties":{"traits":{"type":"object","properties":{
		"email":{"type":"string","format":"email","ory.sh/kratos":{"credentials":{"password":{"identifier":true}},"verification":{"via":"email"}}},
		"username":{"type":"string"},"phone":{"type":"string"}}}}}`
	schemaAfter = `{"type":"object","properties":{"traits":{"type":"object","properties":{
		"email":{"type":"string","format":"email","ory.sh/kratos":{"credentials":{"password":{"identifier":true}},"verification":{"via":"email"}}},
		"username":{"type":"string","minLength":3,"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}},
		"phone":{"type":"string","format":"tel","ory.sh/kratos":{"verification":{"via":"sms"},"recovery":{"via":"sms"}}}}}}}`
)

// withSchema is a store on the database of f whose one schema is this.
func (f *fixture) withSchema(t *testing.T, text string) *fixture {
	t.Helper()
	next := *f
	c := identity.Config{DefaultSchemaID: "person", Schemas: []identity.SchemaConfig{{ID: "person", URL: "https://example.com/person.json"}}}
	var err error
	next.schemas, err = identity.NewSchemas(f.ctx, c, func(context.Context, string) ([]byte, error) { return []byte(text), nil })
	if err != nil {
		t.Fatal(err)
	}
	next.store = identity.NewStore(identity.StoreOptions{
		DB: f.db, Feed: sqldb.NewFeed(f.db, sqldb.FeedOptions{}), Ring: testkit.Ring(t).For("identity credential"), Schemas: next.schemas,
		BaseURL: func(context.Context) string { return "https://id.example.com/" }, Now: f.clock.Now,
	})
	next.admin = &identity.Admin{Store: next.store}
	next.handler = &identity.Handler{Admin: next.admin, Ring: testkit.Ring(t).For("identity page")}
	return &next
}

func somebody(text string) *identity.Identity {
	return withPassword(&identity.Identity{SchemaID: "person", Traits: json.RawMessage(text)})
}

func TestReindex(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		old := newFixture(t, db).withSchema(t, schemaBefore)
		old.ctx = tenant.With(old.ctx, "reindex")
		ada := old.add(t, somebody(`{"email":"ada@example.com","username":"Ada","phone":"+4930123456"}`))
		plain := old.add(t, somebody(`{"email":"plain@example.com"}`))
		second := old.add(t, somebody(`{"email":"second@example.com","username":"ada"}`))
		short := old.add(t, somebody(`{"email":"short@example.com","username":"x"}`))
		bob := old.add(t, somebody(`{"email":"bob@example.com","username":"bob"}`))
		if err := old.store.MarkVerified(old.ctx, ada.ID, identity.ViaEmail, "ada@example.com", old.clock.Now()); err != nil {
			t.Fatal(err)
		}
		f := old.withSchema(t, schemaAfter)
		f.ctx = old.ctx
		if _, err := f.store.ByIdentifier(f.ctx, identity.Password, "bob"); !errors.Is(err, identity.ErrNotFound) {
			t.Fatalf("the user name signs in before: %v", err)
		}
		run := func(dry bool) (changed int, failed []identity.ReindexFailure) {
			t.Helper()
			for after := ""; ; {
				r, err := f.store.Reindex(f.ctx, after, 2, dry)
				if err != nil {
					t.Fatal(err)
				}
				changed, failed, after = changed+r.Changed, append(failed, r.Failed...), r.Last
				if r.Done {
					return changed, failed
				}
			}
		}
		before := db.Statements()
		if changed, failed := run(true); changed != 3 || len(failed) != 1 {
			t.Errorf("a dry run: %d, %v", changed, failed)
		}
		if n := db.Statements() - before; n > 9 {
			t.Errorf("three batches took %d statements", n)
		}
		changed, failed := run(false)
		if changed != 2 || len(failed) != 2 {
			t.Fatalf("%d changed, %v", changed, failed)
		}
		for _, want := range []struct {
			id string
			is func(error) bool
		}{
			{second.ID, func(err error) bool { return errors.Is(err, identity.ErrExists) }},
			{short.ID, func(err error) bool { _, ok := errors.AsType[*ui.Invalid](err); return ok }},
		} {
			if !slices.ContainsFunc(failed, func(f identity.ReindexFailure) bool { return f.ID == want.id && want.is(f.Err) }) {
				t.Errorf("%s is not among %v", want.id, failed)
			}
		}
		for name, want := range map[string]*identity.Identity{"ADA": ada, "bob": bob, "plain@example.com": plain, "short@example.com": short} {
			if got, err := f.store.ByIdentifier(f.ctx, identity.Password, name); err != nil || got.ID != want.ID {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err := f.store.Get(f.ctx, ada.ID)
		if err != nil || len(got.VerifiableAddresses) != 2 || !got.VerifiableAddresses[0].Verified || got.VerifiableAddresses[1].Verified || len(got.RecoveryAddresses) != 1 {
			t.Errorf("the addresses are %+v, %+v: %v", got.VerifiableAddresses, got.RecoveryAddresses, err)
		}
		if changed, failed := run(false); changed != 0 || len(failed) != 2 {
			t.Errorf("again: %d, %v", changed, failed)
		}
		if got, err := f.store.Get(f.ctx, bob.ID); err != nil || got.Version != bob.Version+1 {
			t.Errorf("what is right is written anew: %v", err)
		}
	})
}

func TestReindexOverHTTP(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management")).withSchema(t, schemaBefore)
	f.add(t, somebody(`{"email":"bob@example.com","username":"bob"}`))
	f.add(t, somebody(`{"email":"short@example.com","username":"x"}`))
	f = f.withSchema(t, schemaAfter)
	url := f.serve(t) + "/admin/identities/reindex"
	ask := func(body string, want int) map[string]any {
		t.Helper()
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out map[string]any
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != want {
			t.Fatalf("%s: %d %v %v", body, res.StatusCode, out, err)
		}
		return out
	}
	got := ask(`{"dry_run":true,"count":true}`, http.StatusOK)
	if got["checked"] != 2.0 || got["changed"] != 1.0 || got["left"] != 2.0 || got["done"] != true {
		t.Errorf("%v", got)
	}
	got = ask(`{"limit":1}`, http.StatusOK)
	if got["checked"] != 1.0 || got["changed"] != 1.0 || got["done"] != false || got["left"] != nil {
		t.Errorf("%v", got)
	}
	last, _ := got["last"].(string)
	got = ask(`{"after":"`+last+`"}`, http.StatusOK)
	failed, _ := got["failed"].([]any)
	if len(failed) != 1 || !strings.Contains(failed[0].(map[string]any)["error"].(map[string]any)["reason"].(string), "username") {
		t.Errorf("%v", got)
	}
	ask(`{"limit":100000}`, http.StatusBadRequest)
	ask(`{"after":"x"}`, http.StatusBadRequest)
}
