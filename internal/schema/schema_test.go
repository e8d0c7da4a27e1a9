package schema_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/schema"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// server is what one server has of schemas.
type server struct {
	*schema.Library

	people *identity.Store
	db     *sqldb.DB
}

func open(t *testing.T, db *sqldb.DB, feed *sqldb.Feed) *server {
	t.Helper()
	schemas, err := identity.NewSchemas(t.Context(), identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	people := identity.NewStore(identity.StoreOptions{DB: db, Feed: feed, Ring: testkit.Ring(t), Schemas: schemas, Now: db.Now})
	l := schema.New(schema.Options{Store: schema.NewStore(db, feed), Schemas: schemas, Followers: people.Followers})
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &server{l, people, db}
}

// named is a schema whose people have a name of that kind.
func named(trait string) json.RawMessage {
	return fmt.Appendf(nil, `{"type":"object","properties":{"traits":{"type":"object","properties":{%q:{"type":"string",
		"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}}},"required":[%[1]q],"additionalProperties":false}}}`, trait)
}

func of(t *testing.T, id tenant.ID) context.Context {
	t.Helper()
	return tenant.With(t.Context(), id)
}

func (s *server) put(t *testing.T, ctx context.Context, id string, d schema.Draft) {
	t.Helper()
	if _, err := s.Put(ctx, id, d, nil); err != nil {
		t.Fatal(err)
	}
}

func (s *server) person(ctx context.Context, schemaID, traits string) (*identity.Identity, error) {
	p := &identity.Identity{SchemaID: schemaID, Traits: json.RawMessage(traits)}
	return p, s.people.Create(ctx, p)
}

// TestATenantHasSchemasOfItsOwn: it gets those of the installation until it has one, and no other tenant ever sees its own.
func TestATenantHasSchemasOfItsOwn(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		feed := testkit.Feed(t, db)
		s, acme, beta := open(t, db, feed), of(t, "acme"), of(t, "beta")
		before, err := s.person(acme, "", `{"email":"ann@example.com"}`)
		if err != nil {
			t.Fatal(err)
		}
		s.put(t, acme, "customer", schema.Draft{Schema: named("number")})
		if got := s.Schemas.Of(acme); got.Default() != "customer" || !cmp.Equal(got.IDs(), []string{"customer"}) {
			t.Errorf("acme has %v, %q by default", got.IDs(), got.Default())
		}
		if got := s.Schemas.Of(beta); got.Default() != "default" || s.Schemas.Own(beta) {
			t.Errorf("beta has %v", got.IDs())
		}
		if _, err := s.Schemas.Get(beta, "customer"); !errors.Is(err, identity.ErrSchema) {
			t.Errorf("beta sees the schema of acme: %v", err)
		}
		if made, err := s.person(acme, "", `{"number":"17"}`); err != nil || made.SchemaID != "customer" {
			t.Errorf("who names no schema gets %v: %v", made, err)
		}
		if _, err := s.person(acme, "default", `{"email":"bob@example.com"}`); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("the installation's schema is still given: %v", err)
		}
		if _, err := s.person(beta, "", `{"email":"bob@example.com"}`); err != nil {
			t.Error(err)
		}
		// Who came before goes on.
		changed, err := s.people.Change(acme, before.ID, func(p *identity.Identity) error {
			p.Traits = json.RawMessage(`{"email":"ann@example.org"}`)
			return nil
		})
		if err != nil || changed.SchemaID != "default" {
			t.Errorf("who has the installation's schema cannot change: %v %v", changed, err)
		}
		// Another server, and this one after a restart.
		second := open(t, db, feed)
		if got := second.Schemas.Of(acme); got.Default() != "customer" {
			t.Errorf("another server knows %v", got.IDs())
		}
		s.put(t, acme, "partner", schema.Draft{Schema: named("firm"), Default: true, Selectable: new(true)})
		if got := s.Schemas.Of(acme); got.Default() != "partner" || !cmp.Equal(got.IDs(), []string{"customer", "partner"}) {
			t.Errorf("acme has %v, %q by default", got.IDs(), got.Default())
		}
		if _, err := s.Schemas.Chosen(acme, "customer"); !errors.Is(err, identity.ErrSchema) {
			t.Errorf("anybody may choose what is not selectable: %v", err)
		}
	})
}

// TestServersFollow: a change is known elsewhere within a second.
func TestServersFollow(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		feed := testkit.Feed(t, db)
		s, other, acme := open(t, db, feed), open(t, db, feed), of(t, "acme")
		go func() { _ = other.Run(t.Context()) }()
		s.put(t, acme, "customer", schema.Draft{Schema: named("number")})
		has := func(trait string) func() bool {
			return func() bool {
				found, err := other.Schemas.Get(acme, "customer")
				return err == nil && found.Fields()[0].Name == "traits."+trait
			}
		}
		testkit.Eventually(t, "the other server knows it", has("number"))
		s.put(t, acme, "customer", schema.Draft{Schema: named("code")})
		testkit.Eventually(t, "the other server knows the change", has("code"))
		if err := s.Remove(acme, "customer", nil); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the other server knows that it is removed", func() bool { return !other.Schemas.Own(acme) })
	})
}

// TestNothingIsAskedForARequest counts statements.
func TestNothingIsAskedForARequest(t *testing.T) {
	db := testkit.SQLite(t, "management")
	s, acme := open(t, db, testkit.Feed(t, db)), of(t, "acme")
	s.put(t, acme, "customer", schema.Draft{Schema: named("number")})
	before := db.Statements()
	for range 3 {
		if _, err := s.Schemas.Get(acme, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.people.Prepare(acme, &identity.Identity{Traits: json.RawMessage(`{"number":"17"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements", n)
	}
}

// TestWhatPeopleFollowStays: a schema in use is not removed, the default not before others, and somebody who registers at that
// moment is not left without.
func TestWhatPeopleFollowStays(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, acme := open(t, db, testkit.Feed(t, db)), of(t, "acme")
		s.put(t, acme, "a", schema.Draft{Schema: named("number")})
		s.put(t, acme, "b", schema.Draft{Schema: named("firm")})
		if err := s.Remove(acme, "a", nil); !errors.Is(err, schema.ErrDefault) {
			t.Errorf("the default is removed: %v", err)
		}
		s.put(t, acme, "b", schema.Draft{Schema: named("firm"), Default: true})
		late := &identity.Identity{SchemaID: "a", Traits: json.RawMessage(`{"number":"18"}`)}
		if err := s.people.Prepare(acme, late); err != nil {
			t.Fatal(err)
		}
		if _, err := s.person(acme, "a", `{"number":"17"}`); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(acme, "a", nil); !errors.Is(err, schema.ErrInUse) || !strings.HasPrefix(fault.From(err).Message, "Identities that follow this schema: 1.") {
			t.Errorf("one in use: %v", err)
		}
		if _, err := db.AllTenants().Exec(acme, `DELETE FROM identity`); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(acme, "a", nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(acme, "a", nil); !errors.Is(err, identity.ErrSchema) {
			t.Errorf("removed twice: %v", err)
		}
		if _, err := s.person(acme, "a", `{"number":"19"}`); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("a removed schema is given: %v", err)
		}
		if found, err := s.Schemas.Get(acme, "a"); err != nil || found.ID != "a" {
			t.Errorf("who was just registering is left without a schema: %v", err)
		}
		if err := s.Remove(acme, "b", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Schemas.Get(acme, "a"); err != nil || s.Schemas.Own(acme) {
			t.Errorf("without any it has the installation's: %v", err)
		}
		// What was removed long ago goes for good.
		if _, err := db.AllTenants().Exec(acme, `UPDATE identity_schema SET removed_at = ? WHERE id = 'a'`, db.Now().Add(-2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		s.put(t, acme, "c", schema.Draft{Schema: named("number")})
		if _, err := s.Schemas.Get(acme, "a"); !errors.Is(err, identity.ErrSchema) {
			t.Errorf("it is still there: %v", err)
		}
		if _, err := s.Schemas.Get(acme, "b"); err != nil {
			t.Errorf("one that was removed a moment ago is gone: %v", err)
		}
		s.put(t, acme, "b", schema.Draft{Schema: named("number")})
		if got := s.Schemas.Of(acme); !cmp.Equal(got.IDs(), []string{"b", "c"}) || got.Default() != "c" {
			t.Errorf("one that is written anew: %v, %q by default", got.IDs(), got.Default())
		}
	})
}

// TestBounds: what one tenant may have, and what a schema may be.
func TestBounds(t *testing.T) {
	db := testkit.SQLite(t, "management")
	s, acme := open(t, db, testkit.Feed(t, db)), of(t, "acme")
	for id, text := range map[string]string{
		"": string(named("n")), "a/b": string(named("n")), "..": string(named("n")), strings.Repeat("x", 101): string(named("n")),
		"x": `{}`, "y": `{"$ref":"https://example.com/s.json"}`, "z": "", "w": strings.Repeat("[", 1000), "v": `"` + strings.Repeat("x", identity.MaxSchema) + `"`,
	} {
		if _, err := s.Put(acme, id, schema.Draft{Schema: json.RawMessage(text)}, nil); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%.20q %.20q: %v", id, text, err)
		}
	}
	large := append(named("n"), strings.Repeat(" ", 200<<10)...)
	for i, want := range []error{nil, nil, schema.ErrLimit} {
		if _, err := s.Put(acme, fmt.Sprintf("large%d", i), schema.Draft{Schema: large}, nil); !errors.Is(err, want) {
			t.Errorf("%d times 200 KiB: %v", i+1, err)
		}
	}
	for i := range 48 {
		s.put(t, acme, fmt.Sprintf("small%d", i), schema.Draft{Schema: named("n")})
	}
	if _, err := s.Put(acme, "onemore", schema.Draft{Schema: named("n")}, nil); !errors.Is(err, schema.ErrLimit) {
		t.Errorf("the 51st: %v", err)
	}
	s.put(t, acme, "small0", schema.Draft{Schema: named("other")})
}

// TestManyChangeAtOnce: each change is made once, and one of the ids is the default.
func TestManyChangeAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		s, acme := open(t, db, testkit.Feed(t, db)), of(t, "acme")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if _, err := s.Put(acme, fmt.Sprintf("s%d", i%4), schema.Draft{Schema: named(fmt.Sprintf("n%d", i)), Default: i%2 == 0}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		var versions int
		if err := db.AllTenants().QueryRow(acme, `SELECT SUM(version) FROM identity_schema`).Scan(&versions); err != nil || versions != 8 {
			t.Errorf("%d changes were made of 8: %v", versions, err)
		}
		if got := s.Schemas.Of(acme); len(got.IDs()) != 4 || got.Default() == "" {
			t.Errorf("%v, %q by default", got.IDs(), got.Default())
		}
	})
}

// TestAdminAPI speaks HTTP.
func TestAdminAPI(t *testing.T) {
	db := testkit.SQLite(t, "management")
	s := open(t, db, testkit.Feed(t, db))
	mux := web.NewMux(web.KratosErrors, web.Options{Guard: func(_ http.ResponseWriter, r *http.Request) error {
		web.ActAs(r.Context(), actor.Actor{Kind: actor.Operator, Role: actor.Role(r.Header.Get("Role"))})
		of, _ := web.RouteOf(r.Context())
		return web.Require(r.Context(), of.Need)
	}})
	(&schema.Handler{Library: s.Library}).MountAdmin(mux)
	call := func(method, path, body string, want int, headers ...string) (map[string]any, http.Header) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Role", string(actor.RoleAdmin))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != want {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		var out map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &out) // a list is none
		return out, w.Header()
	}
	shown, _ := call(http.MethodGet, "/admin/schemas/default", "", http.StatusOK)
	if shown["source"] != "installation" || shown["default"] != true || shown["schema"] == nil {
		t.Errorf("%v", shown)
	}
	body := `{"schema":` + string(named("number")) + `,"selfservice_selectable":true}`
	call(http.MethodPut, "/admin/schemas/customer", body, http.StatusForbidden, "Role", string(actor.RoleOperator))
	call(http.MethodPut, "/admin/schemas/customer", `{"schema":{}}`, http.StatusBadRequest)
	call(http.MethodPut, "/admin/schemas/customer", `{}`, http.StatusBadRequest)
	call(http.MethodPut, "/admin/schemas/customer", body, http.StatusPreconditionFailed, "If-Match", "*")
	made, header := call(http.MethodPut, "/admin/schemas/customer", body, http.StatusCreated, "If-None-Match", "*")
	if made["source"] != "tenant" || made["default"] != true || made["selfservice_selectable"] != true {
		t.Errorf("%v", made)
	}
	call(http.MethodPut, "/admin/schemas/customer", body, http.StatusPreconditionFailed, "If-None-Match", "*")
	_, after := call(http.MethodPut, "/admin/schemas/customer", `{"schema":`+string(named("code"))+`}`, http.StatusOK, "If-Match", header.Get("Etag"))
	call(http.MethodDelete, "/admin/schemas/customer", "", http.StatusPreconditionFailed, "If-Match", header.Get("Etag"))
	if shown, _ = call(http.MethodGet, "/admin/schemas/customer", "", http.StatusOK); shown["selfservice_selectable"] != true {
		t.Errorf("what was not said has changed: %v", shown)
	}
	call(http.MethodGet, "/admin/schemas/default", "", http.StatusNotFound)
	call(http.MethodDelete, "/admin/schemas/customer", "", http.StatusNoContent, "If-Match", after.Get("Etag"))
	call(http.MethodGet, "/admin/schemas/default", "", http.StatusOK)
	c := identity.DefaultConfig()
	c.Schemas = []identity.SchemaConfig{{ID: "default", URL: "base64://" + "e30"}}
	if err := s.Schemas.Configure(t.Context(), tenant.Default, c, nil); err == nil {
		t.Error("a configured schema may be anything")
	}
	if err := s.Schemas.Configure(t.Context(), tenant.Default, identity.DefaultConfig(), nil); err != nil {
		t.Fatal(err)
	}
	call(http.MethodPut, "/admin/schemas/customer", body, http.StatusConflict)
}
