package authn_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// issuer publishes keys.
type issuer struct {
	url    string
	calls  atomic.Int64
	mu     sync.Mutex
	set    []byte
	status int
	hold   chan struct{}
}

func newIssuer(t testing.TB, keys ...signingKey) *issuer {
	i := &issuer{set: keySet(t, keys...)}
	i.url = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		i.calls.Add(1)
		i.mu.Lock()
		set, status, hold := i.set, i.status, i.hold
		i.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		_, _ = w.Write(set)
	})
	return i
}

func (i *issuer) publishes(set []byte, status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set, i.status = set, status
}

func (w *world) jwt(i *issuer, further string) access.Authenticator {
	w.Helper()
	if further != "" {
		further = "," + further
	}
	return w.make("jwt", `{"jwks_urls":["`+i.url+`"],"allowed_algorithms":["ES256","RS256","PS256","EdDSA"]`+further+`}`)
}

func (w *world) claims() claims {
	now := w.clock.Now().Unix()
	return claims{"sub": "alice", "iss": "https://id", "aud": []string{"orders"}, "exp": now + 60, "iat": now, "nbf": now, "scope": "a b", "n": 12345678901234567}
}

func TestJWT(t *testing.T) {
	key := newKey(t, "k1")
	w, i := begin(t), newIssuer(t, newKey(t, "k0"), key)
	a := w.jwt(i, `"target_audience":["orders"],"trusted_issuers":["https://id"],"required_scope":["a"],"scope_strategy":"exact"`)
	p := w.pass(a, bearer(key.sign(t, w.claims(), "typ", "JWT")))
	if p.Subject != "alice" || !cmp.Equal(p.Scopes, []string{"a", "b"}) || !cmp.Equal(p.Extra["scp"], []any{"a", "b"}) || p.Extra["scope"] != nil || p.Extra["n"] != json.Number("12345678901234567") {
		t.Errorf("got %+v", p)
	}
	// Scopes by any of their names, as a list and as text; an audience that is one string.
	for _, c := range []claims{
		w.claims().with("scope", nil).with("scp", []string{"a"}), w.claims().with("scope", nil).with("scopes", "b a"),
		w.claims().with("scp", "a").with("scope", "z"), w.claims().with("aud", "orders"), w.claims().with("exp", nil),
	} {
		w.pass(a, bearer(key.sign(t, c)))
	}
	// A token need not name its key, and the clocks of issuers may be a little ahead, but not behind.
	now := w.clock.Now().Unix()
	w.pass(a, bearer(signingKey{key.private, "", key.alg}.sign(t, w.claims())))
	w.pass(a, bearer(key.sign(t, w.claims().with("exp", now+1).with("nbf", now+5).with("iat", now+5))))
}

// As Oathkeeper has it, settings that ask for scopes and do not say how they are compared are accepted, and nobody meets them.
func TestJWTWithoutScopeStrategy(t *testing.T) {
	key := newKey(t, "k1")
	w, i := begin(t), newIssuer(t, key)
	for _, strategy := range []string{"", `,"scope_strategy":"none"`} {
		a := w.jwt(i, `"target_audience":["orders"],"required_scope":["a"]`+strategy)
		if warner, ok := a.(access.Warner); !ok || len(warner.Warnings()) != 1 || !strings.HasPrefix(warner.Warnings()[0], "scope_strategy: ") {
			t.Errorf("nobody is warned: %v", ok)
		}
		w.refuse(a, bearer(key.sign(t, w.claims())), access.ErrScopeStrategy)
		w.refuse(a, bearer(key.sign(t, w.claims().with("aud", "others"))), access.ErrUnauthorized)
	}
	if a, ok := w.jwt(i, `"required_scope":["a"],"scope_strategy":"exact"`).(access.Warner); ok && len(a.Warnings()) > 0 {
		t.Errorf("warned of what is well: %v", a.Warnings())
	}
	w.pass(w.jwt(i, `"scope_strategy":"none"`), bearer(key.sign(t, w.claims())))
}

func TestJWTAlgorithms(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	list := []signingKey{newKey(t, "e"), {edwards, "d", jose.EdDSA}, {private, "r", jose.RS256}, {private, "p", jose.PS256}}
	w, i := begin(t), newIssuer(t, list...)
	a := w.jwt(i, "")
	for _, key := range list {
		w.pass(a, bearer(key.sign(t, w.claims())))
	}
	only := w.make("jwt", `{"jwks_urls":["`+i.url+`"]}`)
	w.pass(only, bearer(list[2].sign(t, w.claims()))) // RS256 is the default
	w.refuse(only, bearer(list[0].sign(t, w.claims())), access.ErrUnauthorized)
	// A key is good for its own algorithm alone (RFC 8725 §3.1).
	w.refuse(a, bearer(signingKey{private, "p", jose.RS256}.sign(t, w.claims())), access.ErrUnauthorized)
}

// What RFC 7515, 7519, 8725 and the settings ask of a token, one clause broken at a time.
func TestJWTIsRefused(t *testing.T) {
	key := newKey(t, "k1")
	w, i := begin(t), newIssuer(t, key)
	now := w.clock.Now().Unix()
	good := key.sign(t, w.claims())
	parts := strings.Split(good, ".")
	other := newKey(t, "k1")
	for _, tc := range []struct {
		name, token string
		want        *fault.Error
	}{
		{"no JWT at all (left to the next)", "opaque", access.ErrNotResponsible},
		{"two parts", "a.b", access.ErrNotResponsible},
		{"five parts, a JWE", "a.b.c.d.e", access.ErrNotResponsible},
		{"another payload (RFC 7515 §5.2)", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2], access.ErrUnauthorized},
		{"no signature", parts[0] + "." + parts[1] + ".", access.ErrUnauthorized},
		{"another signature", parts[0] + "." + parts[1] + "." + strings.Split(other.sign(t, w.claims()), ".")[2], access.ErrUnauthorized},
		{"another key under the id", other.sign(t, w.claims()), access.ErrUnauthorized},
		{"alg none (RFC 8725 §3.2)", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", access.ErrUnauthorized},
		{"the public key as a secret (RFC 8725 §2.1)", confused(t, key, w.claims()), access.ErrUnauthorized},
		{"an extension that must be understood (RFC 7515 §4.1.11)", key.sign(t, w.claims(), "crit", []string{"x"}, "x", 1), access.ErrUnauthorized},
		{"a key in the header is nobody's (RFC 7515 §4.1.3)", embedded(t, w.claims()), access.ErrUnauthorized},
		{"a DPoP proof (RFC 8725 §3.11)", key.sign(t, w.claims(), "typ", "dpop+jwt"), access.ErrUnauthorized},
		{"a logout token", key.sign(t, w.claims(), "typ", "application/logout+jwt"), access.ErrUnauthorized},
		{"a key id in another case (RFC 7515 §4.1.4)", signingKey{key.private, "K1", key.alg}.sign(t, w.claims()), access.ErrUnauthorized},
		{"no key id, and nobody's key", signingKey{other.private, "", other.alg}.sign(t, w.claims()), access.ErrUnauthorized},
		{"exp before all time", key.sign(t, w.claims().with("exp", -1)), access.ErrUnauthorized},
		{"two issuers", key.sign(t, w.claims().with("iss", []string{"https://id"})), access.ErrUnauthorized},
		{"an empty list of audiences", key.sign(t, w.claims().with("aud", []string{})), access.ErrUnauthorized},
		{"an audience that begins alike", key.sign(t, w.claims().with("aud", "orders2")), access.ErrUnauthorized},
		{"expired (RFC 7519 §4.1.4)", key.sign(t, w.claims().with("exp", now)), access.ErrUnauthorized},
		{"not good yet (§4.1.5)", key.sign(t, w.claims().with("nbf", now+6)), access.ErrUnauthorized},
		{"from the future", key.sign(t, w.claims().with("iat", now+6)), access.ErrUnauthorized},
		{"exp is text", key.sign(t, w.claims().with("exp", "never")), access.ErrUnauthorized},
		{"exp is beyond all bounds", key.sign(t, w.claims().with("exp", 1e300)), access.ErrUnauthorized},
		{"exp in another spelling is not exp, but the real one is", key.sign(t, w.claims().with("exp", now-1).with("Exp", now+60)), access.ErrUnauthorized},
		{"another issuer (§4.1.1)", key.sign(t, w.claims().with("iss", "https://other")), access.ErrUnauthorized},
		{"no issuer", key.sign(t, w.claims().with("iss", nil)), access.ErrUnauthorized},
		{"another audience (§4.1.3)", key.sign(t, w.claims().with("aud", "reports")), access.ErrUnauthorized},
		{"no audience", key.sign(t, w.claims().with("aud", nil)), access.ErrUnauthorized},
		{"an audience that is no text", key.sign(t, w.claims().with("aud", []int{1})), access.ErrUnauthorized},
		{"a scope that is lacking", key.sign(t, w.claims().with("scope", "b")), access.ErrForbidden},
		{"no scope", key.sign(t, w.claims().with("scope", nil)), access.ErrForbidden},
		{"bound to a key it does not show (RFC 7800)", key.sign(t, w.claims().with("cnf", claims{"jkt": "x"})), access.ErrUnauthorized},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := w.jwt(i, `"target_audience":["orders"],"trusted_issuers":["https://id"],"required_scope":["a"],"scope_strategy":"exact"`)
			w.TB = t
			for range 2 { // not from memory either
				w.refuse(a, bearer(tc.token), tc.want)
			}
		})
	}
}

// confused signs with HS256 and the published key as the secret.
func confused(t *testing.T, key signingKey, c claims) string {
	der, err := x509.MarshalPKIXPublicKey(key.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return testkit.SignJWS(t, jose.HS256, der, c, (&jose.SignerOptions{}).WithHeader("kid", key.kid))
}

// embedded signs with a key of its own that is in the header.
func embedded(t *testing.T, c claims) string {
	key := newKey(t, "")
	return testkit.SignJWS(t, key.alg, key.private, c, &jose.SignerOptions{EmbedJWK: true})
}

// Keys are read when rules are loaded and then in the background; requests do not wait for them.
func TestKeySetIsReadOutsideOfRequests(t *testing.T) {
	key := newKey(t, "k1")
	w, i := begin(t), newIssuer(t, key)
	a := w.jwt(i, `"jwks_ttl":"30s"`)
	token := func() *access.Request { return bearer(key.sign(t, w.claims())) }
	w.pass(a, token())
	w.pass(w.jwt(i, `"jwks_ttl":"30s","jwks_max_wait":"2m"`), token())
	if n := i.calls.Load(); n != 1 {
		t.Fatalf("%d readings for two handlers, want one", n)
	}
	// The next reading hangs; requests go on with the keys that are there.
	i.mu.Lock()
	i.hold = make(chan struct{})
	i.mu.Unlock()
	w.clock.Advance(31 * time.Second)
	began := time.Now()
	for range 20 {
		w.pass(a, token())
	}
	if took := time.Since(began); took > 30*time.Second { // each that waits does so for a minute
		t.Errorf("requests waited: %s", took)
	}
	testkit.Eventually(t, "a reading in the background", func() bool { return i.calls.Load() == 2 })
	close(i.hold)
	i.mu.Lock()
	i.hold = nil
	i.mu.Unlock()
}

// A key that nobody knew is found at once, but strangers' key ids do not make the set be read for each request.
func TestUnknownKeyID(t *testing.T) {
	old, next := newKey(t, "k1"), newKey(t, "k2")
	w, i := begin(t), newIssuer(t, old)
	a := w.jwt(i, `"jwks_ttl":"1h"`)
	w.pass(a, bearer(old.sign(t, w.claims())))
	w.clock.Advance(6 * time.Second)
	i.publishes(keySet(t, old, next), 0)
	w.pass(a, bearer(next.sign(t, w.claims())))
	if n := i.calls.Load(); n != 2 {
		t.Fatalf("%d readings, want two", n)
	}
	for n := range 20 {
		w.refuse(a, bearer(newKey(t, "made-up-"+string(rune('a'+n))).sign(t, w.claims())), access.ErrUnauthorized)
	}
	if n := i.calls.Load(); n != 2 {
		t.Errorf("%d readings: made-up key ids cause readings", n)
	}
	w.clock.Advance(6 * time.Second)
	for range 5 {
		w.refuse(a, bearer(newKey(t, "made-up").sign(t, w.claims())), access.ErrUnauthorized)
	}
	if n := i.calls.Load(); n != 3 {
		t.Errorf("%d readings, want one more", n)
	}
}

// A key that its issuer withdraws is good for nothing as soon as the set is read again, whatever was verified with it.
func TestWithdrawnKey(t *testing.T) {
	key, next := newKey(t, "k1"), newKey(t, "k2")
	w, i := begin(t), newIssuer(t, key)
	a := w.jwt(i, `"jwks_ttl":"10s"`)
	token := bearer(key.sign(t, w.claims()))
	w.pass(a, token)
	i.publishes(keySet(t, next), 0)
	w.pass(a, token)
	w.clock.Advance(10 * time.Second)
	w.pass(a, bearer(key.sign(t, w.claims()))) // begins the reading
	testkit.Eventually(t, "refusal", func() bool {
		_, err := a.Authenticate(w.ctx, token)
		return errors.Is(err, access.ErrUnauthorized)
	})
}

// Keys that cannot be read any more are used for an hour, and then nobody gets in by them.
func TestKeySetThatCannotBeRead(t *testing.T) {
	key := newKey(t, "k1")
	w, i := begin(t), newIssuer(t, key)
	a := w.jwt(i, `"jwks_ttl":"30s"`)
	w.pass(a, bearer(key.sign(t, w.claims())))
	i.publishes(nil, 500)
	w.clock.Advance(time.Hour)
	w.pass(a, bearer(key.sign(t, w.claims())))
	w.clock.Advance(time.Minute)
	w.refuse(a, bearer(key.sign(t, w.claims())), access.ErrUnavailable)
	i.publishes([]byte(`{"no":"keys"}`), 0)
	w.clock.Advance(time.Minute)
	w.refuse(a, bearer(key.sign(t, w.claims())), access.ErrUnavailable)
	i.publishes(keySet(t, key), 0)
	w.clock.Advance(time.Minute)
	w.pass(a, bearer(key.sign(t, w.claims())))

	never := newIssuer(t, key)
	never.publishes(nil, 404)
	w.refuse(w.jwt(never, ""), bearer(key.sign(t, w.claims())), access.ErrUnavailable)
	slow := newIssuer(t, key)
	slow.hold = make(chan struct{})
	defer close(slow.hold)
	w.refuse(w.jwt(slow, `"jwks_max_wait":"20ms"`), bearer(key.sign(t, w.claims())), access.ErrUnavailable)
}

func TestKeySetsFromFilesAndOfStrangeKeys(t *testing.T) {
	key := newKey(t, "k1")
	path := t.TempDir() + "/keys.json"
	document := strings.Replace(string(keySet(t, key)), `"keys":[`, `"keys":[{"kty":"new"},{"kty":"EC","crv":"P-256"},`, 1)
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	w := begin(t, func(o *authn.Options) { o.ReadFile = os.ReadFile })
	a := w.make("jwt", `{"jwks_urls":["file://`+path+`"],"allowed_algorithms":["ES256"]}`)
	w.pass(a, bearer(key.sign(t, w.claims())))
	// A rule does not make this server read a device or a directory, nor what is too large.
	large := t.TempDir() + "/large.json"
	if err := os.WriteFile(large, append([]byte(document), make([]byte, 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/dev/zero", t.TempDir(), large, "/does/not/exist"} {
		a := w.make("jwt", `{"jwks_urls":["file://`+path+`"],"allowed_algorithms":["ES256"]}`)
		w.refuse(a, bearer(key.sign(t, w.claims())), access.ErrUnavailable)
	}
	encryption := key.jwk()
	encryption.Use = "enc"
	text, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{encryption}})
	i := newIssuer(t)
	i.publishes(text, 0)
	w.refuse(w.jwt(i, ""), bearer(key.sign(t, w.claims())), access.ErrUnauthorized)
}

// own is this server with its own keys.
func own(t *testing.T) (*world, *keys.Keys, tokens) {
	clock, db := new(testkit.Clock), testkit.SQLite(t, "oauth")
	config := keys.DefaultConfig()
	config.IDToken.Algorithm = "ES256"
	k := keys.New(keys.Options{Store: keys.NewStore(db, sqldb.NewFeed(db, sqldb.FeedOptions{}), testkit.Ring(t)), Config: config, Now: clock.Now})
	issued := tokens{}
	w := begin(t, func(o *authn.Options) {
		o.Keys, o.Tokens, o.Now = k, issued, clock.Now
		o.Issuer = func(context.Context) string { return "https://id" }
	})
	w.clock = clock
	return w, k, issued
}

func (w *world) signOwn(k *keys.Keys, set, typ string, c claims) string {
	w.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		w.Fatal(err)
	}
	token, err := k.Sign(w.ctx, set, typ, payload)
	if err != nil {
		w.Fatal(err)
	}
	return token
}

func TestOwnJWT(t *testing.T) {
	w, k, issued := own(t)
	a := w.make("jwt", `{"required_scope":["a"]}`)
	token := w.signOwn(k, keys.AccessToken, keys.TypeAccessToken, w.claims())
	issued[token] = &authn.Token{}
	if p := w.pass(a, bearer(token)); p.Subject != "alice" || !cmp.Equal(p.Scopes, []string{"a", "b"}) {
		t.Errorf("got %+v", p)
	}
	w.refuse(w.make("jwt", `{"allowed_algorithms":["RS256"]}`), bearer(token), access.ErrUnauthorized)
	delete(issued, token) // revoked
	w.refuse(a, bearer(token), access.ErrUnauthorized)

	foreign := w.signOwn(k, keys.AccessToken, keys.TypeAccessToken, w.claims().with("iss", "https://other"))
	issued[foreign] = &authn.Token{}
	w.refuse(a, bearer(foreign), access.ErrUnauthorized)
	w.refuse(a, bearer(newKey(t, "k1").sign(t, w.claims(), "typ", "at+jwt")), access.ErrUnauthorized)
	w.refuse(a, bearer("opaque"), access.ErrNotResponsible)

	// An ID token is for the client that it names.
	identity := w.signOwn(k, keys.IDToken, keys.TypeJWT, w.claims().with("aud", "app"))
	w.refuse(a, bearer(identity), access.ErrUnauthorized)
	w.pass(w.make("jwt", `{"target_audience":["app"]}`), bearer(identity))
	w.refuse(w.make("jwt", `{"target_audience":["other"]}`), bearer(identity), access.ErrUnauthorized)
	w.refuse(w.make("jwt", `{"target_audience":["app"],"allowed_algorithms":["RS256"]}`), bearer(identity), access.ErrUnauthorized)
	eternal := w.signOwn(k, keys.IDToken, keys.TypeJWT, w.claims().with("aud", "app").with("exp", nil))
	w.refuse(w.make("jwt", `{"target_audience":["app"]}`), bearer(eternal), access.ErrUnauthorized)
}

// After a leak no token of the old key is accepted, also not one that was verified before.
func TestOwnKeyIsWithdrawn(t *testing.T) {
	w, k, _ := own(t)
	a := w.make("jwt", `{"target_audience":["app"]}`)
	identity := bearer(w.signOwn(k, keys.IDToken, keys.TypeJWT, w.claims().with("aud", "app")))
	w.pass(a, identity)
	w.pass(a, identity)
	if err := k.RotateEmergency(w.ctx, keys.IDToken); err != nil {
		t.Fatal(err)
	}
	w.refuse(a, identity, access.ErrUnauthorized)
}
