package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestConfig(t *testing.T) {
	good := func() ProviderConfig {
		return ProviderConfig{ID: "acme", Provider: "generic", ClientID: "c", ClientSecret: "s", IssuerURL: "https://acme.example.com"}
	}
	for name, c := range map[string]struct {
		change func(*ProviderConfig)
		fault  string // the beginning of the one fault; empty where there is none
	}{
		"good":                     {func(*ProviderConfig) {}, ""},
		"google":                   {func(p *ProviderConfig) { p.Provider, p.IssuerURL = "google", "" }, ""},
		"gitlab of one's own":      {func(p *ProviderConfig) { p.Provider, p.IssuerURL = "gitlab", "https://git.example.com" }, ""},
		"microsoft":                {func(p *ProviderConfig) { p.Provider, p.IssuerURL, p.MicrosoftTenant = "microsoft", "", "common" }, ""},
		"microsoft without tenant": {func(p *ProviderConfig) { p.Provider, p.IssuerURL = "microsoft", "" }, "config.providers[0].microsoft_tenant: is missing"},
		"no id":                    {func(p *ProviderConfig) { p.ID = "" }, "config.providers[0].id: must be"},
		"an id with a colon":       {func(p *ProviderConfig) { p.ID = "a:b" }, "config.providers[0].id: must be"},
		"no client":                {func(p *ProviderConfig) { p.ClientID = "" }, "config.providers[0].client_id: is missing"},
		"public without PKCE":      {func(p *ProviderConfig) { p.ClientSecret, p.PKCE = "", "never" }, "config.providers[0].pkce: a client without"},
		"public":                   {func(p *ProviderConfig) { p.ClientSecret = "" }, ""},
		"no issuer":                {func(p *ProviderConfig) { p.IssuerURL = "" }, "config.providers[0].issuer_url: is missing"},
		"an issuer with a query":   {func(p *ProviderConfig) { p.IssuerURL += "?a=b" }, "config.providers[0].issuer_url: must have no query"},
		"an issuer that is none":   {func(p *ProviderConfig) { p.IssuerURL = "acme" }, "config.providers[0].issuer_url: "},
		"scopes in one":            {func(p *ProviderConfig) { p.Scope = []string{"email profile"} }, "config.providers[0].scope[0]: "},
		"an app without a name":    {func(p *ProviderConfig) { p.AdditionalIDTokenAudiences = []string{""} }, "config.providers[0].additional_id_token_audiences: "},
		"a mapper from the net":    {func(p *ProviderConfig) { p.MapperURL = "https://example.com/m" }, "config.providers[0].mapper_url: "},
		"a tenant of nobody":       {func(p *ProviderConfig) { p.MicrosoftTenant = "common" }, "config.providers[0].microsoft_tenant: "},
		"oid of nobody":            {func(p *ProviderConfig) { p.SubjectSource = "oid" }, "config.providers[0].subject_source: "},
	} {
		p := good()
		c.change(&p)
		faults := Config{Enabled: true, Config: ProvidersConfig{Providers: []ProviderConfig{p}}}.Validate()
		switch {
		case c.fault == "" && len(faults) > 0, c.fault != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.fault)):
			t.Errorf("%s: %v, want %q", name, faults, c.fault)
		}
	}
	if faults := (Config{Enabled: true}).Validate(); len(faults) != 1 {
		t.Errorf("without providers: %v", faults)
	}
	twice := Config{Config: ProvidersConfig{Providers: []ProviderConfig{good(), good()}}}
	if faults := twice.Validate(); len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "config.providers[1].id: acme is the id of another") {
		t.Errorf("twice: %v", faults)
	}
}

// TestMicrosoft: one client of many directories takes tokens of each from that directory alone.
func TestMicrosoft(t *testing.T) {
	clock := new(testkit.Clock)
	op := testkit.NewIssuer(t, clock.Now)
	for name, c := range map[string]struct {
		claims  map[string]any
		subject string
	}{
		"its own directory": {map[string]any{"sub": "s", "oid": "o", "tid": "t", "iss": "https://login.microsoftonline.com/t/v2.0"}, "o"},
		"another directory": {map[string]any{"sub": "s", "oid": "o", "tid": "t", "iss": "https://login.microsoftonline.com/u/v2.0"}, ""},
		"another issuer":    {map[string]any{"sub": "s", "oid": "o", "tid": "t", "iss": op.URL}, ""},
		"no directory":      {map[string]any{"sub": "s", "oid": "o", "iss": "https://login.microsoftonline.com//v2.0"}, ""},
		"no oid":            {map[string]any{"sub": "s", "tid": "t", "iss": "https://login.microsoftonline.com/t/v2.0"}, ""},
	} {
		p := &provider{c: ProviderConfig{Provider: microsoft, MicrosoftTenant: "common", ClientID: op.ClientID, SubjectSource: byOID}, client: fetch.NewCaller(false), now: clock.Now}
		found := discovered(t, p, op)
		op.SignIn(c.claims)
		who, err := p.verified(t.Context(), found, tokens, op.IDToken("n"), &asked{Nonce: "n"})
		if (err == nil) != (c.subject != "") || err == nil && who.Subject != c.subject {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// tokens came with the ID token.
var tokens = &oauth2.Token{AccessToken: "access"}

// discovered asks the provider in the place of the one that p would ask.
func discovered(t *testing.T, p *provider, op *testkit.Issuer) *upstream {
	t.Helper()
	found, err := oidc.NewProvider(oidc.ClientContext(t.Context(), p.client), op.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &upstream{Provider: found}
}

func TestWord(t *testing.T) {
	for code, want := range map[string]string{"access_denied": "access_denied", "": "(unnamed)", "a\nb": "(unnamed)", "<b>": "(unnamed)", strings.Repeat("a", 65): "(unnamed)"} {
		if got := word(code); got != want {
			t.Errorf("%q is %q", code, got)
		}
	}
	if err := (refused{code: "access_denied"}); !err.denied() || !errors.As(error(err), new(refused)) {
		t.Error(err)
	}
}

// TestFailedSaysLittle: the log is not filled by whoever has a provider answer at length.
func TestFailedSaysLittle(t *testing.T) {
	var log bytes.Buffer
	m := &Method{Options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	_ = m.failed(t.Context(), &provider{}, errors.New("503: "+strings.Repeat("é", maxAnswer)))
	if text := log.String(); !strings.Contains(text, "503: é") || len(text) > 2*maxLogged || !utf8.ValidString(text) {
		t.Errorf("%d bytes are logged", log.Len())
	}
}

func schema(t testing.TB) *identity.Schema {
	t.Helper()
	all, err := identity.NewSchemas(t.Context(), identity.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := all.Get(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMerged: a person corrects what a form shows, and nothing else.
func TestMerged(t *testing.T) {
	s := schema(t)
	for name, c := range map[string]struct{ typed, brought, want string }{
		"nothing typed":           {``, `{"email":"a@b.c"}`, `{"email":"a@b.c"}`},
		"something else typed":    {`{"email":"x@y.z"}`, `{"email":"a@b.c","name":{"first":"A"}}`, `{"email":"x@y.z","name":{"first":"A"}}`},
		"emptied":                 {`{"email":""}`, `{"email":"a@b.c"}`, `{"email":"a@b.c"}`},
		"what no form shows":      {`{"roles":["admin"]}`, `{"roles":["guest"]}`, `{"roles":["guest"]}`},
		"what nobody brings":      {`{"extra":1}`, `{"email":"a@b.c"}`, `{"email":"a@b.c","extra":1}`},
		"a text for an object":    {`{"name":"A"}`, `{"name":{"last":"B"}}`, `{"name":{"last":"B"}}`},
		"the program writes null": {`{"email":"x@y.z"}`, `{"email":null}`, `{"email":"x@y.z"}`},
	} {
		got, err := merged(s, json.RawMessage(c.typed), json.RawMessage(c.brought))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
}

func FuzzClaims(f *testing.F) {
	s := schema(f)
	f.Add(`{"email":"a@b.c","email_verified":"true","given_name":"A"}`, `{"name":{"first":"B"}}`)
	f.Add(`{"email":7,"given_name":{"a":1}}`, `{"name":[1]}`)
	f.Add(`null`, `null`)
	f.Fuzz(func(t *testing.T, claims, typed string) {
		m := &Method{}
		made, err := m.mapped(t.Context(), &provider{}, s, json.RawMessage(claims))
		if err != nil {
			return
		}
		if len(made.Verified) > 0 && !strings.Contains(claims, "true") {
			t.Errorf("an address is proven by %s", claims)
		}
		if traits, err := merged(s, json.RawMessage(typed), made.Traits); err == nil && !json.Valid(traits) {
			t.Errorf("the traits are %s", traits)
		}
	})
}
