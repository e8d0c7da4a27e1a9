package session_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-jsonnet"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// keySet is a set of one new ES256 key as a file holds it, with its public half.
func keySet(t testing.TB, kid string) (document []byte, public jose.JSONWebKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: kid, Algorithm: "ES256", Use: "sig"}
	document, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public(), key}})
	if err != nil {
		t.Fatal(err)
	}
	return document, key.Public()
}

// claimsOf verifies the JWT and returns its claims.
func claimsOf(t testing.TB, token string, key jose.JSONWebKey) map[string]any {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	if h := signed.Signatures[0].Header; h.KeyID != key.KeyID || h.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("header: %+v", h)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func runJsonnet(_ context.Context, name, program string, external map[string]string) (string, error) {
	vm := jsonnet.MakeVM()
	for key, code := range external {
		vm.ExtCode(key, code)
	}
	return vm.EvaluateAnonymousSnippet(name, program)
}

// ownKeys signs as the server's own keys do.
type ownKeys struct{ set, typ string }

func (k *ownKeys) Sign(_ context.Context, set, typ string, claims []byte) (string, error) {
	k.set, k.typ = set, typ
	return "signed." + string(claims), nil
}

func (f *fixture) tokenizer(t testing.TB, o session.TokenizerOptions) error {
	t.Helper()
	o.Issuer, o.Now = func(context.Context) string { return publicURL }, f.clock.Now
	if o.Jsonnet == nil {
		o.Jsonnet = runJsonnet
	}
	f.config.Whoami.Tokenizer = o.Config
	if faults := f.config.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	made, err := session.NewTokenizer(o)
	f.handler.Tokenizer = made
	return err
}

func templates(t session.TemplateConfig) session.TokenizerConfig {
	return session.TokenizerConfig{Templates: map[string]session.TemplateConfig{"app": t}}
}

func base64URL(s string) string { return "base64://" + base64.StdEncoding.EncodeToString([]byte(s)) }

func TestTokenize(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t) + "/sessions/whoami?tokenize_as="
	who := f.person(t, func(v map[string]any) { v["external_id"] = "emp-42" })
	made, token := f.login(t, who)
	header := "X-Session-Token: " + token
	document, public := keySet(t, "k1")
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	now := float64(f.clock.Now().Unix())
	plain := map[string]any{"iss": publicURL, "sub": who.ID, "sid": made.ID, "iat": now, "nbf": now, "exp": now + 60}
	with := func(more map[string]any) map[string]any {
		all := maps.Clone(plain)
		maps.Copy(all, more)
		return all
	}
	for _, tc := range []struct {
		name   string
		config session.TemplateConfig
		want   map[string]any
	}{
		{"nothing but who", session.TemplateConfig{JWKSURL: secret.String("file://" + file)}, plain},
		{"keys in the configuration", session.TemplateConfig{JWKSURL: secret.String(base64URL(string(document))), TTL: time.Hour}, with(map[string]any{"exp": now + 3600})},
		{"the operator's own id", session.TemplateConfig{JWKSURL: secret.String("file://" + file), SubjectSource: "external_id"}, with(map[string]any{"sub": "emp-42"})},
		{"members of the session", session.TemplateConfig{JWKSURL: secret.String("file://" + file), Claims: map[string]string{
			"email": "identity.traits.email", "plan": "identity.metadata_public", "amr": "authentication_methods.0.method", "none": "identity.traits.phone",
			"out": "authentication_methods.7.method", "deeper": "id.x.y", "risk": "identity.metadata_admin.risk",
			"name": "{{.identity.traits.name.first}} {{.identity.traits.name.last}}", "missing": "[{{.identity.nothing}}]",
		}}, with(map[string]any{
			"email": "ada@example.com", "plan": map[string]any{"plan": "gold"}, "amr": "password", "name": "Ada Byron", "missing": "[]",
		})},
		{"by a program", session.TemplateConfig{JWKSURL: secret.String("file://" + file), ClaimsMapperURL: base64URL(`
			local session = std.extVar('session');
			local claims = std.extVar('claims');
			{ claims: { sub: 'somebody else', email: session.identity.traits.email, was: claims.sub, exp: claims.exp + 1 } }
		`)}, with(map[string]any{"email": "ada@example.com", "was": who.ID, "exp": now + 61})},
	} {
		if err := f.tokenizer(t, session.TokenizerOptions{Config: templates(tc.config)}); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		got := call(t, "GET", base+"app", "", header)
		jwt, _ := got.body["tokenized"].(string)
		if got.status != 200 || got.body["id"] != made.ID || got.header.Get("X-Kratos-Authenticated-Identity-Id") != who.ID {
			t.Fatalf("%s: %d %s", tc.name, got.status, got.text)
		}
		claims := claimsOf(t, jwt, public)
		if id, _ := claims["jti"].(string); len(id) != 36 {
			t.Errorf("%s: jti %v", tc.name, claims["jti"])
		}
		delete(claims, "jti")
		if diff := cmp.Diff(tc.want, claims); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if plain := call(t, "GET", strings.TrimSuffix(base, "?tokenize_as="), "", header); plain.body["tokenized"] != nil {
			t.Error("a JWT that nobody asked for")
		}
	}
	own := &ownKeys{}
	if err := f.tokenizer(t, session.TokenizerOptions{Config: templates(session.TemplateConfig{KeySet: "sessions"}), Keys: own}); err != nil {
		t.Fatal(err)
	}
	got := call(t, "GET", base+"app", "", header)
	if jwt, _ := got.body["tokenized"].(string); !strings.HasPrefix(jwt, `signed.{"exp":`) || own.set != "sessions" || own.typ != "JWT" {
		t.Errorf("%+v %s", own, got.text)
	}
}

func TestTokenizeRefuses(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	base := f.serve(t) + "/sessions/whoami?tokenize_as="
	_, token := f.login(t, f.person(t))
	header := "X-Session-Token: " + token
	refuse := func(name, template, hint string) {
		t.Helper()
		got := call(t, "GET", base+template, "", header)
		if got.status != 400 || !strings.Contains(got.text, hint) || got.header.Get("X-Kratos-Authenticated-Identity-Id") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	refuse("no tokenizer", "app", "tokenize_as")
	document, _ := keySet(t, "k1")
	keys := secret.String(base64URL(string(document)))
	for name, tc := range map[string]struct {
		config session.TemplateConfig
		hint   string
	}{
		"no external id":                {session.TemplateConfig{JWKSURL: keys, SubjectSource: "external_id"}, "external id"},
		"a program that fails":          {session.TemplateConfig{JWKSURL: keys, ClaimsMapperURL: base64URL(`error 'ada@example.com'`)}, "mapper"},
		"a program that maps nothing":   {session.TemplateConfig{JWKSURL: keys, ClaimsMapperURL: base64URL(`{}`)}, "mapper"},
		"a program that returns a text": {session.TemplateConfig{JWKSURL: keys, ClaimsMapperURL: base64URL(`'x'`)}, "mapper"},
		"a template that fails":         {session.TemplateConfig{JWKSURL: keys, Claims: map[string]string{"x": "{{index .id 9000}}"}}, "mapper"},
		"a template without end":        {session.TemplateConfig{JWKSURL: keys, Claims: map[string]string{"x": `{{printf "%100000d" 1}}`}}, "mapper"},
	} {
		if err := f.tokenizer(t, session.TokenizerOptions{Config: templates(tc.config)}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		refuse(name, "app", tc.hint)
	}
	refuse("another template", "App", "tokenize_as")
	if got := call(t, "GET", base+"app", ""); got.status != 401 {
		t.Errorf("by a stranger: %d", got.status)
	}
	f.handler.Tokenizer = nil
	if _, err := f.handler.Tokenizer.Tokenize(f.ctx, "app", &session.Session{}); !errors.Is(err, session.ErrNoTemplate) {
		t.Error(err)
	}
}

// What is wrong with a template is said when the server starts, and without the key.
func TestTokenizerKeys(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	document, public := keySet(t, "k1")
	half, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	if err != nil {
		t.Fatal(err)
	}
	symmetric := `{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}`
	if err := f.tokenizer(t, session.TokenizerOptions{Config: templates(session.TemplateConfig{JWKSURL: secret.String(base64URL(symmetric))})}); err != nil {
		t.Errorf("a symmetric key: %v", err)
	}
	for name, c := range map[string]session.TemplateConfig{
		"no such file":     {JWKSURL: "file:///nowhere/keys.json"},
		"no set":           {JWKSURL: secret.String(base64URL(`[]`))},
		"an empty set":     {JWKSURL: secret.String(base64URL(`{"keys":[]}`))},
		"public keys":      {JWKSURL: secret.String(base64URL(string(half)))},
		"no kid":           {JWKSURL: secret.String(base64URL(strings.ReplaceAll(symmetric, `"kid":"s",`, "")))},
		"no alg":           {JWKSURL: secret.String(base64URL(strings.ReplaceAll(symmetric, `"alg":"HS256",`, "")))},
		"none":             {JWKSURL: secret.String(base64URL(strings.ReplaceAll(symmetric, `HS256`, "none")))},
		"another's alg":    {JWKSURL: secret.String(base64URL(strings.ReplaceAll(symmetric, `HS256`, "ES256")))},
		"no keys of ours":  {KeySet: "sessions"},
		"no program there": {JWKSURL: secret.String(base64URL(string(document))), ClaimsMapperURL: "file:///nowhere/mapper.jsonnet"},
	} {
		err := f.tokenizer(t, session.TokenizerOptions{Config: templates(c)})
		if err == nil || !strings.HasPrefix(err.Error(), "session.whoami.tokenizer.templates.app.") || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The log, not the client, learns why a program failed.
func TestMapperFailureIsInternal(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	document, _ := keySet(t, "k1")
	err := f.tokenizer(t, session.TokenizerOptions{
		Config: templates(session.TemplateConfig{JWKSURL: secret.String(base64URL(string(document))), ClaimsMapperURL: base64URL(`error 'inner'`)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	made, _ := f.login(t, f.person(t))
	_, err = f.handler.Tokenizer.Tokenize(f.ctx, "app", made)
	if told := fault.From(err); strings.Contains(told.Message, "inner") || !strings.Contains(err.Error(), "inner") {
		t.Errorf("%v", err)
	}
}
