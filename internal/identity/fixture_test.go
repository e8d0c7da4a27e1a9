package identity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// fixture is the package put together on one database.
type fixture struct {
	clock   *testkit.Clock
	db      *sqldb.DB
	schemas *identity.Schemas
	store   *identity.Store
	admin   *identity.Admin
	handler *identity.Handler
	ctx     context.Context
}

// phoneSchema has a user name and a phone number, and lists.
const phoneSchema = `{
  "$id": "https://schemas.example.com/phone.json",
  "type": "object",
  "properties": {
    "traits": {
      "type": "object",
      "properties": {
        "username": {"type": "string", "title": "User name", "minLength": 3, "maxLength": 40, "pattern": "^[^@]+$",
          "ory.sh/kratos": {"credentials": {"password": {"identifier": true}, "webauthn": {"identifier": true}}}},
        "phone": {"type": "string", "format": "tel",
          "ory.sh/kratos": {"credentials": {"code": {"identifier": true, "via": "sms"}}, "verification": {"via": "sms"}, "recovery": {"via": "sms"}}},
        "emails": {"type": "array", "maxItems": 3, "uniqueItems": true, "items": {"$ref": "#/definitions/email"}},
        "age": {"type": "integer", "minimum": 18, "maximum": 150},
        "plan": {"enum": ["free", "paid"]},
        "newsletter": {"type": "boolean", "disableFormField": true}
      },
      "required": ["username"],
      "additionalProperties": false
    }
  },
  "definitions": {
    "email": {"type": "string", "format": "email", "ory.sh/kratos": {"verification": {"via": "email"}, "recovery": {"via": "email"}}}
  }
}`

func newFixture(t testing.TB, db *sqldb.DB) *fixture {
	t.Helper()
	f := &fixture{clock: new(testkit.Clock), db: db, ctx: tenant.With(t.Context(), tenant.Default)}
	builtIn, err := identity.NewSchemas(f.ctx, identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := builtIn.Get(f.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]string{"https://example.com/default.json": string(first.Raw), "https://example.com/phone.json": phoneSchema}
	config := identity.Config{DefaultSchemaID: "default", Schemas: []identity.SchemaConfig{
		{ID: "default", URL: "https://example.com/default.json"}, {ID: "phone", URL: "https://example.com/phone.json"},
	}}
	f.schemas, err = identity.NewSchemas(f.ctx, config, func(_ context.Context, url string) ([]byte, error) {
		if text, ok := published[url]; ok {
			return []byte(text), nil
		}
		return nil, http.ErrMissingFile
	})
	if err != nil {
		t.Fatal(err)
	}
	hashing := secret.DefaultHashConfig()
	hashing.Memory, hashing.Time = 8<<10, 1
	hasher, err := secret.NewHasher(hashing, testkit.Ring(t), f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.store = identity.NewStore(identity.StoreOptions{
		DB: db, Feed: sqldb.NewFeed(db, sqldb.FeedOptions{}), Ring: testkit.Ring(t).For("identity credential"), Schemas: f.schemas,
		BaseURL: func(context.Context) string { return "https://id.example.com/" }, Now: f.clock.Now,
	})
	f.admin = &identity.Admin{Store: f.store, Hasher: hasher}
	f.handler = &identity.Handler{Admin: f.admin, Ring: testkit.Ring(t).For("identity page")}
	return f
}

// serve serves the admin API.
func (f *fixture) serve(t testing.TB) string {
	t.Helper()
	mux := web.NewMux(web.KratosErrors, web.Options{Bare: "/admin", MaxBody: 8 << 20, Guard: func(_ http.ResponseWriter, r *http.Request) error {
		web.ActAs(r.Context(), actor.Actor{Kind: actor.Operator, Role: actor.RoleOperator})
		return nil
	}})
	f.handler.MountAdmin(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// person is an identity under the built-in schema, not yet stored.
func person(email string) *identity.Identity {
	return &identity.Identity{Traits: []byte(`{"email":"` + email + `"}`)}
}

// withPassword gives it a password.
func withPassword(id *identity.Identity) *identity.Identity {
	id.SetCredential(identity.Credential{Type: identity.Password, Config: []byte(`{"hashed_password":"$2a$10$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq"}`)})
	return id
}

// add stores an identity.
func (f *fixture) add(t testing.TB, id *identity.Identity) *identity.Identity {
	t.Helper()
	if err := f.store.Create(f.ctx, id); err != nil {
		t.Fatal(err)
	}
	return id
}
