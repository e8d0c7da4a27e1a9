package authn_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
)

// holder is who holds a key and a token that is bound to it.
type holder struct {
	key   signingKey
	token string
}

// prove makes a proof with the holder's key in its header.
func (h holder) prove(t testing.TB, c claims, header ...any) string {
	t.Helper()
	key := h.key
	key.kid = ""
	public := jose.JSONWebKey{Key: key.private.Public()}
	return key.sign(t, c, append([]any{"typ", "dpop+jwt", "jwk", public}, header...)...)
}

func (h holder) claims(w *world) claims {
	return claims{"jti": w.unique(), "htm": "GET", "htu": "https://api.example.com/orders/7", "iat": w.clock.Now().Unix(), "ath": sum64(h.token)}
}

// unique is another text each time, in the order of the clock.
func (w *world) unique() string {
	w.clock.Advance(time.Microsecond)
	return w.clock.Now().Format(time.RFC3339Nano)
}

func (h holder) request(proofs ...string) *access.Request {
	r := request("Authorization", "DPoP "+h.token)
	r.Header["Dpop"] = append(r.Header["Dpop"], proofs...)
	return r
}

// bound makes a world with a token that is bound to a key, and one that is not.
func bound(t *testing.T) (*world, holder, access.Authenticator) {
	h := holder{newKey(t, ""), "gh_bound"}
	w := begin(t, func(o *authn.Options) {
		o.Tokens = tokens{
			"gh_bound": {Subject: "alice", Confirmation: authn.Confirmation{JKT: h.key.thumbprint(t)}},
			"gh_free":  {Subject: "bob"},
		}
	})
	return w, h, w.make("oauth2_introspection", "")
}

func TestDPoP(t *testing.T) {
	w, h, a := bound(t)
	if p := w.pass(a, h.request(h.prove(t, h.claims(w)))); p.Subject != "alice" {
		t.Errorf("got %+v", p)
	}
	// Clocks differ a little, methods and URLs are compared as RFC 9449 §4.3 says.
	w.pass(a, h.request(h.prove(t, h.claims(w).with("iat", w.clock.Now().Add(9*time.Second).Unix()))))
	w.pass(a, h.request(h.prove(t, h.claims(w).with("iat", w.clock.Now().Add(-59*time.Second).Unix()))))
	w.pass(a, h.request(h.prove(t, h.claims(w).with("iat", float64(w.clock.Now().UnixMilli())/1000))))
	w.pass(a, h.request(h.prove(t, h.claims(w).with("further", "claim"))))
	for _, htu := range []string{
		"https://api.example.com/orders/7?page=3#x", "https://api.example.com:443/orders/7", "HTTPS://API.example.com/orders/7",
		"https://api.example.com/orders/%37",
	} {
		w.pass(a, h.request(h.prove(t, h.claims(w).with("htu", htu))))
	}
	post := h.request(h.prove(t, h.claims(w).with("htm", "POST")))
	post.Method = "POST"
	w.pass(a, post)
}

// Each check of RFC 9449 §4.3, and of §7.1, broken alone.
func TestDPoPIsRefused(t *testing.T) {
	w, h, a := bound(t)
	thief := holder{newKey(t, ""), h.token}
	header := func(change func(header map[string]any)) string {
		proof := strings.Split(h.prove(t, h.claims(w)), ".")
		var fields map[string]any
		raw, _ := base64.RawURLEncoding.DecodeString(proof[0])
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		change(fields)
		text, _ := json.Marshal(fields)
		return base64.RawURLEncoding.EncodeToString(text) + "." + proof[1] + "." + proof[2]
	}
	good := h.prove(t, h.claims(w))
	private, _ := json.Marshal(jose.JSONWebKey{Key: h.key.private})
	for _, tc := range []struct {
		name    string
		request *access.Request
		why     error
	}{
		{"the token comes as a bearer token (§7.1)", request("Authorization", "Bearer "+h.token, "Dpop", good), authn.ErrBinding},
		{"a free token comes with a proof (§7.1)", request("Authorization", "DPoP gh_free", "Dpop", good), authn.ErrBinding},
		{"1. no proof", h.request(), authn.ErrProof},
		{"1. two proofs", h.request(good, h.prove(t, h.claims(w))), authn.ErrProof},
		{"2. no JWT", h.request("proof"), authn.ErrProof},
		{"2. two in one field", h.request(good + ", " + good), authn.ErrProof},
		{"3. no jti", h.request(h.prove(t, h.claims(w).with("jti", nil))), authn.ErrProof},
		{"3. no htm", h.request(h.prove(t, h.claims(w).with("htm", nil))), authn.ErrProof},
		{"3. no htu", h.request(h.prove(t, h.claims(w).with("htu", nil))), authn.ErrProof},
		{"3. no iat", h.request(h.prove(t, h.claims(w).with("iat", nil))), authn.ErrProof},
		{"3. iat is text", h.request(h.prove(t, h.claims(w).with("iat", "now"))), authn.ErrProof},
		{"4. another typ", h.request(h.prove(t, h.claims(w), "typ", "JWT")), authn.ErrProof},
		{"5. alg none", h.request(header(func(f map[string]any) { f["alg"] = "none" })), authn.ErrProof},
		{"5. a symmetric algorithm", h.request(header(func(f map[string]any) { f["alg"] = "HS256" })), authn.ErrProof},
		{"6. a broken signature", h.request(good[:len(good)-86] + strings.Repeat("A", 86)), authn.ErrProof},
		{"6. another key's signature", h.request(header(func(f map[string]any) { f["jwk"] = thief.key.jwk() })), authn.ErrProof},
		{"6. no jwk", h.request(header(func(f map[string]any) { delete(f, "jwk") })), authn.ErrProof},
		{"7. a private key", h.request(header(func(f map[string]any) { f["jwk"] = json.RawMessage(private) })), authn.ErrProof},
		{"8. another method", h.request(h.prove(t, h.claims(w).with("htm", "POST"))), authn.ErrProof},
		{"8. the method in lower case", h.request(h.prove(t, h.claims(w).with("htm", "get"))), authn.ErrProof},
		{"9. another path", h.request(h.prove(t, h.claims(w).with("htu", "https://api.example.com/orders/8"))), authn.ErrProof},
		{"9. another host", h.request(h.prove(t, h.claims(w).with("htu", "https://evil.example.com/orders/7"))), authn.ErrProof},
		{"9. another port", h.request(h.prove(t, h.claims(w).with("htu", "https://api.example.com:8443/orders/7"))), authn.ErrProof},
		{"9. another scheme", h.request(h.prove(t, h.claims(w).with("htu", "http://api.example.com/orders/7"))), authn.ErrProof},
		{"9. with a user", h.request(h.prove(t, h.claims(w).with("htu", "https://a@api.example.com/orders/7"))), authn.ErrProof},
		{"9. no URL", h.request(h.prove(t, h.claims(w).with("htu", "/orders/7"))), authn.ErrProof},
		{"11. too old", h.request(h.prove(t, h.claims(w).with("iat", w.clock.Now().Add(-62*time.Second).Unix()))), authn.ErrProof},
		{"11. in the future", h.request(h.prove(t, h.claims(w).with("iat", w.clock.Now().Add(12*time.Second).Unix()))), authn.ErrProof},
		{"12. no ath", h.request(h.prove(t, h.claims(w).with("ath", nil))), authn.ErrProof},
		{"12. another token's ath", h.request(h.prove(t, h.claims(w).with("ath", sum64("gh_free")))), authn.ErrProof},
		{"12. another key than the token's", h.request(thief.prove(t, h.claims(w))), authn.ErrProof},
		{"a jti without end", h.request(h.prove(t, h.claims(w).with("jti", strings.Repeat("x", 257)))), authn.ErrProof},
		{"a proof without end", h.request(h.prove(t, h.claims(w).with("x", strings.Repeat("x", 8<<10)))), authn.ErrProof},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.TB = t
			err := w.refuse(a, tc.request, access.ErrUnauthorized)
			if !errors.Is(err, tc.why) {
				t.Errorf("the cause is %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), h.token) || strings.Contains(err.Error(), good)) {
				t.Error("the error repeats a credential")
			}
		})
	}
}

// A proof is good once (RFC 9449 §11.1), however many come at a time, and is remembered for as long as it could be used.
func TestDPoPReplay(t *testing.T) {
	w, h, a := bound(t)
	proof := h.prove(t, h.claims(w))
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := a.Authenticate(w.ctx, h.request(proof)); err == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d of ten uses passed", passed.Load())
	}
	early := h.prove(t, h.claims(w).with("iat", w.clock.Now().Add(9*time.Second).Unix()))
	w.pass(a, h.request(early))
	for range 13 {
		w.clock.Advance(5 * time.Second)
		w.refuse(a, h.request(early), access.ErrUnauthorized)
	}
	w.pass(a, h.request(h.prove(t, h.claims(w))))
}

func TestCertificateBoundToken(t *testing.T) {
	certificate := []byte("the DER of a certificate")
	sum := sha256.Sum256(certificate)
	x5t := base64.RawURLEncoding.EncodeToString(sum[:])
	both := holder{newKey(t, ""), "gh_both"}
	w := begin(t, func(o *authn.Options) {
		o.Tokens = tokens{
			"gh_bound": {Subject: "alice", Confirmation: authn.Confirmation{X5T: x5t}},
			"gh_both":  {Subject: "alice", Confirmation: authn.Confirmation{X5T: x5t, JKT: both.key.thumbprint(t)}},
			"gh_other": {Subject: "alice", Confirmation: authn.Confirmation{X5T: x5t, Other: true}},
		}
	})
	a := w.make("oauth2_introspection", "")
	with := func(r *access.Request, certificate []byte) *access.Request {
		r.Certificate = certificate
		return r
	}
	w.pass(a, with(bearer("gh_bound"), certificate))
	w.pass(a, with(both.request(both.prove(t, both.claims(w))), certificate))
	for name, r := range map[string]*access.Request{
		"no certificate (RFC 8705 §3)": bearer("gh_bound"),
		"another certificate":          with(bearer("gh_bound"), []byte("another")),
		"by the scheme DPoP":           with(request("Authorization", "DPoP gh_bound"), certificate),
		"both, without a proof":        with(bearer("gh_both"), certificate),
		"both, without a certificate":  both.request(both.prove(t, both.claims(w))),
		"bound otherwise besides":      with(bearer("gh_other"), certificate),
	} {
		if err := w.refuse(a, r, access.ErrUnauthorized); !errors.Is(err, authn.ErrBinding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Foreign tokens say by cnf that they are bound: JWTs (RFC 9449 §6.1) and what introspection tells (§6.2).
func TestForeignBoundTokens(t *testing.T) {
	issuerKey, h := newKey(t, "k1"), holder{key: newKey(t, "")}
	w, i, e := begin(t), newIssuer(t, issuerKey), newEndpoint(t)
	cnf := map[string]any{"jkt": h.key.thumbprint(t)}
	h.token = issuerKey.sign(t, w.claims().with("cnf", cnf))
	e.says(w.claims().with("active", true).with("cnf", cnf))
	for _, a := range []access.Authenticator{w.jwt(i, ""), w.make("oauth2_introspection", `{"introspection_url":"`+e.url+`"}`)} {
		w.pass(a, h.request(h.prove(t, h.claims(w))))
		w.refuse(a, bearer(h.token), access.ErrUnauthorized)
		w.refuse(a, h.request(), access.ErrUnauthorized)
	}
}

// A token of this server is bound by what is stored of it and by what it says itself, and by both where they differ.
func TestOwnBoundJWT(t *testing.T) {
	w, k, issued := own(t)
	a := w.make("jwt", "")
	h := holder{key: newKey(t, "")}
	ours, other := authn.Confirmation{JKT: h.key.thumbprint(t)}, authn.Confirmation{JKT: newKey(t, "").thumbprint(t)}
	for _, tc := range []struct {
		name           string
		stored, signed authn.Confirmation
		pass           bool
	}{
		{"stored", ours, authn.Confirmation{}, true}, {"signed", authn.Confirmation{}, ours, true}, {"both", ours, ours, true},
		{"both, which differ", ours, other, false}, {"another's", authn.Confirmation{}, other, false},
	} {
		c := w.claims().with("jti", tc.name)
		if tc.signed.JKT != "" {
			c = c.with("cnf", map[string]string{"jkt": tc.signed.JKT})
		}
		h.token = w.signOwn(k, keys.AccessToken, keys.TypeAccessToken, c)
		issued[h.token] = &authn.Token{Confirmation: tc.stored}
		for range 2 { // and from memory
			w.refuse(a, bearer(h.token), access.ErrUnauthorized)
			_, err := a.Authenticate(w.ctx, h.request(h.prove(t, h.claims(w))))
			if tc.pass && err != nil || !tc.pass && !errors.Is(err, access.ErrUnauthorized) {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
	}
}

func TestConfirmation(t *testing.T) {
	for text, want := range map[string]authn.Confirmation{
		`{"jkt":"a"}`:                  {JKT: "a"},
		`{"x5t#S256":"b"}`:             {X5T: "b"},
		`{"jkt":"a","x5t#S256":"b"}`:   {JKT: "a", X5T: "b"},
		`{"jkt":"a","jwk":{}}`:         {JKT: "a", Other: true},
		`{"JKT":"a"}`:                  {Other: true},
		`{}`:                           {Other: true},
		`{"jkt":""}`:                   {Other: true},
		`{"x5t#S256":"","jkt":""}`:     {Other: true},
		`{"kid":"c"}`:                  {Other: true},
		`{"jkt":"a","jkt":"b","x":{}}`: {JKT: "b", Other: true},
	} {
		var got authn.Confirmation
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`[]`, `"x"`, `{"jkt":1}`} {
		if err := json.Unmarshal([]byte(text), new(authn.Confirmation)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}
