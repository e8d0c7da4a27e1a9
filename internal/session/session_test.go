package session_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func method(name, aal string) session.AuthMethod { return session.AuthMethod{Method: name, AAL: aal} }

func TestLevelOfMethods(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	for _, tc := range []struct {
		name    string
		methods []session.AuthMethod
		want    string
	}{
		{"nothing proved", nil, "aal0"},
		{"a password", []session.AuthMethod{method("password", "aal1")}, "aal1"},
		{"a password and an app", []session.AuthMethod{method("password", "aal1"), method("totp", "aal2")}, "aal2"},
		{"an app alone is no two factors", []session.AuthMethod{method("totp", "aal2")}, "aal1"},
		{"the same factor twice", []session.AuthMethod{method("password", "aal1"), method("password", "aal1")}, "aal1"},
		{"a provider that asked for both", []session.AuthMethod{method("oidc", "aal2")}, "aal2"},
		{"a recovery", []session.AuthMethod{method("code_recovery", "aal1")}, "aal1"},
		{"no level said", []session.AuthMethod{method("password", "")}, "aal1"},
	} {
		made, _ := f.store.New(&identity.Identity{ID: "x"}, tc.methods, session.Client{}, f.clock.Now())
		if made.AAL != tc.want {
			t.Errorf("%s: %s", tc.name, made.AAL)
		}
	}
}

func TestSatisfied(t *testing.T) {
	for _, tc := range []struct {
		has, available, required string
		want                     bool
	}{
		{"aal1", "aal1", "highest_available", true},
		{"aal1", "aal2", "highest_available", false},
		{"aal2", "aal2", "highest_available", true},
		{"aal2", "aal1", "highest_available", true},
		{"aal0", "aal0", "highest_available", false},
		{"aal1", "aal0", "highest_available", true},
		{"aal1", "aal2", "aal1", true},
		{"aal1", "aal1", "aal2", false},
		{"aal2", "aal2", "aal2", true},
		{"aal0", "aal1", "aal1", false},
		{"aal2", "aal2", "", false},
		{"aal2", "aal2", "aal3", false},
	} {
		if got := session.Satisfied(tc.has, tc.available, tc.required); got != tc.want {
			t.Errorf("%s of %s for %s: %t", tc.has, tc.available, tc.required, got)
		}
	}
}

// The document's members, their order and their types are Kratos'; SDKs in typed languages choke on others.
func TestDocument(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	who := &identity.Identity{
		ID: "6f1dd1ad-0e8f-4f7e-b6d0-2f8f0cf8e1a1", SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{"email":"a@b.c"}`),
		MetadataPublic: json.RawMessage(`{"plan":1}`), MetadataAdmin: json.RawMessage(`{"risk":2}`),
		Credentials: map[string]identity.Credential{"password": {Type: "password", Config: json.RawMessage(`{"hashed_password":"$argon2id$…"}`)}},
	}
	made, _ := f.store.New(who, byPassword(), firefox(), f.clock.Now())
	raw, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	person, _ := got["identity"].(map[string]any)
	delete(got, "identity")
	want := map[string]any{
		"id": made.ID, "active": true, "expires_at": "2026-03-05T05:06:07.089012Z", "authenticated_at": "2026-03-04T05:06:07.089012Z",
		"authenticator_assurance_level": "aal1", "issued_at": "2026-03-04T05:06:07.089012Z",
		"authentication_methods": []any{map[string]any{"method": "password", "aal": "aal1", "completed_at": "2026-03-04T05:06:07.089012Z"}},
		"devices":                []any{map[string]any{"id": made.Devices[0].ID, "ip_address": "192.0.2.7", "user_agent": "Firefox", "location": "Paris, FR"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if person["id"] != who.ID || person["metadata_public"] == nil || person["metadata_admin"] != nil || person["credentials"] != nil {
		t.Errorf("identity: %v", person)
	}
	members := []string{
		`{"id":`, `"active":`, `"expires_at":`, `"authenticated_at":`, `"authenticator_assurance_level":`, `"authentication_methods":`,
		`"issued_at":`, `"identity":`, `"devices":`,
	}
	for i, at := 0, -1; i < len(members); i++ {
		next := strings.Index(string(raw), members[i])
		if i < 7 && next <= at || next < 0 {
			t.Errorf("%s is out of order in %s", members[i], raw)
		}
		at = next
	}
	admin, err := json.Marshal(session.Admin{Session: made})
	if err != nil || !strings.Contains(string(admin), `"metadata_admin":{"risk":2}`) || strings.Contains(string(admin), "hashed") {
		t.Errorf("for administrators: %s, %v", admin, err)
	}
	made.Identity, made.Devices, made.Tokenized = nil, nil, "a.b.c"
	if raw, err = json.Marshal(made); err != nil || !strings.HasSuffix(string(raw), `"identity":null,"devices":null,"tokenized":"a.b.c"}`) {
		t.Errorf("without what was not asked for: %s, %v", raw, err)
	}
	if made, _ = f.store.New(who, nil, session.Client{}, f.clock.Now()); made == nil || made.Methods == nil {
		t.Error("a list that is empty is still a list")
	}
	if d := made.Devices[0]; d.IPAddress != nil || d.UserAgent != nil || d.Location != nil {
		t.Errorf("nothing known: %+v", d)
	}
}

func TestRenew(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), func(c *session.Config) { c.MaxLifespan = 30 * time.Hour })
	made, first := f.store.New(&identity.Identity{ID: "x"}, byPassword(), firefox(), f.clock.Now())
	issued, devices := made.IssuedAt, made.Devices
	f.clock.Advance(2 * time.Hour)
	second := f.store.Renew(made, made.Identity, []session.AuthMethod{method("totp", "aal2")}, firefox(), f.clock.Now())
	if first == second {
		t.Error("the token stays")
	}
	if made.AAL != "aal2" || len(made.Methods) != 2 || !made.Methods[1].CompletedAt.Equal(f.clock.Now()) {
		t.Errorf("%s %+v", made.AAL, made.Methods)
	}
	if !made.AuthenticatedAt.Equal(f.clock.Now()) || !made.IssuedAt.Equal(issued) || !made.ExpiresAt.Equal(f.clock.Now().Add(24*time.Hour)) {
		t.Errorf("%s %s %s", made.AuthenticatedAt, made.IssuedAt, made.ExpiresAt)
	}
	if len(made.Devices) != 1 {
		t.Errorf("the same device is remembered %d times", len(made.Devices))
	}
	f.clock.Advance(10 * time.Hour)
	for i := range 60 {
		f.store.Renew(made, made.Identity, []session.AuthMethod{method("code", "aal1")}, session.Client{UserAgent: fmt.Sprint(strings.Repeat("x", 1000), "\x00", i)}, f.clock.Now())
		f.store.Renew(made, made.Identity, []session.AuthMethod{method("code", "aal1")}, session.Client{UserAgent: fmt.Sprint("agent\x00 \xff", i)}, f.clock.Now())
	}
	if !made.ExpiresAt.Equal(issued.Add(30 * time.Hour)) {
		t.Errorf("it outlives max_lifespan: %s", made.ExpiresAt)
	}
	if made.AAL != "aal2" || len(made.Methods) != 30 || made.Methods[0].Method != "password" {
		t.Errorf("%s, %d methods", made.AAL, len(made.Methods))
	}
	if n := len(made.Devices); n != 20 || *made.Devices[n-1].UserAgent != "agent \uFFFD59" || len(*made.Devices[n-2].UserAgent) != 512 {
		t.Errorf("%d devices", n)
	}
	if len(devices) != 1 || *devices[0].UserAgent != "Firefox" {
		t.Error("Renew changed a list that others may hold")
	}
}

func TestConfig(t *testing.T) {
	if faults := session.DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	for want, change := range map[string]func(*session.Config){
		"max_lifespan:":             func(c *session.Config) { c.MaxLifespan = time.Hour },
		"cookie.name:":              func(c *session.Config) { c.Cookie.Name = "a;b" },
		"cookie.name: with __Host-": func(c *session.Config) { c.Cookie.Name, c.Cookie.Domain = "__Host-x", "example.com" },
		"cookie.same_site:":         func(c *session.Config) { c.Cookie.SameSite = "lax" },
		"cookie.domain:":            func(c *session.Config) { c.Cookie.Domain = "a b" },
		"cookie.path:":              func(c *session.Config) { c.Cookie.Path = "x" },
		"whoami.required_aal:":      func(c *session.Config) { c.Whoami.RequiredAAL = "aal2" },
		"whoami.tokenizer.templates.a b: ": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"a b": {KeySet: "x"}}
		},
		"whoami.tokenizer.templates.t.jwks_url: say": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {}}
		},
		"whoami.tokenizer.templates.t.jwks_url: what follows base64://": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {JWKSURL: "base64://%%%"}}
		},
		"whoami.tokenizer.templates.t.jwks_url: must": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {JWKSURL: "https://example.com"}}
		},
		"whoami.tokenizer.templates.t.subject_source:": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {KeySet: "x", SubjectSource: "email"}}
		},
		"whoami.tokenizer.templates.t.claims.exp:": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {KeySet: "x", Claims: map[string]string{"exp": "id"}}}
		},
		"whoami.tokenizer.templates.t.claims.e: is not": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {KeySet: "x", Claims: map[string]string{"e": "{{.x"}}}
		},
		"whoami.tokenizer.templates.t.claims.e: must": func(c *session.Config) {
			c.Whoami.Tokenizer.Templates = map[string]session.TemplateConfig{"t": {KeySet: "x", Claims: map[string]string{"e": "a..b"}}}
		},
	} {
		c := session.DefaultConfig()
		change(&c)
		faults := c.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) {
			t.Errorf("%s: %v", want, faults)
		}
	}
}
