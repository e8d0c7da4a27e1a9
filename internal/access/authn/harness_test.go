package authn_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// world is what the authenticators of a test live in.
type world struct {
	testing.TB
	clock *testkit.Clock
	ctx   context.Context
	o     authn.Options
	kinds map[string]access.Kind[access.Authenticator]
}

// begin makes a world; change may add what this server has of its own.
func begin(t testing.TB, change ...func(*authn.Options)) *world {
	t.Helper()
	w := &world{TB: t, clock: new(testkit.Clock), ctx: testkit.Context(t)}
	w.o = authn.Options{Ask: fetch.NewAsker(fetch.Bounds{Private: true}), Now: w.clock.Now, Scopes: oauth.ScopeExact}
	for _, c := range change {
		c(&w.o)
	}
	w.kinds = authn.Kinds(w.o)
	return w
}

// make makes an authenticator of settings as a rule has them.
func (w *world) make(kind, settings string) access.Authenticator {
	w.Helper()
	a, err := w.try(kind, settings)
	if err != nil {
		w.Fatalf("%s %s: %v", kind, settings, err)
	}
	return a
}

// unhurried are settings that give calls more than their usual second, which a busy machine may need for itself.
var unhurried = map[string]string{
	"oauth2_introspection": `{"retry":{"give_up_after":"1m"}}`, "oauth2_client_credentials": `{"retry":{"give_up_after":"1m"}}`,
	"jwt": `{"jwks_max_wait":"1m"}`,
}

func (w *world) try(kind, settings string) (access.Authenticator, error) {
	w.Helper()
	s, err := access.NewSettings(json.RawMessage(unhurried[kind]), json.RawMessage(settings))
	if err != nil {
		w.Fatal(err)
	}
	return w.kinds[kind](s)
}

// pass authenticates and wants it to succeed.
func (w *world) pass(a access.Authenticator, r *access.Request) *access.Principal {
	w.Helper()
	p, err := a.Authenticate(w.ctx, r)
	if err != nil {
		w.Fatalf("refused: %v", err)
	}
	return p
}

// refuse authenticates and wants the error.
func (w *world) refuse(a access.Authenticator, r *access.Request, want *fault.Error) error {
	w.Helper()
	p, err := a.Authenticate(w.ctx, r)
	if !errors.Is(err, want) {
		w.Errorf("got %+v, %v; want %s", p, err, want.Code)
	}
	return err
}

// request is a GET of https://api.example.com/orders/7?page=2 with header fields, given as name and value.
func request(pairs ...string) *access.Request {
	r := &access.Request{
		Method: "GET", Client: netip.MustParseAddr("192.0.2.7"), ID: "request-1", Header: access.Header{},
		Target: target.Target{Scheme: "https", Host: "api.example.com", Path: "/orders/7", RawQuery: "page=2"},
	}
	for i := 0; i < len(pairs); i += 2 {
		name := http.CanonicalHeaderKey(pairs[i])
		r.Header[name] = append(r.Header[name], pairs[i+1])
	}
	return r
}

func bearer(token string) *access.Request { return request("Authorization", "Bearer "+token) }

// serve starts a server of another party.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// signingKey is a key of an issuer or of a holder.
type signingKey struct {
	private crypto.Signer
	kid     string
	alg     jose.SignatureAlgorithm
}

func newKey(t testing.TB, kid string) signingKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{private, kid, jose.ES256}
}

func (k signingKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Algorithm: string(k.alg), Use: "sig"}
}

// thumbprint is the key's jkt.
func (k signingKey) thumbprint(t testing.TB) string {
	t.Helper()
	public := k.jwk()
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// keySet is the document of the keys' public halves.
func keySet(t testing.TB, keys ...signingKey) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type claims map[string]any

// with returns a copy with one claim changed; nil takes it away.
func (c claims) with(name string, value any) claims {
	copied := maps.Clone(c)
	if copied[name] = value; value == nil {
		delete(copied, name)
	}
	return copied
}

// sign makes a compact JWS; header are further header parameters by name and value.
func (k signingKey) sign(t testing.TB, c claims, header ...any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if k.kid != "" {
		options.WithHeader("kid", k.kid)
	}
	for i := 0; i < len(header); i += 2 {
		options.WithHeader(jose.HeaderKey(header[i].(string)), header[i+1])
	}
	return testkit.SignJWS(t, k.alg, k.private, c, options)
}

func sum64(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// tokens are access tokens of this server, by their text. Those that begin with "gh_" are ours.
type tokens map[string]*authn.Token

func (s tokens) Active(_ context.Context, token string) (*authn.Token, error) {
	if t, ok := s[token]; ok {
		return t, nil
	}
	if strings.HasPrefix(token, "gh_") || strings.Count(token, ".") == 2 {
		return nil, authn.ErrUnknown
	}
	return nil, authn.ErrForeign
}

// people are sessions of this server, by the text of their tokens and cookies.
type people map[string]*authn.Session

func (people) CookieName() string { return "gatehouse_session" }

func (s people) ByCookie(ctx context.Context, value string) (*authn.Session, error) {
	return s.ByToken(ctx, value)
}

func (s people) ByToken(_ context.Context, token string) (*authn.Session, error) {
	if found, ok := s[token]; ok {
		return found, nil
	}
	if strings.HasPrefix(token, "gh_") {
		return nil, authn.ErrUnknown
	}
	return nil, authn.ErrForeign
}

func session(id, who string) *authn.Session {
	return &authn.Session{
		Expires:  time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		Document: json.RawMessage(`{"id":"` + id + `","identity":{"id":"` + who + `","traits":{"email":"a@example.com","age":42}}}`),
	}
}

// broken answers every question with an error.
type broken struct{ err error }

func (broken) CookieName() string { return "gatehouse_session" }

func (b broken) ByCookie(context.Context, string) (*authn.Session, error) { return nil, b.err }

func (b broken) ByToken(context.Context, string) (*authn.Session, error) { return nil, b.err }

func (b broken) Active(context.Context, string) (*authn.Token, error) { return nil, b.err }
