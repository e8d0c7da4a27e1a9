package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// signingKey returns a fresh key for the algorithm.
func signingKey(t testing.TB, alg string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keySet(t testing.TB, keys map[string]crypto.Signer) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for kid, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: kid, Use: "sig"})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func jwks(t testing.TB, keys map[string]crypto.Signer) *client.JWKS {
	t.Helper()
	set := new(client.JWKS)
	if err := json.Unmarshal([]byte(keySet(t, keys)), set); err != nil {
		t.Fatal(err)
	}
	return set
}

func sign(t testing.TB, alg, kid string, key any, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	return testkit.SignJWS(t, jose.SignatureAlgorithm(alg), key, claims, options)
}

// claims are those of a good assertion, changed by the given ones; nil removes.
func (f *fixture) claims(id string, changed map[string]any) map[string]any {
	now := f.clock.Now()
	all := map[string]any{
		"iss": id, "sub": id, "aud": tokenURL, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "jti": rand.Text(),
	}
	for k, v := range changed {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return all
}

func (f *fixture) assert(token string) error {
	_, err := f.auth.Authenticate(tokenRequest(f, "", url.Values{
		"client_assertion": {token}, "client_assertion_type": {oauth.AssertionTypeJWTBearer},
	}))
	return err
}

func TestPrivateKeyJWTWithEveryAlgorithm(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	for _, alg := range oauth.SigningAlgs() {
		key := signingKey(t, alg)
		f.add(t, &client.Client{ID: alg, TokenEndpointAuthMethod: "private_key_jwt", TokenEndpointAuthSigningAlg: alg, JWKS: jwks(t, map[string]crypto.Signer{"k": key})}, "")
		for _, kid := range []string{"k", ""} {
			if err := f.assert(sign(t, alg, kid, key, f.claims(alg, nil))); err != nil {
				t.Errorf("%s with kid %q: %v", alg, kid, err)
			}
		}
		if err := f.assert(sign(t, alg, "other", key, f.claims(alg, nil))); !errors.Is(err, oauth.ErrInvalidClient) {
			t.Errorf("%s with an unknown kid: %v", alg, err)
		}
	}
}

func TestPrivateKeyJWTClaims(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	key := signingKey(t, "ES256")
	f.add(t, &client.Client{ID: "app", TokenEndpointAuthMethod: "private_key_jwt", JWKS: jwks(t, map[string]crypto.Signer{"k": key})}, "")
	f.add(t, basicClient("by-secret"), "")
	now := f.clock.Now()
	type claims = map[string]any
	for _, tc := range []struct {
		name    string
		changed claims
		ok      bool
	}{
		{"all is well", nil, true},
		{"aud is the issuer", claims{"aud": issuer}, true},
		{"aud is a list with the issuer", claims{"aud": []string{"https://x", issuer}}, true},
		{"clocks half a minute apart", claims{"iat": now.Add(30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix()}, true},
		{"times with a fraction (RFC 7519 §2)", claims{"exp": float64(now.Unix()) + 60.5}, true},
		{"RFC 7523 §3 (1): no iss", claims{"iss": nil}, false},
		{"iss is not the client", claims{"iss": "other"}, false},
		{"RFC 7523 §3 (2): no sub", claims{"sub": nil}, false},
		{"sub is another client", claims{"sub": "by-secret"}, false},
		{"iss and sub are a client of another method", claims{"iss": "by-secret", "sub": "by-secret"}, false},
		{"iss and sub are nobody", claims{"iss": "nobody", "sub": "nobody"}, false},
		{"RFC 7523 §3 (3): no aud", claims{"aud": nil}, false},
		{"aud is another server", claims{"aud": "https://other.example.com"}, false},
		{"aud is almost the issuer", claims{"aud": issuer + "/"}, false},
		{"aud is a list without us", claims{"aud": []string{"https://x"}}, false},
		{"aud is no text", claims{"aud": 7}, false},
		{"RFC 7523 §3 (4): no exp", claims{"exp": nil}, false},
		{"exp has passed", claims{"exp": now.Add(-2 * time.Minute).Unix()}, false},
		{"exp lies too far ahead", claims{"exp": now.Add(3 * time.Hour).Unix()}, false},
		{"exp is beyond all measure", claims{"exp": 1e300}, false},
		{"exp is no number", claims{"exp": "soon"}, false},
		{"RFC 7523 §3 (5): nbf lies ahead", claims{"nbf": now.Add(5 * time.Minute).Unix()}, false},
		{"RFC 7523 §3 (6): iat lies ahead", claims{"iat": now.Add(5 * time.Minute).Unix()}, false},
		{"RFC 7523 §3 (7): no jti", claims{"jti": nil}, false},
		{"jti is empty", claims{"jti": ""}, false},
	} {
		err := f.assert(sign(t, "ES256", "k", key, f.claims("app", tc.changed)))
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, oauth.ErrInvalidClient) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestPrivateKeyJWTRefuses(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	key, other := signingKey(t, "ES256"), signingKey(t, "ES256")
	rsaKey := signingKey(t, "RS256")
	f.add(t, &client.Client{ID: "app", TokenEndpointAuthMethod: "private_key_jwt", TokenEndpointAuthSigningAlg: "ES256", JWKS: jwks(t, map[string]crypto.Signer{"k": key, "r": rsaKey})}, "")
	good := sign(t, "ES256", "k", key, f.claims("app", nil))
	hmac := make([]byte, 32)
	for name, token := range map[string]string{
		"another's key":           sign(t, "ES256", "k", other, f.claims("app", nil)),
		"another algorithm":       sign(t, "RS256", "r", rsaKey, f.claims("app", nil)),
		"a shared secret":         sign(t, "HS256", "k", hmac, f.claims("app", nil)),
		"no signature (RFC 8725)": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhcHAiLCJzdWIiOiJhcHAifQ.",
		"a changed signature":     good[:len(good)-86] + strings.Repeat("A", 86),
		"two parts":               "a.b",
		"nothing":                 "..",
		"very long":               good + string(make([]byte, 20000)),
	} {
		if err := f.assert(token); !errors.Is(err, oauth.ErrInvalidClient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := f.assert(sign(t, "HS256", "k", hmac, f.claims("app", nil)))
	if got := fault.From(err).Message; got != "The authentication method client_secret_jwt is not supported: sign the assertion with a private key (private_key_jwt), or use client_secret_basic." {
		t.Error(got)
	}
	_, err = f.auth.Authenticate(tokenRequest(f, "", url.Values{
		"client_id": {"other"}, "client_assertion": {good}, "client_assertion_type": {oauth.AssertionTypeJWTBearer},
	}))
	if !errors.Is(err, oauth.ErrInvalidClient) {
		t.Errorf("RFC 7521 §4.2: client_id of another: %v", err)
	}
	if err := f.assert(good); err != nil {
		t.Errorf("the good one was not spent by those refused: %v", err)
	}
	if err := f.assert(good); !errors.Is(err, oauth.ErrInvalidClient) {
		t.Errorf("the second time: %v", err)
	}
}

// Ten requests with one assertion at once: exactly one gets through.
func TestAssertionRace(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		key := signingKey(t, "ES256")
		f.add(t, &client.Client{ID: "app", TokenEndpointAuthMethod: "private_key_jwt", JWKS: jwks(t, map[string]crypto.Signer{"k": key})}, "")
		for round := range 5 {
			token := sign(t, "ES256", "k", key, f.claims("app", nil))
			errs := make([]error, 10)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { errs[i] = f.assert(token) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, oauth.ErrInvalidClient) {
					t.Error(err)
				}
			}
			if won != 1 {
				t.Fatalf("round %d: %d won", round, won)
			}
		}
	})
}

func TestPublishedKeys(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	const at = "https://app.example.com/keys"
	first, second := signingKey(t, "ES256"), signingKey(t, "ES256")
	f.add(t, &client.Client{ID: "app", TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: at}, "")
	try := func(kid string, key crypto.Signer) error {
		return f.assert(sign(t, "ES256", kid, key, f.claims("app", nil)))
	}
	if err := try("1", first); !errors.Is(err, oauth.ErrInvalidClient) {
		t.Errorf("nothing is published: %v", err)
	}
	f.documents[at] = keySet(t, map[string]crypto.Signer{"1": first})
	if err := try("1", first); err == nil || f.fetched != 1 {
		t.Errorf("an address that did not answer is asked again at once: %v, %d reads", err, f.fetched)
	}
	f.clock.Advance(31 * time.Second)
	for range 3 {
		if err := try("1", first); err != nil {
			t.Error(err)
		}
	}
	if f.fetched != 2 {
		t.Errorf("%d reads; a set that is kept is not read again", f.fetched)
	}
	f.documents[at] = keySet(t, map[string]crypto.Signer{"2": second})
	f.clock.Advance(31 * time.Second)
	if err := try("2", second); err != nil || f.fetched != 3 {
		t.Errorf("an unknown key is looked for: %v, %d reads", err, f.fetched)
	}
	for i := range 20 {
		_ = try(fmt.Sprint("made-up-", i), first)
	}
	if f.fetched != 3 {
		t.Errorf("made-up key ids made us read %d times", f.fetched-3)
	}
	delete(f.documents, at)
	f.clock.Advance(time.Hour)
	if err := try("2", second); err != nil {
		t.Errorf("while the address does not answer, the last set stands in: %v", err)
	}
	f.clock.Advance(25 * time.Hour)
	if err := try("2", second); !errors.Is(err, oauth.ErrInvalidClient) {
		t.Errorf("but not for ever: %v", err)
	}
}

func FuzzAssertion(f *testing.F) {
	fx := newFixture(f, memory(f))
	key := signingKey(f, "ES256")
	fx.add(f, &client.Client{ID: "app", TokenEndpointAuthMethod: "private_key_jwt", JWKS: jwks(f, map[string]crypto.Signer{"k": key})}, "")
	good := sign(f, "ES256", "k", key, fx.claims("app", map[string]any{"aud": "https://elsewhere.example.com"}))
	for _, s := range []string{good, "..", "a.b.c", `{"payload":"","signatures":[]}`, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if err := fx.assert(token); err == nil {
			t.Errorf("%q was accepted", token)
		}
	})
}
