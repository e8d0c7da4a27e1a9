package session_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const publicURL = "http://id.example.com/"

// fixture is the package put together on one database.
type fixture struct {
	clock     *testkit.Clock
	db        *sqldb.DB
	feed      *sqldb.Feed
	people    *identity.Store
	store     *session.Store
	handler   *session.Handler
	exchanges *session.Exchanges
	config    session.Config
	ctx       context.Context
}

// newFixture has a feed that a busy machine does not cut off, so that statements can be counted.
func newFixture(t testing.TB, db *sqldb.DB, change ...func(*session.Config)) *fixture {
	t.Helper()
	return newFixtureOn(t, sqldb.NewFeed(db, sqldb.FeedOptions{Limit: time.Hour}), db, change...)
}

func newFixtureOn(t testing.TB, feed *sqldb.Feed, db *sqldb.DB, change ...func(*session.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: new(testkit.Clock), db: db, feed: feed, config: session.DefaultConfig()}
	f.ctx = tenant.With(t.Context(), tenant.Default)
	for _, c := range change {
		c(&f.config)
	}
	if faults := f.config.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	ring := testkit.Ring(t)
	schemas, err := identity.NewSchemas(f.ctx, identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.people = identity.NewStore(identity.StoreOptions{DB: db, Feed: f.feed, Ring: ring.For("identity"), Schemas: schemas, BaseURL: func(context.Context) string { return publicURL }, Now: f.clock.Now})
	f.store = session.NewStore(session.StoreOptions{
		DB: db, Feed: f.feed, Identities: f.people, Tokens: session.NewTokens("gh", ring), Config: f.config, Now: f.clock.Now,
	})
	t.Cleanup(f.store.Close)
	f.exchanges = &session.Exchanges{Store: f.store}
	base, err := web.ParseBaseURL(publicURL)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = &session.Handler{
		Store: f.store, Config: f.config, Ring: ring.For("session cookies"), Base: web.NewBaseURLs(base, nil), Exchanges: f.exchanges, Now: f.clock.Now,
	}
	return f
}

// person writes an identity's row and returns the identity as a login would have it.
func (f *fixture) person(t testing.TB, change ...func(map[string]any)) *identity.Identity {
	t.Helper()
	id, _ := tenant.From(f.ctx)
	now := f.clock.Now()
	values := map[string]any{
		"tenant_id": string(id), "id": secret.NewID(), "schema_id": "default", "external_id": "", "organization_id": "", "state": identity.Active,
		"available_aal": identity.AAL1, "traits": `{"email":"ada@example.com","name":{"first":"Ada","last":"Byron"}}`,
		"metadata_public": `{"plan":"gold"}`, "metadata_admin": `{"risk":"secret remark"}`, "addresses": `{}`,
		"version": int64(1), "created_at": now, "updated_at": now,
	}
	for _, c := range change {
		c(values)
	}
	var columns []string
	var row []any
	for name, value := range values {
		columns, row = append(columns, name), append(row, value)
	}
	if _, err := f.db.InsertRows(f.ctx, "identity", columns, [][]any{row}); err != nil {
		t.Fatal(err)
	}
	return &identity.Identity{ID: values["id"].(string), State: identity.Active}
}

// changePerson changes a column of an identity as package identity would: with word on the change feed.
func (f *fixture) changePerson(t testing.TB, id, column string, value any) {
	t.Helper()
	err := f.db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE identity SET `+column+` = ? WHERE tenant_id = :tenant AND id = ?`, value, id); err != nil {
			return err
		}
		return f.feed.Publish(ctx, tx, identity.Topic, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func byPassword() []session.AuthMethod {
	return []session.AuthMethod{{Method: "password", AAL: session.AAL1}}
}

func firefox() session.Client {
	return session.Client{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Firefox", Location: "Paris, FR"}
}

// login stores a session of the identity, which it reads anew as a login does, and returns it with its token.
func (f *fixture) login(t testing.TB, who *identity.Identity) (*session.Session, string) {
	t.Helper()
	made, token := f.store.New(f.read(t, who.ID), byPassword(), firefox(), f.clock.Now())
	if err := f.store.Insert(f.ctx, made); err != nil {
		t.Fatal(err)
	}
	return made, token
}

// serve serves both listeners' routes.
func (f *fixture) serve(t testing.TB) string {
	t.Helper()
	mux := web.NewMux(web.KratosErrors, web.Options{Bare: "/admin", Now: f.clock.Now})
	f.handler.MountPublic(mux)
	f.handler.MountAdmin(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
	list   []map[string]any
}

// call sends a request; header lines are "Name: value".
func call(t testing.TB, method, address, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(raw)}
	if strings.HasPrefix(a.text, "[") {
		err = json.Unmarshal(raw, &a.list)
	} else if len(raw) > 0 {
		err = json.Unmarshal(raw, &a.body)
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return a
}

// cookie returns the session cookie as a request header line.
func (f *fixture) cookie(t testing.TB, s *session.Session, token string) (line, set string) {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := f.handler.SetCookie(rec, httptest.NewRequest("GET", "/", nil), s, token); err != nil {
		t.Fatal(err)
	}
	set = rec.Header().Get("Set-Cookie")
	value, _, _ := strings.Cut(set, ";")
	return "Cookie: " + value, set
}

// memory returns a migrated database in memory, for fuzz tests and benchmarks too.
func memory(t testing.TB) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "management", Now: new(testkit.Clock).Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(t.Context(), db, "management"); err != nil {
		t.Fatal(err)
	}
	return db
}
