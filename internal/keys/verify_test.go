package keys

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// forge signs whatever header is given with whatever key.
func forge(t testing.TB, k jose.JSONWebKey, header map[string]any, claims []byte) string {
	t.Helper()
	s, err := newSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	s.jwt = append(b64.AppendEncode(nil, raw), '.')
	token, err := s.sign(TypeJWT, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerify(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	es, rs, other := testKeys["ES256"], testKeys["RS256"], testKeys["EdDSA"]
	stranger, err := newJWK(es.KeyID, "ES256", useSignature, 0)
	if err != nil {
		t.Fatal(err)
	}
	set := testSet(now, es, rs)
	gone := newKey(other, Active, ByOperator, now)
	gone.retire(policy{keepRetired: time.Hour}, now.Add(-time.Hour))
	set.add(gone)
	snap := testSnapshot(t, set)

	modulus := rs.Public()
	asSecret, err := json.Marshal(modulus)
	if err != nil {
		t.Fatal(err)
	}
	confused := jose.JSONWebKey{Key: asSecret, KeyID: rs.KeyID, Algorithm: "HS256"}

	good := forge(t, es, map[string]any{"alg": "ES256", "kid": es.KeyID, "typ": "JWT"}, claimsExample)
	head, rest, _ := strings.Cut(good, ".")
	none := b64.EncodeToString([]byte(`{"alg":"none","kid":"`+es.KeyID+`","typ":"JWT"}`)) + "." + strings.Split(rest, ".")[0] + "."
	upperNone := b64.EncodeToString([]byte(`{"alg":"NONE","typ":"JWT"}`)) + "." + rest

	tests := map[string]struct {
		token string
		typ   string
		want  error
	}{
		"our own":                        {good, "JWT", nil},
		"line breaks":                    {good[:len(good)-1] + "\r\n" + good[len(good)-1:], "JWT", errMalformed},
		"our own header, no signature":   {good[:strings.LastIndex(good, ".")], "JWT", errMalformed},
		"our own without kid":            {forge(t, rs, map[string]any{"alg": "RS256", "typ": "JWT"}, claimsExample), "JWT", nil},
		"type with the media type tree":  {forge(t, es, map[string]any{"alg": "ES256", "typ": "application/at+jwt"}, claimsExample), "at+jwt", nil},
		"type in other case":             {forge(t, es, map[string]any{"alg": "ES256", "typ": "jwt"}, claimsExample), "JWT", nil},
		"an ID token as an access token": {good, "at+jwt", errType},
		"no type":                        {forge(t, es, map[string]any{"alg": "ES256", "kid": es.KeyID}, claimsExample), "JWT", errType},
		"type that is no text":           {forge(t, es, map[string]any{"alg": "ES256", "kid": es.KeyID, "typ": 7}, claimsExample), "JWT", errType},
		"alg none (RFC 8725 §2.1)":       {none, "JWT", errMalformed},
		"alg NONE with a signature":      {upperNone, "JWT", errMalformed},
		"public key as a secret":         {forge(t, confused, map[string]any{"alg": "HS256", "kid": rs.KeyID, "typ": "JWT"}, claimsExample), "JWT", errMalformed},
		"algorithm of another key":       {forge(t, es, map[string]any{"alg": "ES256", "kid": rs.KeyID, "typ": "JWT"}, claimsExample), "JWT", errNoKey},
		"unknown kid":                    {forge(t, es, map[string]any{"alg": "ES256", "kid": "x", "typ": "JWT"}, claimsExample), "JWT", errNoKey},
		"another's key under our kid":    {forge(t, stranger, map[string]any{"alg": "ES256", "kid": es.KeyID, "typ": "JWT"}, claimsExample), "JWT", errSignature},
		"another's key without kid":      {forge(t, stranger, map[string]any{"alg": "ES256", "typ": "JWT"}, claimsExample), "JWT", errSignature},
		"another's key in the header":    {forge(t, stranger, map[string]any{"alg": "ES256", "typ": "JWT", "jwk": stranger.Public()}, claimsExample), "JWT", errSignature},
		"crit that nobody knows":         {forge(t, es, map[string]any{"alg": "ES256", "typ": "JWT", "crit": []string{"x"}, "x": 1}, claimsExample), "JWT", errSignature},
		"key that was removed":           {forge(t, other, map[string]any{"alg": "EdDSA", "kid": other.KeyID, "typ": "JWT"}, claimsExample), "JWT", errNoKey},
		"changed claims":                 {head + "." + b64.EncodeToString([]byte(`{"sub":"eve"}`)) + "." + good[strings.LastIndex(good, ".")+1:], "JWT", errSignature},
		"no signature":                   {good[:strings.LastIndex(good, ".")+1], "JWT", errSignature},
		"two parts":                      {head + "." + strings.Split(rest, ".")[0], "JWT", errMalformed},
		"four parts":                     {good + ".x", "JWT", errMalformed},
		"JSON serialization":             {`{"payload":"e30","signatures":[]}`, "JWT", errMalformed},
		"empty":                          {"", "JWT", errMalformed},
		"too long":                       {good + strings.Repeat("A", maxToken), "JWT", errTooLong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			claims, err := snap.verify(tt.token, tt.typ, now)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
			if err == nil && string(claims) != string(claimsExample) {
				t.Errorf("claims are %s", claims)
			}
			if err != nil && claims != nil {
				t.Error("claims of a refused token are returned")
			}
		})
	}
}

// What was signed is verified, whatever the algorithm, on the short way and on the long one.
func TestVerifyEachAlgorithm(t *testing.T) {
	for name, k := range testKeys {
		snap := testSnapshot(t, testSet(time.Time{}, k))
		for _, typ := range []string{TypeJWT, TypeAccessToken, "logout+jwt"} {
			token, err := snap.signer.sign(typ, claimsExample)
			if err != nil {
				t.Fatal(err)
			}
			for way, verify := range map[string]func(string, string, time.Time) ([]byte, error){"short": snap.verify, "long": snap.parse} {
				if claims, err := verify(token, typ, time.Time{}); err != nil || string(claims) != string(claimsExample) {
					t.Errorf("%s, type %s, %s way: %s, %v", name, typ, way, claims, err)
				}
				bad := token[:len(token)-10] + "AAAAAAAAAA"
				if _, err := verify(bad, typ, time.Time{}); !errors.Is(err, errSignature) {
					t.Errorf("%s, type %s, %s way: another signature gives %v", name, typ, way, err)
				}
			}
		}
	}
}

func TestVerifyWithoutKeys(t *testing.T) {
	if _, err := testSnapshot(t, Set{Name: "empty"}).verify("e30.e30.", "JWT", time.Time{}); !errors.Is(err, errNoKey) {
		t.Errorf("error is %v", err)
	}
}

// Whatever a stranger sends is refused without a crash, and nothing but our own tokens passes.
func FuzzVerify(f *testing.F) {
	snap := testSnapshot(f, testSet(time.Time{}, testKeys["ES256"], testKeys["RS256"], testKeys["EdDSA"], testKeys["HS256"]))
	good, err := snap.signer.sign(TypeJWT, claimsExample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(`{"payload":"","protected":"","signature":""}`)
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := snap.verify(token, TypeJWT, time.Time{})
		if err == nil && string(claims) != string(claimsExample) {
			t.Errorf("a forged token is accepted: %q", token)
		}
	})
}
