package seal_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Secrets of the tests, of which each has its own id.
const (
	secretA = "first secret of the seal tests"
	secretB = "second secret of the seal tests"
	secretC = "third secret of the seal tests"
)

// world is a database with the tables of both logical databases, on which servers come and go.
type world struct {
	t     *testing.T
	db    *sqldb.DB
	store *seal.Store
	clock testkit.Clock
}

func eachWorld(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) { fn(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	t.Helper()
	if _, err := migrations.Up(testkit.Context(t), db, "oauth"); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: db.AllTenants(), store: seal.NewStore(map[string]*sqldb.DB{"management": db, "oauth": db})}
}

// replica is one server with its secrets.
type replica struct {
	*seal.Seals
	w     *world
	notes secret.Column
}

// replica puts a server together that has not begun.
func (w *world) replica(name string, secrets ...secret.String) *replica {
	w.t.Helper()
	return w.withCookie(name, "a cookie secret of the tests", secrets...)
}

func (w *world) withCookie(name string, cookie secret.String, secrets ...secret.String) *replica {
	w.t.Helper()
	ring, err := secret.NewRing(secrets)
	if err != nil {
		w.t.Fatal(err)
	}
	cookies, err := secret.NewRing([]secret.String{cookie})
	if err != nil {
		w.t.Fatal(err)
	}
	r := &replica{w: w, Seals: &seal.Seals{
		Store: w.store, System: ring, Cookie: cookies, Purposes: []string{"tokens"}, Server: name, Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	}}
	if err := r.Inherit(testkit.Context(w.t)); err == nil {
		r.notes = credentials(ring)
		r.Columns = []secret.Column{r.notes, messages(ring)}
	}
	return r
}

// begins starts a server that must start.
func (w *world) begins(name string, secrets ...secret.String) *replica {
	w.t.Helper()
	r := w.replica(name, secrets...)
	if err := r.Begin(testkit.Context(w.t)); err != nil {
		w.t.Fatalf("%s does not begin: %v", name, err)
	}
	return r
}

func credentials(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "management", Table: "identity_credential", Name: "config", Key: []string{"tenant_id", "identity_id", "type"},
		Ring: ring.For("credentials"), Binding: func(key []string) []byte { return []byte(strings.Join(key, " ")) },
	}
}

func messages(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "oauth", Table: "signing_key", Name: "sealed_jwk", Key: []string{"tenant_id", "set_name", "kid"},
		Ring: ring.For("keys"), Binding: func(key []string) []byte { return []byte(strings.Join(key, " ")) },
	}
}

// put stores a value in the row n of the credentials, and in one of the signing keys.
func (r *replica) put(n int, plain string) {
	r.w.t.Helper()
	ctx := context.WithoutCancel(testkit.Context(r.w.t))
	id := fmt.Sprintf("person-%03d", n)
	_, err := r.w.db.InsertRows(ctx, "identity_credential",
		[]string{"tenant_id", "identity_id", "type", "config", "identifiers", "version", "revision", "created_at", "updated_at"},
		[][]any{{tenantOf(n), id, "password", r.seal(r.notes, plain, tenantOf(n), id, "password"), "[]", 0, 1, r.w.clock.Now(), r.w.clock.Now()}})
	if err != nil {
		r.w.t.Fatal(err)
	}
	column := messages(r.System)
	_, err = r.w.db.InsertRows(ctx, "signing_key",
		[]string{"tenant_id", "set_name", "kid", "algorithm", "key_use", "state", "origin", "ordinal", "sealed_jwk", "created_at"},
		[][]any{{tenantOf(n), "set", id, "ES256", "sig", "active", "schedule", 1, r.seal(column, plain, tenantOf(n), "set", id), r.w.clock.Now()}})
	if err != nil {
		r.w.t.Fatal(err)
	}
}

// tenantOf spreads rows over tenants.
func tenantOf(n int) string { return []string{"default", "other"}[n%2] }

func (r *replica) seal(c secret.Column, plain string, key ...string) string {
	r.w.t.Helper()
	sealed, err := c.Ring.Seal([]byte(plain), c.Binding(key))
	if err != nil {
		r.w.t.Fatal(err)
	}
	return sealed
}

// get opens what put has stored.
func (r *replica) get(n int) string {
	r.w.t.Helper()
	id := fmt.Sprintf("person-%03d", n)
	var sealed string
	err := r.w.db.QueryRow(context.WithoutCancel(testkit.Context(r.w.t)), `SELECT config FROM identity_credential WHERE tenant_id = ? AND identity_id = ? AND type = ?`, tenantOf(n), id, "password").Scan(&sealed)
	if err != nil {
		r.w.t.Fatal(err)
	}
	plain, err := r.notes.Ring.Open(sealed, r.notes.Binding([]string{tenantOf(n), id, "password"}))
	if err != nil {
		r.w.t.Fatalf("%s: %v", id, err)
	}
	return string(plain)
}

// resealAll seals everything anew in batches, and gives what became of it.
func (r *replica) resealAll(limit int) (resealed, overtaken int, failed []seal.Failure) {
	r.w.t.Helper()
	after := ""
	for {
		b, err := r.Reseal(context.WithoutCancel(testkit.Context(r.w.t)), after, limit, after == "")
		if err != nil {
			r.w.t.Fatal(err)
		}
		if after == "" && b.Left == nil {
			r.w.t.Error("the first batch does not say how much there is")
		}
		resealed, overtaken, failed = resealed+b.Resealed, overtaken+b.Overtaken, append(failed, b.Failed...)
		if b.Done {
			return resealed, overtaken, failed
		}
		after = b.After
	}
}

// sealedBy counts the values that a key has sealed.
func (r *replica) sealedBy(id string) (n int64) {
	r.w.t.Helper()
	status, err := r.Status(context.WithoutCancel(testkit.Context(r.w.t)))
	if err != nil {
		r.w.t.Fatal(err)
	}
	for _, c := range status.Values {
		if c.Key == id && !c.Digest {
			n += c.Values
		}
	}
	return n
}

// idOf gives the id of a secret.
func idOf(t *testing.T, s secret.String) string {
	t.Helper()
	ring, err := secret.NewRing([]secret.String{s})
	if err != nil {
		t.Fatal(err)
	}
	return ring.Making()
}
