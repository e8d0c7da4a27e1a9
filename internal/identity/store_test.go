package identity_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func TestStore(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		t.Run("an identity comes back as it went in", func(t *testing.T) { storeRoundTrip(t, db) })
		t.Run("what finds an identity", func(t *testing.T) { storeFinds(t, db) })
		t.Run("identifiers belong to one", func(t *testing.T) { storeConflicts(t, db) })
		t.Run("ten register one identifier at once", func(t *testing.T) { storeRace(t, db) })
		t.Run("changes do not overwrite each other", func(t *testing.T) { storeVersions(t, db) })
		t.Run("a change moves the handles", func(t *testing.T) { storeHandles(t, db) })
		t.Run("credentials are changed, kept and deleted", func(t *testing.T) { storeCredentials(t, db) })
		t.Run("a hash is renewed unless it was replaced", func(t *testing.T) { storeRehash(t, db) })
		t.Run("addresses get verified", func(t *testing.T) { storeAddresses(t, db) })
		t.Run("deleting takes everything along", func(t *testing.T) { storeDelete(t, db) })
		t.Run("lists and filters", func(t *testing.T) { storeLists(t, db) })
		t.Run("search", func(t *testing.T) { storeSearch(t, db) })
		t.Run("a batch, each on its own merits", func(t *testing.T) { storeMany(t, db) })
		t.Run("tenants do not see each other", func(t *testing.T) { storeTenants(t, db) })
		t.Run("statements", func(t *testing.T) { storeStatements(t, db) })
		t.Run("a schema that was changed", func(t *testing.T) { storeSchemaChange(t, db) })
		t.Run("a transaction that is rolled back", func(t *testing.T) { storeRollback(t, db) })
	})
}

var ignore = cmpopts.IgnoreUnexported(identity.Identity{}, identity.Credential{})

func storeRoundTrip(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	organization := "9e0b1f3a-0d3c-4a1e-8f43-1c0d3a5b7e11"
	want := withPassword(&identity.Identity{
		Traits:     []byte(` {"email": "Round.Trip@Example.COM ", "name": {"first": "Ünï 漢字 \u0041🚪", "last": "<&>"}} `),
		ExternalID: "ext/1", OrganizationID: &organization,
		MetadataPublic: []byte(`{"b": [1, 2.50, "<&>"], "a": null}`), MetadataAdmin: []byte("null"),
	})
	f.add(t, want)
	if got := want.VerifiableAddresses; len(got) != 1 || got[0].Value != "round.trip@example.com" || got[0].Status != "pending" {
		t.Errorf("verifiable addresses: %+v", got)
	}
	if want.SchemaURL != "https://id.example.com/schemas/ZGVmYXVsdA" || want.State != "active" || want.SchemaID != "default" {
		t.Errorf("schema URL %s, state %s", want.SchemaURL, want.State)
	}
	got, err := f.store.WithCredentials(f.ctx, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Error(diff)
	}
	if string(got.Traits) != `{"email":"Round.Trip@Example.COM ","name":{"first":"Ünï 漢字 \u0041🚪","last":"<&>"}}` {
		t.Errorf("traits: %s", got.Traits)
	}
	without, err := f.store.Get(f.ctx, want.ID)
	if err != nil || without.Credentials != nil || identity.AvailableAAL(without) != identity.AAL1 {
		t.Errorf("without credentials: %v %v", without, err)
	}
	var sealed string
	err = f.db.QueryRow(f.ctx, `SELECT config FROM identity_credential WHERE tenant_id = :tenant AND identity_id = ? AND type = 'password'`, want.ID).Scan(&sealed)
	if err != nil || strings.Contains(sealed, "$2a$") {
		t.Errorf("the hash lies open: %v", err)
	}
	for _, id := range []string{"", "x", strings.ToUpper(want.ID), want.ID + " ", "00000000-0000-0000-0000-000000000000"} {
		if _, err := f.store.Get(f.ctx, id); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func storeFinds(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "finds")
	long := strings.Repeat("long", 60)
	id := f.add(t, &identity.Identity{SchemaID: "phone", ExternalID: "Ext-1", Traits: []byte(`{"username":"Ada` + long[:30] + `","phone":"+49 (0)151 234-567","emails":["a@x.example","B@x.example"]}`)})
	links := id.Clone()
	links.SetCredential(identity.Credential{Type: identity.OIDC, Identifiers: []string{"google:" + long}, Config: []byte(`{"providers":[{}]}`)})
	if err := f.store.Update(f.ctx, links); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		kind, value string
		want        bool
	}{
		{identity.Password, " aDa" + long[:30], true},
		{identity.Password, "ada", false},
		{identity.WebAuthn, "ADA" + long[:30], true},
		{identity.Code, "+49151234567", true},
		{identity.Code, "+49 151 234 567 ", true},
		{identity.Code, "0151234567", false},
		{identity.OIDC, "google:" + long, true},
		{identity.OIDC, "Google:" + long, false},
		{identity.OIDC, "google:" + long + "x", false},
		{identity.Password, "", false},
		{identity.Password, "a\x00b", false},
		{identity.Password, "\xff", false},
		{identity.Password, strings.Repeat("a", 5000), false},
	} {
		got, err := f.store.ByIdentifier(f.ctx, tc.kind, tc.value)
		if found := err == nil && got.ID == id.ID; found != tc.want || !tc.want && !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%s %.40q: %v %v", tc.kind, tc.value, got, err)
		}
	}
	if got, err := f.store.ByIdentifier(f.ctx, identity.Code, "+49151234567"); err != nil || string(got.Credentials["code"].Config) != `{"addresses":[{"channel":"sms","address":"+49151234567"}]}` || len(got.Credentials) != 1 {
		t.Errorf("the credential that was asked for: %v %v", got, err)
	}
	for _, tc := range []struct {
		purpose, via, value string
		want                bool
	}{
		{identity.Verify, "email", "b@X.example", true}, {identity.Recover, "email", "a@x.example", true},
		{identity.Recover, "sms", "+49 151 234567", true}, {identity.Recover, "email", "c@x.example", false},
		{identity.Verify, "pigeon", "a@x.example", false}, {"other", "email", "a@x.example", false},
	} {
		got, err := f.store.ByAddress(f.ctx, tc.purpose, tc.via, tc.value)
		if found := err == nil && got.ID == id.ID; found != tc.want {
			t.Errorf("%v: %v", tc, err)
		}
	}
	if got, err := f.store.ByExternalID(f.ctx, "Ext-1"); err != nil || got.ID != id.ID {
		t.Errorf("by external id: %v", err)
	}
	if _, err := f.store.ByExternalID(f.ctx, "ext-1"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("external ids are told apart by every letter: %v", err)
	}
}

func storeConflicts(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "conflicts")
	first := person("taken@example.com")
	first.ExternalID = "one"
	f.add(t, first)
	second := f.add(t, person("free@example.com"))

	err := f.store.Create(f.ctx, person("TAKEN@example.com"))
	if want := []string{"code", "password", "recover:email", "verify:email", "webauthn"}; !errors.Is(err, identity.ErrExists) || !cmp.Equal(identity.Taken(err), want) {
		t.Errorf("an address twice: %v %v", err, identity.Taken(err))
	}
	other := person("other@example.com")
	other.ExternalID = "one"
	if err := f.store.Create(f.ctx, other); !errors.Is(err, identity.ErrExists) || !cmp.Equal(identity.Taken(err), []string{"external_id"}) {
		t.Errorf("an external id twice: %v %v", err, identity.Taken(err))
	}
	// Whoever is refused leaves nothing behind.
	f.add(t, person("other@example.com"))

	second.Traits = []byte(`{"email":"taken@example.com"}`)
	if err := f.store.Update(f.ctx, second); !errors.Is(err, identity.ErrExists) || len(identity.Taken(err)) == 0 {
		t.Errorf("taking another's address: %v", err)
	}
	if again, err := f.store.ByIdentifier(f.ctx, identity.Password, "free@example.com"); err != nil || again.ID != second.ID || again.Version != 1 {
		t.Errorf("the refused change left %v %v", again, err)
	}
	if invalid, ok := errors.AsType[*ui.Invalid](f.store.Create(f.ctx, person("nobody"))); !ok || len(invalid.Texts) != 1 || invalid.Texts[0].Text.ID != 4000040 {
		t.Errorf("an address that is none: %v", invalid)
	}
}

func storeRace(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "race")
	const writers = 10
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			id := withPassword(person("race@example.com"))
			errs[i] = f.db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.CreateIn(ctx, tx, id) })
			errs[i] = f.store.Conflict(f.ctx, id, errs[i])
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, identity.ErrExists) || len(identity.Taken(err)) == 0:
			t.Errorf("one who was late: %v %v", err, identity.Taken(err))
		}
	}
	if list, err := f.store.List(f.ctx, identity.Filter{Limit: 10}); won != 1 || len(list) != 1 || err != nil {
		t.Errorf("%d won, %d are there: %v", won, len(list), err)
	}
}

func storeVersions(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "versions")
	id := f.add(t, person("v@example.com"))
	one, _ := f.store.Get(f.ctx, id.ID)
	two, _ := f.store.WithCredentials(f.ctx, id.ID)
	one.MetadataPublic = []byte(`{"n":1}`)
	f.clock.Advance(1000)
	if err := f.store.Update(f.ctx, one); err != nil || one.Version != 2 || !one.UpdatedAt.After(one.CreatedAt) {
		t.Errorf("the first change: %v, version %d", err, one.Version)
	}
	two.State = identity.Inactive
	if err := f.store.Update(f.ctx, two); !errors.Is(err, identity.ErrChanged) || two.Version != 1 {
		t.Errorf("the second change: %v, version %d", err, two.Version)
	}
	one.MetadataPublic = []byte(`{"n":2}`) // what was written can be changed again
	if err := f.store.Update(f.ctx, one); err != nil || one.Version != 3 {
		t.Errorf("a further change: %v", err)
	}
	if err := f.store.Delete(f.ctx, id.ID); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Update(f.ctx, one); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a change of one that is gone: %v", err)
	}
	busy := f.add(t, person("busy@example.com"))
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			for {
				_, err := f.store.Change(f.ctx, busy.ID, func(id *identity.Identity) error {
					id.MetadataAdmin = []byte(strings.Replace(string(id.MetadataAdmin)+"[]", "[]", "", 1))
					id.ExternalID += fmt.Sprint(i)
					return nil
				})
				if !errors.Is(err, identity.ErrChanged) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := f.store.Get(f.ctx, busy.ID); err != nil || len(got.ExternalID) != 5 || got.Version != 6 {
		t.Errorf("after five changes at once: %+v %v", got, err)
	}
}

func storeHandles(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "handles")
	id := withPassword(person("before@example.com"))
	id.SetCredential(identity.Credential{Type: identity.OIDC, Identifiers: []string{"google:1"}, Config: []byte(`{"providers":[{}]}`)})
	f.add(t, id)
	if err := f.store.MarkVerified(f.ctx, id.ID, "email", "before@example.com", f.clock.Now()); err != nil {
		t.Fatal(err)
	}
	read, err := f.store.Get(f.ctx, id.ID) // without credentials
	if err != nil {
		t.Fatal(err)
	}
	read.Traits = []byte(`{"email":"after@example.com"}`)
	if err := f.store.Update(f.ctx, read); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.ByIdentifier(f.ctx, identity.Password, "before@example.com"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the old identifier: %v", err)
	}
	got, err := f.store.ByIdentifier(f.ctx, identity.Password, "after@example.com")
	if err != nil || !cmp.Equal(got.Credentials["password"].Identifiers, []string{"after@example.com"}) {
		t.Errorf("the new identifier: %v %v", got, err)
	}
	if a := got.VerifiableAddresses; len(a) != 1 || a[0].Verified || a[0].Value != "after@example.com" {
		t.Errorf("a new address is not verified: %+v", a)
	}
	if got, err := f.store.ByIdentifier(f.ctx, identity.OIDC, "google:1"); err != nil || got.ID != id.ID {
		t.Errorf("what does not come of traits stays: %v", err)
	}
	all, err := f.store.WithCredentials(f.ctx, id.ID)
	if err != nil || string(all.Credentials["code"].Config) != `{"addresses":[{"channel":"email","address":"after@example.com"}]}` {
		t.Errorf("codes go to the new address: %v %v", all, err)
	}
	f.add(t, person("before@example.com")) // free again
}

func storeCredentials(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "credentials")
	id := f.add(t, person("c@example.com"))
	if got := identity.AvailableAAL(id); got != identity.AAL1 { // by code
		t.Errorf("at first: %s", got)
	}
	totp := identity.Credential{Type: identity.TOTP, Config: []byte(`{"totp_url":"otpauth://totp/x?secret=y"}`)}
	if err := f.store.SetCredential(f.ctx, id.ID, totp, 7); !errors.Is(err, identity.ErrChanged) {
		t.Errorf("under another version: %v", err)
	}
	if err := f.store.SetCredential(f.ctx, id.ID, totp, 1); err != nil {
		t.Fatal(err)
	}
	moved, err := f.store.Get(f.ctx, id.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, traits := range []string{`{"email":"c2@example.com"}`, `{"email":"c@example.com"}`} { // without caring for credentials
		moved.Traits = []byte(traits)
		if err := f.store.Update(f.ctx, moved); err != nil || moved.Credentials != nil || identity.AvailableAAL(moved) != identity.AAL2 {
			t.Fatalf("%v, %s", err, identity.AvailableAAL(moved))
		}
	}
	if shown := moved.Public(); identity.AvailableAAL(shown) != identity.AAL2 || f.store.Update(f.ctx, shown) == nil {
		t.Errorf("what people see is %s, and was stored", identity.AvailableAAL(shown))
	}
	plain, err := f.store.Get(f.ctx, id.ID)
	if err != nil || identity.AvailableAAL(plain) != identity.AAL2 {
		t.Errorf("with a second factor: %v %s", err, identity.AvailableAAL(plain))
	}
	// One that was read without credentials gets another one: those that it has stay.
	withPassword(plain)
	if err := f.store.Update(f.ctx, plain); err != nil {
		t.Fatal(err)
	}
	all, err := f.store.WithCredentials(f.ctx, id.ID)
	if err != nil || len(all.Credentials) != 3 || !cmp.Equal(all.Credentials["password"].Identifiers, []string{"c@example.com"}) {
		t.Fatalf("%+v %v", all, err)
	}
	created := all.Credentials["totp"].CreatedAt
	f.clock.Advance(1e9)
	delete(all.Credentials, identity.TOTP)
	all.SetCredential(identity.Credential{Type: identity.Password, Config: []byte(`{"hashed_password":"y"}`)})
	if err := f.store.Update(f.ctx, all); err != nil {
		t.Fatal(err)
	}
	again, err := f.store.WithCredentials(f.ctx, id.ID)
	if err != nil || len(again.Credentials) != 2 || identity.AvailableAAL(again) != identity.AAL1 {
		t.Errorf("after one was deleted: %+v %v", again, err)
	}
	if p := again.Credentials["password"]; string(p.Config) != `{"hashed_password":"y"}` || !p.UpdatedAt.After(p.CreatedAt) || p.CreatedAt != created {
		t.Errorf("after one was changed: %+v", p)
	}
	if diff := cmp.Diff(all, again, ignore); diff != "" {
		t.Errorf("what Update leaves is what is stored: %s", diff)
	}
}

func storeRehash(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "rehash")
	id := f.add(t, withPassword(person("h@example.com")))
	read, err := f.store.ByIdentifier(f.ctx, identity.Password, "h@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := read.Credentials["password"]
	c.Config = []byte(`{"hashed_password":"new"}`)
	before := db.Statements()
	if err := f.store.Rehash(f.ctx, id.ID, c); err != nil || db.Statements()-before != 1 {
		t.Errorf("%v, %d statements", err, db.Statements()-before)
	}
	c.Config = []byte(`{"hashed_password":"late"}`)
	if err := f.store.Rehash(f.ctx, id.ID, c); err != nil {
		t.Errorf("one that is late: %v", err)
	}
	got, err := f.store.WithCredentials(f.ctx, id.ID)
	if err != nil || string(got.Credentials["password"].Config) != `{"hashed_password":"new"}` || got.Version != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

func storeAddresses(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "addresses")
	id := f.add(t, person("a@example.com"))
	if err := f.store.MarkSent(f.ctx, id.ID, "email", "A@example.com"); err != nil {
		t.Fatal(err)
	}
	at := f.clock.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := f.store.MarkVerified(f.ctx, id.ID, "email", "a@example.com", at); err != nil && !errors.Is(err, identity.ErrChanged) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := f.store.Get(f.ctx, id.ID)
	if err != nil || got.Version != 3 || len(got.VerifiableAddresses) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if a := got.VerifiableAddresses[0]; !a.Verified || a.Status != "completed" || a.VerifiedAt == nil || !a.VerifiedAt.Equal(at) {
		t.Errorf("%+v", a)
	}
	if err := f.store.MarkSent(f.ctx, id.ID, "email", "a@example.com"); err != nil {
		t.Error(err) // stays verified
	}
	if again, _ := f.store.Get(f.ctx, id.ID); again.Version != 3 {
		t.Errorf("version %d", again.Version)
	}
	if err := f.store.MarkVerified(f.ctx, id.ID, "email", "b@example.com", at); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("an address of nobody's: %v", err)
	}
}

func storeDelete(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "delete")
	var told string
	f.store.OnDelete(func(_ context.Context, _ *sqldb.Tx, id string) error {
		told = id
		return nil
	})
	id := f.add(t, withPassword(person("d@example.com")))
	if err := f.store.Delete(f.ctx, id.ID); err != nil || told != id.ID {
		t.Errorf("%v, told %q", err, told)
	}
	if err := f.store.Delete(f.ctx, id.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	for _, table := range []string{"identity", "identity_handle", "identity_credential"} {
		var n int
		if err := f.db.QueryRow(f.ctx, `SELECT COUNT(*) FROM `+table+` WHERE tenant_id = :tenant`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s has %d rows left: %v", table, n, err)
		}
	}
	refuse := errors.New("no")
	f.store.OnDelete(func(context.Context, *sqldb.Tx, string) error { return refuse })
	kept := f.add(t, person("kept@example.com"))
	if err := f.store.Delete(f.ctx, kept.ID); !errors.Is(err, refuse) {
		t.Error(err)
	}
	if _, err := f.store.Get(f.ctx, kept.ID); err != nil {
		t.Errorf("what could not be deleted is there: %v", err)
	}
}

func ids(list []*identity.Identity) []string {
	var all []string
	for _, id := range list {
		all = append(all, id.ID)
	}
	return all
}

func storeLists(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "lists")
	organization := "9e0b1f3a-0d3c-4a1e-8f43-1c0d3a5b7e11"
	var made []string
	for i := range 7 {
		id := withPassword(person(fmt.Sprintf("list%d_%%@example.com", i)))
		if i%2 == 0 {
			id.OrganizationID = &organization
		}
		made = append(made, f.add(t, id).ID)
	}
	for name, tc := range map[string]struct {
		filter identity.Filter
		want   []string
	}{
		"first page":       {identity.Filter{Limit: 3}, made[:3]},
		"last page":        {identity.Filter{Limit: 3, After: made[4]}, made[5:]},
		"ids":              {identity.Filter{Limit: 9, IDs: []string{made[5], made[1], made[1], organization}}, []string{made[1], made[5]}},
		"organization":     {identity.Filter{Limit: 2, OrganizationID: organization, After: made[0]}, []string{made[2], made[4]}},
		"identifier":       {identity.Filter{Limit: 9, Identifier: "LIST3_%@example.com"}, made[3:4]},
		"no identifier":    {identity.Filter{Limit: 9, Identifier: "list3"}, nil},
		"no text":          {identity.Filter{Limit: 9, Identifier: "list3_%@example.com\x00"}, nil},
		"no UTF-8":         {identity.Filter{Limit: 9, Search: "list", Field: "\xff"}, nil},
		"similar":          {identity.Filter{Limit: 9, Similar: "ST4_%@Ex"}, made[4:5]},
		"similar wildcard": {identity.Filter{Limit: 9, Similar: "list%"}, nil},
		"similar, paged":   {identity.Filter{Limit: 2, Similar: "@example.com", After: made[1]}, made[2:4]},
	} {
		list, err := f.store.List(f.ctx, tc.filter)
		if diff := cmp.Diff(tc.want, ids(list)); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	list, err := f.store.List(f.ctx, identity.Filter{Limit: 2, Credentials: true})
	if err != nil || len(list) != 2 || len(list[1].Credentials) != 2 || identity.AvailableAAL(list[1]) != identity.AAL1 {
		t.Errorf("with credentials: %+v %v", list, err)
	}
	if n, err := f.store.Count(f.ctx); n != 7 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if id, ok, err := f.store.Skip(f.ctx, 3); id != made[2] || !ok || err != nil {
		t.Errorf("%s %v %v", id, ok, err)
	}
	if _, ok, err := f.store.Skip(f.ctx, 8); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func storeSearch(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "search")
	named := func(email, first, last string) string {
		traits, err := json.Marshal(map[string]any{"email": email, "name": map[string]string{"first": first, "last": last}})
		if err != nil {
			t.Fatal(err)
		}
		return f.add(t, &identity.Identity{Traits: traits}).ID
	}
	ada := named("ada@math.example", "Ada Augusta", "King Lovelace")
	alan := named("alan@math.example", "Alan", "Turing")
	grace := named("grace@navy.example", "Gracé", "HOPPER %_!\\'\x7f")
	outside := person("o@other.example")
	outside.ExternalID = "Ada-77"
	other := f.add(t, outside).ID
	for _, tc := range []struct {
		filter identity.Filter
		want   []string
	}{
		{identity.Filter{Search: "a"}, []string{ada, alan, other}},
		{identity.Filter{Search: "ada"}, []string{ada, other}},
		{identity.Filter{Search: "ADA", Field: "external_id"}, []string{other}},
		{identity.Filter{Search: "ada", Field: "traits.email"}, []string{ada}},
		{identity.Filter{Search: "ada", Field: "traits.name.first"}, []string{ada}},
		{identity.Filter{Search: "ada", Field: "traits.name.last"}, nil},
		{identity.Filter{Search: "ada", Field: "traits%"}, nil},
		{identity.Filter{Search: "lovelace"}, []string{ada}},
		{identity.Filter{Search: "king  lovel"}, []string{ada}},
		{identity.Filter{Search: "love", Exact: true}, nil},
		{identity.Filter{Search: "Lovelace", Exact: true}, []string{ada}},
		{identity.Filter{Search: "math.example"}, []string{ada, alan}},
		{identity.Filter{Search: "ada@math.example", Exact: true}, []string{ada}},
		{identity.Filter{Search: "Gracé"}, []string{grace}},
		{identity.Filter{Search: "grace\u0301"}, []string{grace}},
		{identity.Filter{Search: `hopper %_!\'`}, []string{grace}},
		{identity.Filter{Search: "%"}, []string{grace}},
		{identity.Filter{Search: "  "}, nil},
		{identity.Filter{Search: "\x00\xff"}, nil},
		{identity.Filter{Search: strings.Repeat("x", 3000)}, nil},
		{identity.Filter{Search: "a", After: ada}, []string{alan, other}},
	} {
		tc.filter.Limit = 10
		list, err := f.store.List(f.ctx, tc.filter)
		if diff := cmp.Diff(tc.want, ids(list)); diff != "" || err != nil {
			t.Errorf("%+v: %v %s", tc.filter, err, diff)
		}
	}
}

func storeMany(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "many")
	f.add(t, person("known@example.com"))
	batch := []*identity.Identity{
		person("m1@example.com"), person("known@example.com"), person("m2@example.com"), person("nobody"), nil, person("M1@example.com"),
	}
	errs := f.store.CreateMany(f.ctx, batch)
	for n, want := range []error{nil, identity.ErrExists, nil, nil, nil, identity.ErrExists} {
		if n == 3 {
			if _, ok := errors.AsType[*ui.Invalid](errs[n]); !ok {
				t.Errorf("3: %v", errs[n])
			}
		} else if !errors.Is(errs[n], want) {
			t.Errorf("%d: %v", n, errs[n])
		}
	}
	if list, err := f.store.List(f.ctx, identity.Filter{Limit: 10}); len(list) != 3 || err != nil {
		t.Errorf("%d are there: %v", len(list), err)
	}
	// Two batches with the same people at once: each person once.
	var wg sync.WaitGroup
	created := make([]int, 2)
	for n := range created {
		wg.Go(func() {
			var batch []*identity.Identity
			for i := range 30 {
				batch = append(batch, person(fmt.Sprintf("both%d@example.com", i)))
			}
			for _, err := range f.store.CreateMany(f.ctx, batch) {
				if err == nil {
					created[n]++
				} else if !errors.Is(err, identity.ErrExists) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if created[0]+created[1] != 30 {
		t.Errorf("created %v", created)
	}
	before := db.Statements()
	var large []*identity.Identity
	for i := range 300 {
		large = append(large, withPassword(person(fmt.Sprintf("large%d@example.com", i))))
	}
	for _, err := range f.store.CreateMany(f.ctx, large) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := db.Statements() - before; n > 120 {
		t.Errorf("%d statements for 300 identities", n)
	}
}

func storeTenants(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	one, two := tenant.With(f.ctx, "tenant-one"), tenant.With(f.ctx, "tenant-two")
	id := person("same@example.com")
	if err := f.store.Create(one, id); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Get(two, id.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if err := f.store.Delete(two, id.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if err := f.store.Update(two, id); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("changed: %v", err)
	}
	if err := f.store.Create(two, person("same@example.com")); err != nil {
		t.Errorf("the same address elsewhere: %v", err)
	}
	list, err := f.store.List(two, identity.Filter{Limit: 10, Search: "same"})
	if len(list) != 1 || list[0].ID == id.ID || err != nil {
		t.Errorf("searched: %v %v", ids(list), err)
	}
}

func storeStatements(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "statements")
	id := withPassword(person("s@example.com"))
	count := func(name string, most uint64, fn func() error) {
		t.Helper()
		before := db.Statements()
		if err := fn(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := db.Statements() - before; n > most {
			t.Errorf("%s: %d statements, not %d", name, n, most)
		}
	}
	count("create in a transaction", 3, func() error {
		return f.db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.CreateIn(ctx, tx, id) })
	})
	count("create", 6, func() error { return f.store.Create(f.ctx, person("s2@example.com")) })
	count("get", 1, func() error { _, err := f.store.Get(f.ctx, id.ID); return err })
	count("with credentials", 1, func() error { _, err := f.store.WithCredentials(f.ctx, id.ID); return err })
	count("by identifier", 1, func() error { _, err := f.store.ByIdentifier(f.ctx, identity.Password, "s@example.com"); return err })
	count("by address", 1, func() error {
		_, err := f.store.ByAddress(f.ctx, identity.Recover, "email", "s@example.com")
		return err
	})
	count("prepare", 0, func() error { return f.store.Prepare(f.ctx, person("s3@example.com")) })
	all, err := f.store.WithCredentials(f.ctx, id.ID)
	if err != nil {
		t.Fatal(err)
	}
	withPassword(all).Credentials["password"] = identity.Credential{Type: identity.Password, Config: []byte(`{"hashed_password":"z"}`)}
	count("change a password", 4, func() error { return f.store.Update(f.ctx, all) }) // the row, the credential, the activity log, the feed
	all.Traits = []byte(`{"email":"s4@example.com"}`)
	count("change an address", 7, func() error { return f.store.Update(f.ctx, all) })
}

// Whoever writes in a transaction of others', which fails or runs twice, finds the identity as it was.
func storeRollback(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "rollback")
	id := f.add(t, withPassword(person("r@example.com")))
	no := errors.New("no")
	id.Traits = []byte(`{"email":"r2@example.com"}`)
	for range 2 {
		err := f.db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := f.store.UpdateIn(ctx, tx, id); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) || id.Version != 1 {
			t.Fatalf("%v, version %d", err, id.Version)
		}
	}
	if err := f.store.Update(f.ctx, id); err != nil || id.Version != 2 {
		t.Errorf("%v, version %d", err, id.Version)
	}
	if _, err := f.store.ByIdentifier(f.ctx, identity.Password, "r2@example.com"); err != nil {
		t.Error(err)
	}
}

// What a new version of a schema says of traits holds for an identity from its next change on.
func storeSchemaChange(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "schema-change")
	old := base64.StdEncoding.EncodeToString([]byte(traits(`{"email":{"type":"string"}}`)))
	schemas, err := identity.NewSchemas(f.ctx, identity.Config{
		DefaultSchemaID: "default", Schemas: []identity.SchemaConfig{{ID: "default", URL: "base64://" + old}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := identity.NewStore(identity.StoreOptions{
		DB: db, Feed: sqldb.NewFeed(db, sqldb.FeedOptions{}), Ring: testkit.Ring(t).For("identity credential"), Schemas: schemas, Now: f.clock.Now,
	})
	id := withPassword(person("old@example.com"))
	if err := before.Create(f.ctx, id); err != nil || len(id.RecoveryAddresses) != 0 {
		t.Fatalf("%+v %v", id, err)
	}
	read, err := f.store.Get(f.ctx, id.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Update(f.ctx, read); err != nil {
		t.Fatal(err)
	}
	if got, err := f.store.ByAddress(f.ctx, identity.Recover, "email", "old@example.com"); err != nil || got.ID != id.ID {
		t.Errorf("by address: %v", err)
	}
	if got, err := f.store.ByIdentifier(f.ctx, identity.Password, "old@example.com"); err != nil || len(got.Credentials["password"].Identifiers) != 1 {
		t.Errorf("by identifier: %+v %v", got, err)
	}
}
