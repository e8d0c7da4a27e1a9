package password_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/method/password"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// fixture is the method over a database.
type fixture struct {
	*password.Method

	ctx   context.Context
	clock *testkit.Clock
	db    *sqldb.DB
}

func newFixture(t *testing.T, change ...func(*secret.HashConfig, *password.Config)) *fixture {
	t.Helper()
	f := &fixture{ctx: testkit.Context(t), clock: &testkit.Clock{}, db: testkit.SQLite(t, "management")}
	hashing, config := secret.DefaultHashConfig(), password.DefaultConfig()
	hashing.Memory, hashing.Time = 64, 1
	for _, c := range change {
		c(&hashing, &config)
	}
	if faults := append(hashing.Validate(), config.Validate()...); len(faults) > 0 {
		t.Fatal(faults)
	}
	schemas, err := identity.NewSchemas(f.ctx, identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := testkit.Ring(t)
	hasher, err := secret.NewHasher(hashing, ring.For("passwords"), f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	f.Method = &password.Method{
		Config: config, Schemas: schemas, Hasher: hasher, Now: f.clock.Now,
		Identities: identity.NewStore(identity.StoreOptions{
			DB: f.db, Feed: sqldb.NewFeed(f.db, sqldb.FeedOptions{}), Ring: ring.For("identities"), Schemas: schemas,
			BaseURL: func(context.Context) string { return "https://login.example.com/" }, Now: f.clock.Now,
		}),
		Limits: limit.New(limit.Options{
			Config: limit.DefaultConfig(), Store: limit.NewStore(limit.StoreOptions{DB: f.db, Ring: ring.For("limits")}), Now: f.clock.Now,
		}),
	}
	return f
}

// person stores somebody with the document as password credential; an empty one is none.
func (f *fixture) person(t *testing.T, email, document string) *identity.Identity {
	t.Helper()
	who := &identity.Identity{Traits: json.RawMessage(`{"email":"` + email + `"}`)}
	if document != "" {
		who.SetCredential(identity.Credential{Type: identity.Password, Config: json.RawMessage(document)})
	}
	if err := f.Identities.Create(f.ctx, who); err != nil {
		t.Fatal(err)
	}
	return who
}

func (f *fixture) hashed(t *testing.T, plain string) string {
	t.Helper()
	encoded, err := f.Hasher.Hash(f.ctx, plain)
	if err != nil {
		t.Fatal(err)
	}
	return `{"hashed_password":"` + encoded + `"}`
}

// stored is the hash that the person has in the database.
func (f *fixture) stored(t *testing.T, id string) string {
	t.Helper()
	who, err := f.Identities.WithCredentials(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return string(who.Credentials[identity.Password].Config)
}

const home = "192.0.2.7"

func sent(values map[string]any) *selfservice.Submission {
	return &selfservice.Submission{Method: "password", Values: values, Client: session.Client{IP: netip.MustParseAddr(home)}}
}

func (f *fixture) login(identifier, plain string) (*selfservice.Identified, error) {
	return f.Login(f.ctx, &selfservice.Flow{Kind: ui.Login}, sent(map[string]any{"identifier": identifier, "password": plain}))
}

// texts gives the fields and ids of a refusal.
func texts(err error) map[string]int {
	var invalid *ui.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	said := map[string]int{}
	for _, t := range invalid.Texts {
		said[t.Pointer] = t.Text.ID
	}
	return said
}

const (
	wrong    = 4000006
	required = 4000002
)

func TestLogin(t *testing.T) {
	f := newFixture(t)
	ada := f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	f.person(t, "none@example.com", "")
	f.person(t, "empty@example.com", "{}")
	f.person(t, "hook@example.com", `{"use_password_migration_hook":true}`)
	for _, identifier := range []string{"ada@example.com", " ADA@example.COM "} {
		found, err := f.login(identifier, "correct horse")
		if err != nil {
			t.Fatalf("%q: %v", identifier, err)
		}
		if found.Identity.ID != ada.ID || found.Upgrade != nil {
			t.Errorf("found %s, upgrade %v", found.Identity.ID, found.Upgrade != nil)
		}
		want := session.AuthMethod{Method: "password", AAL: "aal1", CompletedAt: f.clock.Now()}
		if diff := cmp.Diff(want, found.Method); diff != "" {
			t.Error(diff)
		}
	}
	for name, in := range map[string][2]string{
		"wrong password":             {"ada@example.com", "Correct horse"},
		"password and a zero byte":   {"ada@example.com", "correct horse\x00"},
		"unknown identifier":         {"bob@example.com", "correct horse"},
		"no password set":            {"none@example.com", "correct horse"},
		"credential without hash":    {"empty@example.com", "correct horse"},
		"hook that is not there":     {"hook@example.com", "correct horse"},
		"endless identifier":         {strings.Repeat("a", 100_000), "correct horse"},
		"endless password":           {"ada@example.com", strings.Repeat("a", 100_000)},
		"identifier of other things": {"\x00\xff{}'\"", "correct horse"},
	} {
		found, err := f.login(in[0], in[1])
		if diff := cmp.Diff(map[string]int{"": wrong}, texts(err)); diff != "" || found != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoginReadsOtherFields(t *testing.T) {
	f := newFixture(t)
	f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	for name, tc := range map[string]struct {
		flow selfservice.Flow
		in   map[string]any
		want map[string]int
	}{
		"as old clients name it":         {in: map[string]any{"password_identifier": "ada@example.com", "password": "correct horse"}},
		"from the first of two steps":    {flow: selfservice.Flow{Identifier: "ada@example.com"}, in: map[string]any{"password": "correct horse"}},
		"without anything":               {in: map[string]any{}, want: map[string]int{"identifier": required, "password": required}},
		"without password":               {in: map[string]any{"identifier": "ada@example.com"}, want: map[string]int{"password": required}},
		"with a password that is a list": {in: map[string]any{"identifier": "ada@example.com", "password": []any{"x"}}, want: map[string]int{"password": required}},
		"as second factor":               {flow: selfservice.Flow{AAL: "aal2"}, in: map[string]any{"identifier": "ada@example.com", "password": "correct horse"}, want: map[string]int{"": ui.NoMethod(ui.Login).ID}},
	} {
		_, err := f.Login(f.ctx, &tc.flow, sent(tc.in))
		if diff := cmp.Diff(tc.want, texts(err)); diff != "" || err != nil && tc.want == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoginCosts: who is asked for costs the same statements whether there is somebody or not.
func TestLoginCosts(t *testing.T) {
	f := newFixture(t)
	f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	f.person(t, "old@example.com", `{"hashed_password":"$md5$CY9rzUYh03PK3k6DJie09g=="}`)
	cost := func(identifier, plain string) uint64 {
		before := f.db.Statements()
		_, _ = f.login(identifier, plain)
		return f.db.Statements() - before
	}
	if n := cost("ada@example.com", "correct horse"); n != 2 { // the lock-out and the person
		t.Errorf("a login takes %d statements", n)
	}
	known, unknown, imported := cost("ada@example.com", "wrong"), cost("bob@example.com", "wrong"), cost("old@example.com", "wrong")
	if known != unknown || known != imported {
		t.Errorf("a wrong password takes %d statements, an unknown identifier %d, a wrong password for an imported hash %d", known, unknown, imported)
	}
}

// TestLoginTooBusy: when others' logins take all the memory, one more is told to come back.
func TestLoginTooBusy(t *testing.T) {
	f := newFixture(t, func(c *secret.HashConfig, _ *password.Config) {
		c.Memory, c.Time, c.MaxMemory, c.MaxWaiting = 16<<10, 8, 16<<10, 0
	})
	f.Limits = nil // each try that was not told so counts as a failure
	var err error
	for range 200 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = f.Hasher.Pretend(f.ctx, "somebody else's")
		}()
		time.Sleep(2 * time.Millisecond)
		_, err = f.login("bob@example.com", "correct horse")
		<-done
		if texts(err) == nil {
			break
		}
	}
	if said := fault.From(err); said == nil || said.Kind != fault.Unavailable || said.RetryAfter <= 0 {
		t.Errorf("error is %v", err)
	}
}

// TestLoginLocksAttemptsAtOnce: attempts that were all let in before the first of them failed are no more tries than others.
func TestLoginLocksAttemptsAtOnce(t *testing.T) {
	f := newFixture(t, func(c *secret.HashConfig, _ *password.Config) {
		c.Memory, c.Time, c.MaxMemory = 16<<10, 2, 16<<10 // one after the other
	})
	f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	const attempts = 40
	answers := make(chan error, attempts)
	for range attempts {
		go func() {
			_, err := f.login("ada@example.com", "wrong")
			answers <- err
		}()
	}
	var tried, locked int
	for range attempts {
		switch err := <-answers; {
		case texts(err)[""] == wrong:
			tried++
		case errors.Is(err, limit.ErrLocked):
			locked++
		default:
			t.Error(err)
		}
	}
	if tried > 12 {
		t.Errorf("%d passwords were tried at once, %d attempts were turned away", tried, locked)
	}
}

func TestLoginLocks(t *testing.T) {
	f := newFixture(t)
	f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	for _, identifier := range []string{"ada@example.com", "bob@example.com"} { // whether there is somebody or not
		for i := range 6 {
			if _, err := f.login(identifier, "wrong"); texts(err)[""] != wrong {
				t.Fatalf("%s, try %d: %v", identifier, i+1, err)
			}
		}
		for _, plain := range []string{"wrong", "correct horse"} {
			_, err := f.login(strings.ToUpper(identifier), plain)
			if !errors.Is(err, limit.ErrLocked) || fault.From(err).RetryAfter != 30*time.Second {
				t.Errorf("%s after six failures: %v", identifier, err)
			}
		}
	}
	f.clock.Advance(30 * time.Second)
	if _, err := f.login("ada@example.com", "correct horse"); err != nil {
		t.Fatalf("after the lock: %v", err)
	}
	for range 5 {
		if _, err := f.login("ada@example.com", "wrong"); texts(err)[""] != wrong {
			t.Fatalf("a success did not forget the failures: %v", err)
		}
	}
}

// TestLoginUpgrades: a hash of an old kind becomes one of today's, once.
func TestLoginUpgrades(t *testing.T) {
	f := newFixture(t)
	for name, document := range map[string]string{
		"md5@example.com":     `{"hashed_password":"$md5$CY9rzUYh03PK3k6DJie09g=="}`,
		"bcrypt@example.com":  `{"hashed_password":"$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"}`,
		"argon2i@example.com": `{"hashed_password":"$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c"}`,
	} {
		who := f.person(t, name, document)
		found, err := f.login(name, "test")
		if err != nil || found.Upgrade == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.stored(t, who.ID) != document {
			t.Errorf("%s: stored before the login succeeded", name)
		}
		if err := found.Upgrade(f.ctx); err != nil {
			t.Fatal(err)
		}
		if now := f.stored(t, who.ID); !strings.HasPrefix(now, `{"hashed_password":"$argon2id$v=19$m=64,t=1,p=1$`) {
			t.Errorf("%s: stored as %s", name, now)
		}
		if found, err = f.login(name, "test"); err != nil || found.Upgrade != nil {
			t.Errorf("%s: the second time: %v", name, err)
		}
	}
}

// TestLoginUpgradeLoses: a password that was changed at the same time stays changed.
func TestLoginUpgradeLoses(t *testing.T) {
	f := newFixture(t)
	who := f.person(t, "ada@example.com", `{"hashed_password":"$md5$CY9rzUYh03PK3k6DJie09g=="}`)
	found, err := f.login("ada@example.com", "test")
	if err != nil {
		t.Fatal(err)
	}
	chosen := f.hashed(t, "another one")
	read, err := f.Identities.WithCredentials(f.ctx, who.ID)
	if err != nil {
		t.Fatal(err)
	}
	read.SetCredential(identity.Credential{Type: identity.Password, Config: json.RawMessage(chosen)})
	if err := f.Identities.Update(f.ctx, read); err != nil {
		t.Fatal(err)
	}
	if err := found.Upgrade(f.ctx); err != nil {
		t.Errorf("losing is no failure: %v", err)
	}
	if f.stored(t, who.ID) != chosen {
		t.Error("the old password is back")
	}
}

// TestLoginUpgradeTooLong: what today's algorithm cannot take stays as it is.
func TestLoginUpgradeTooLong(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 100)
	document := f.hashed(t, long)
	who := f.person(t, "ada@example.com", document)
	c := secret.DefaultHashConfig()
	c.Algorithm, c.Bcrypt.Cost = secret.Bcrypt, 4
	var err error
	if f.Hasher, err = secret.NewHasher(c, testkit.Ring(t), f.clock.Now); err != nil {
		t.Fatal(err)
	}
	found, err := f.login("ada@example.com", long)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Upgrade(f.ctx); err != nil || f.stored(t, who.ID) != document {
		t.Errorf("upgrade: %v", err)
	}
}

func names(nodes []*ui.Node) (all []string) {
	for _, n := range nodes {
		label := ""
		if n.Meta.Label != nil {
			label = n.Meta.Label.Text
		}
		all = append(all, strings.Join([]string{n.Group, n.Attributes.Name, n.Attributes.Type, n.Attributes.Autocomplete, label}, " "))
	}
	return all
}

func TestNodes(t *testing.T) {
	f := newFixture(t)
	f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	f.person(t, "none@example.com", "")
	s, err := f.Schemas.Get(f.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	login := func(flow selfservice.Flow) func() ([]*ui.Node, error) {
		return func() ([]*ui.Node, error) { return f.LoginNodes(f.ctx, &flow) }
	}
	for name, tc := range map[string]struct {
		nodes func() ([]*ui.Node, error)
		want  []string
	}{
		"login": {login(selfservice.Flow{}), []string{
			"default identifier text username E-Mail", "password password password current-password Password", "password method submit  Sign in with password",
		}},
		"login of somebody who is known": {login(selfservice.Flow{Refresh: true, Identifier: "ada@example.com"}), []string{
			"default identifier hidden  ", "password password password current-password Password", "password method submit  Sign in",
		}},
		"login of somebody without password": {login(selfservice.Flow{Refresh: true, Identifier: "none@example.com"}), nil},
		"login of somebody who is gone":      {login(selfservice.Flow{Refresh: true, Identifier: "gone@example.com"}), nil},
		"second factor":                      {login(selfservice.Flow{AAL: "aal2"}), nil},
		"second step of two": {login(selfservice.Flow{Identifier: "none@example.com"}), []string{ // the same for everybody
			"default identifier text username E-Mail", "password password password current-password Password", "password method submit  Sign in with password",
		}},
		"registration": {func() ([]*ui.Node, error) { return f.RegistrationNodes(f.ctx, &selfservice.Flow{}, s) }, []string{
			"password password password new-password Password", "password method submit  Sign up",
		}},
		"settings": {func() ([]*ui.Node, error) { return f.SettingsNodes(f.ctx, &selfservice.Flow{}, &identity.Identity{}) }, []string{
			"password password password new-password Password", "password method submit  Save",
		}},
	} {
		nodes, err := tc.nodes()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, names(nodes)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRegister(t *testing.T) {
	f := newFixture(t)
	draft := func() *identity.Identity {
		return &identity.Identity{SchemaID: "default", Traits: json.RawMessage(`{"email":"ada@example.com"}`)}
	}
	for name, tc := range map[string]struct {
		password any
		traits   string
		want     map[string]int
	}{
		"good":                    {"correct horse", "", nil},
		"missing":                 {nil, "", map[string]int{"password": required}},
		"short":                   {"horse", "", map[string]int{"password": 4000032}},
		"close":                   {"ada@example.com", "", map[string]int{"password": 4000031}},
		"too long":                {strings.Repeat("x", 1025), "", map[string]int{"password": 4000033}},
		"nothing to sign in with": {"correct horse", `{}`, map[string]int{"": ui.IdentifierMissing().ID}},
	} {
		who := draft()
		if tc.traits != "" {
			who.Traits = json.RawMessage(tc.traits)
		}
		how, err := f.Register(f.ctx, &selfservice.Flow{}, sent(map[string]any{"password": tc.password}), who)
		if diff := cmp.Diff(tc.want, texts(err)); diff != "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tc.want != nil {
			if len(who.Credentials) > 0 {
				t.Errorf("%s: a credential was set", name)
			}
			continue
		}
		if err != nil || how.Method.Method != "password" || len(how.Verified) > 0 {
			t.Fatalf("%s: %+v, %v", name, how, err)
		}
		c := who.Credentials[identity.Password]
		if !slices.Equal(c.Identifiers, []string{"ada@example.com"}) || strings.Contains(string(c.Config), "correct") {
			t.Errorf("%s: credential %+v", name, c)
		}
		if err := f.Identities.Create(f.ctx, who); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.login("ada@example.com", "correct horse"); err != nil {
		t.Errorf("signing in: %v", err)
	}
}

func TestRegisterStolen(t *testing.T) {
	f := newFixture(t)
	breaches, err := password.NewBreaches(password.BreachOptions{
		Config: f.Config.Config, Now: f.clock.Now,
		Fetch: func(context.Context, string) ([]byte, error) {
			return []byte("214943DAAD1D64C102FAEC29DE4AFE9DA3D:42"), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Breaches = breaches
	who := &identity.Identity{SchemaID: "default", Traits: json.RawMessage(`{"email":"ada@example.com"}`)}
	_, err = f.Register(f.ctx, &selfservice.Flow{}, sent(map[string]any{"password": "password1"}), who)
	if texts(err)["password"] != 4000034 {
		t.Errorf("error is %v", err)
	}
	f.Config.Config.MaxBreaches = 42
	if _, err = f.Register(f.ctx, &selfservice.Flow{}, sent(map[string]any{"password": "password1"}), who); err != nil {
		t.Errorf("as often as is permitted: %v", err)
	}
}

func TestSettings(t *testing.T) {
	f := newFixture(t)
	who := f.person(t, "ada@example.com", f.hashed(t, "correct horse"))
	if !f.Privileged(f.ctx, nil) {
		t.Error("a password can be changed long after signing in")
	}
	for name, tc := range map[string]struct {
		password string
		want     map[string]int
	}{
		"missing":        {"", map[string]int{"password": required}},
		"the old one":    {"correct horse", map[string]int{"password": 4000039}},
		"short":          {"horse", map[string]int{"password": 4000032}},
		"a good new one": {"battery staple", nil},
	} {
		read, err := f.Identities.WithCredentials(f.ctx, who.ID)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Settings(f.ctx, &selfservice.Flow{}, sent(map[string]any{"password": tc.password}), read)
		if diff := cmp.Diff(tc.want, texts(err)); diff != "" {
			t.Errorf("%s: %v", name, err)
		}
		if tc.want == nil {
			if err := f.Identities.Update(f.ctx, read); err != nil {
				t.Fatal(err)
			}
			if _, err := f.login("ada@example.com", tc.password); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// The next cases are about the first password.
			read, err = f.Identities.WithCredentials(f.ctx, who.ID)
			if err != nil {
				t.Fatal(err)
			}
			read.SetCredential(identity.Credential{Type: identity.Password, Config: json.RawMessage(f.hashed(t, "correct horse"))})
			if err := f.Identities.Update(f.ctx, read); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := f.person(t, "first@example.com", "")
	if err := f.Settings(f.ctx, &selfservice.Flow{}, sent(map[string]any{"password": "correct horse"}), first); err != nil {
		t.Errorf("the first password: %v", err)
	}
}

// old is a system that knows passwords.
func old(t *testing.T, status int, answer string) (*httptest.Server, *[]string) {
	t.Helper()
	got := &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		user, pass, _ := r.BasicAuth()
		*got = append(*got, strings.Join([]string{r.Method, r.Header.Get("X-Old"), user, pass, body["identifier"], body["password"], body["of"]}, "|"))
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	return s, got
}

func (f *fixture) migrate(t *testing.T, url string, change ...func(*password.MigrationOptions)) {
	t.Helper()
	c := password.DefaultConfig().Config.MigrateHook
	c.Config.URL = url
	c.Config.Headers = map[string]secret.String{"X-Old": "yes"}
	c.Config.Auth = fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "gate", Password: "house"}}
	// A busy machine may need the usual second for itself.
	o := password.MigrationOptions{Config: c.Config, Jsonnet: hook.NewJsonnet(hook.Limits{Timeout: time.Minute})}
	for _, c := range change {
		c(&o)
	}
	m, err := password.NewMigration(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Migrate = m.Ask
}

func TestMigrate(t *testing.T) {
	f := newFixture(t)
	s, got := old(t, http.StatusOK, `{"status":"password_match"}`)
	f.migrate(t, s.URL)
	who := f.person(t, "ada@example.com", `{"use_password_migration_hook":true}`)
	found, err := f.login("Ada@example.com", "correct horse")
	if err != nil || found.Identity.ID != who.ID || found.Upgrade == nil {
		t.Fatalf("login: %v", err)
	}
	if err := found.Upgrade(f.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := f.login("ada@example.com", "correct horse"); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if _, err := f.login("ada@example.com", "wrong"); texts(err)[""] != wrong {
		t.Errorf("a wrong one afterwards: %v", err)
	}
	if want := []string{"POST|yes|gate|house|Ada@example.com|correct horse|"}; !slices.Equal(*got, want) {
		t.Errorf("the other system got %q", *got)
	}
}

func TestMigrateAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		answer string
		kind   fault.Kind
	}{
		"no match":       {200, `{"status":"no_match"}`, 0},
		"something else": {200, `{}`, 0},
		"unauthorized":   {401, ``, 0},
		"forbidden":      {403, `{"status":"password_match"}`, 0},
		"not found":      {404, ``, 0},
		"broken":         {500, `{"status":"password_match"}`, fault.Unavailable},
		"elsewhere":      {302, ``, fault.Unavailable},
		"no JSON":        {200, `password_match`, fault.Unavailable},
	} {
		f := newFixture(t)
		s, _ := old(t, tc.status, tc.answer)
		f.migrate(t, s.URL)
		f.person(t, "ada@example.com", `{"use_password_migration_hook":true}`)
		_, err := f.login("ada@example.com", "correct horse")
		if tc.kind == 0 && texts(err)[""] != wrong || tc.kind != 0 && (fault.From(err) == nil || fault.From(err).Kind != tc.kind) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "correct horse") {
			t.Errorf("%s: the error tells the password", name)
		}
	}
}

func TestMigrateWithProgram(t *testing.T) {
	f := newFixture(t)
	s, got := old(t, http.StatusOK, `{"status":"password_match"}`)
	// function(ctx) {identifier: ctx.identifier, password: ctx.password, of: "gatehouse"}
	const program = "base64://ZnVuY3Rpb24oY3R4KSB7aWRlbnRpZmllcjogY3R4LmlkZW50aWZpZXIsIHBhc3N3b3JkOiBjdHgucGFzc3dvcmQsIG9mOiAiZ2F0ZWhvdXNlIn0"
	f.migrate(t, s.URL, func(o *password.MigrationOptions) { o.Config.Body = program })
	f.person(t, "ada@example.com", `{"use_password_migration_hook":true}`)
	if _, err := f.login("ada@example.com", "correct horse"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"POST|yes|gate|house|ada@example.com|correct horse|gatehouse"}; !slices.Equal(*got, want) {
		t.Errorf("the other system got %q", *got)
	}
	for name, body := range map[string]string{"no program": "base64://Zm9vIGJhcg", "no file": "file:///does/not/exist", "no base64": "base64://!"} {
		o := password.MigrationOptions{Config: password.MigrateConfig{URL: s.URL, Body: body}, Jsonnet: hook.NewJsonnet(hook.Limits{})}
		if _, err := password.NewMigration(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestMigratePrivate: the password goes to no private network where that is forbidden.
func TestMigratePrivate(t *testing.T) {
	f := newFixture(t)
	s, got := old(t, http.StatusOK, `{"status":"password_match"}`)
	f.person(t, "ada@example.com", `{"use_password_migration_hook":true}`)
	f.migrate(t, s.URL, func(o *password.MigrationOptions) { o.Private.DisallowPrivateIPRanges = true })
	if _, err := f.login("ada@example.com", "correct horse"); fault.From(err).Kind != fault.Unavailable || len(*got) > 0 {
		t.Errorf("login: %v, got %q", err, *got)
	}
	f.migrate(t, s.URL, func(o *password.MigrationOptions) {
		o.Private.DisallowPrivateIPRanges, o.Private.PrivateIPExceptionURLs = true, []string{s.URL}
	})
	if _, err := f.login("ada@example.com", "correct horse"); err != nil {
		t.Errorf("the exception: %v", err)
	}
}
