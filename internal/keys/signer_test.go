package keys

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var claimsExample = []byte(`{"iss":"https://id.example.com","sub":"ann","aud":["shop"],"exp":1900000000,"iat":1800000000,"jti":"0197b8c4-0d0a-7cc1-8a2b-2f6f3f0f9d11","scp":["openid","offline"]}`)

// testKeys are generated once: RSA takes a while.
var testKeys = func() map[string]jose.JSONWebKey {
	made := make(map[string]jose.JSONWebKey)
	for name := range algorithms {
		k, err := newJWK("key-"+name, name, useSignature, 2048)
		if err != nil {
			panic(err)
		}
		made[name] = k
	}
	return made
}()

func testSet(at time.Time, list ...jose.JSONWebKey) Set {
	s := Set{Name: "test"}
	for i, k := range list {
		key := newKey(k, Active, ByOperator, at)
		key.Ordinal = i
		s.add(key)
	}
	return s
}

func testSnapshot(t testing.TB, s Set) *snapshot {
	t.Helper()
	snap, err := newSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// Another implementation must accept what we sign, for every algorithm; for EC several times, as every second half of
// ES512 is one byte short.
func TestSignIsUnderstoodByGoJOSE(t *testing.T) {
	for name, k := range testKeys {
		t.Run(name, func(t *testing.T) {
			s, err := newSigner(k)
			if err != nil {
				t.Fatal(err)
			}
			rounds := 1
			if algorithms[name].family == ec {
				rounds = 8
			}
			for i := range rounds {
				token, err := s.sign(TypeAccessToken, append(claimsExample, strings.Repeat(" ", i)...))
				if err != nil {
					t.Fatal(err)
				}
				jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(name)})
				if err != nil {
					t.Fatal(err)
				}
				key := any(k)
				if !isSymmetric(k) {
					key = k.Public()
				}
				if _, err := jws.Verify(key); err != nil {
					t.Fatalf("round %d: %v in %s", i, err, token)
				}
			}
		})
	}
}

// ES256 and ES384 have a short half once in 128 signatures: too seldom to wait for.
func TestJoinHalves(t *testing.T) {
	der := func(r, s string) string {
		return fmt.Sprintf("\x30%c\x02%c%s\x02%c%s", 4+len(r)+len(s), len(r), r, len(s), s)
	}
	for name, c := range map[string]struct{ der, want string }{
		"full":             {der("abcd", "efgh"), "abcdefgh"},
		"sign byte":        {der("\x00\x80bcd", "efgh"), "\x80bcdefgh"},
		"short first":      {der("bcd", "efgh"), "\x00bcdefgh"},
		"short second":     {der("abcd", "h"), "abcd\x00\x00\x00h"},
		"too long":         {der("abcde", "efgh"), ""},
		"one number":       {"\x30\x03\x02\x01a", ""},
		"not a sequence":   {"abcd", ""},
		"cut off at start": {"", ""},
	} {
		got, err := joinHalves([]byte("head."), []byte(c.der), 4)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %q, want an error", name, got)
			}
			continue
		}
		if err != nil || string(got) != "head."+c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, "head."+c.want)
		}
	}
}

func TestSignHeader(t *testing.T) {
	k := testKeys["ES256"]
	k.KeyID = `odd"\<kid>&`
	s, err := newSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{TypeJWT, TypeAccessToken, "logout+jwt"} {
		token, err := s.sign(typ, claimsExample)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(token, ".")
		raw, err := b64.DecodeString(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"alg": "ES256", "kid": `odd"\<kid>&`, "typ": typ}, got); diff != "" {
			t.Errorf("header of type %s (-want +got):\n%s", typ, diff)
		}
		claims, err := b64.DecodeString(parts[1])
		if err != nil || string(claims) != string(claimsExample) {
			t.Errorf("claims are %s, %v", claims, err)
		}
	}
}

// RFC 8725 §3.2: the same input gives the same ECDSA signature, so no broken source of randomness can give the key away.
func TestECDSAIsDeterministic(t *testing.T) {
	for _, name := range []string{"ES256", "ES384", "ES512"} {
		s, err := newSigner(testKeys[name])
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.sign(TypeJWT, claimsExample)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := s.sign(TypeJWT, claimsExample); second != first {
			t.Errorf("%s: two signatures of one input differ", name)
		}
	}
}

func TestSignerRefuses(t *testing.T) {
	public := testKeys["ES256"]
	crossed := testKeys["RS256"]
	crossed.Algorithm = "ES256"
	unknown := testKeys["RS256"]
	unknown.Algorithm = "none"
	for name, k := range map[string]jose.JSONWebKey{"a public key": public.Public(), "another algorithm": crossed, "none": unknown} {
		if _, err := newSigner(k); err == nil {
			t.Errorf("%s: is taken as a signer", name)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for _, name := range []string{"ES256", "RS256", "EdDSA"} {
		b.Run(name, func(b *testing.B) {
			s, err := newSigner(testKeys[name])
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.sign(TypeAccessToken, claimsExample); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/go-jose", func(b *testing.B) {
			k := testKeys[name]
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(name), Key: k}, (&jose.SignerOptions{}).WithType(TypeAccessToken))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				jws, err := s.Sign(claimsExample)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := jws.CompactSerialize(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"ES256", "RS256", "EdDSA"} {
		b.Run(name, func(b *testing.B) {
			snap := testSnapshot(b, testSet(time.Time{}, testKeys[name]))
			token, err := snap.signer.sign(TypeJWT, claimsExample)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := snap.verify(token, TypeJWT, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
