package keys

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever is stored can be sealed, opened, published and, when it says so, signed with.
func FuzzParseKey(f *testing.F) {
	for _, name := range []string{"ES256", "EdDSA", "HS256", "RS256"} {
		raw, err := json.Marshal(testKeys[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true)
		f.Add([]byte(strings.Replace(string(raw), `"use":"sig"`, `"use":"enc"`, 1)), false)
	}
	// The private half of another key.
	f.Add([]byte(`{"use":"sig","kty":"EC","kid":"x","crv":"P-256","alg":"ES256","x":"18I_eKMnzn_ijkKqdbtcWycXdT5vITVCgLBfk5jKa5w","y":"rZjnbDhoV94zTHBD5TQodm1xHyIdzw9Vul3eNJ5FRLs","d":"LoyiAXavcwPdRiu3NDdNpKeZC2BtQgmgNW1cdMy8nn0"}`), false)
	f.Add([]byte(`{"kty":"EC","crv":"P-256","kid":"x","alg":"ES256","x":"","y":""}`), false)
	f.Add([]byte(`{"kty":"OKP","crv":"X25519","kid":"x","alg":"EdDSA","x":"AA"}`), true)
	f.Fuzz(func(t *testing.T, raw []byte, managed bool) {
		k, err := parseKey(raw, policy{managed: managed})
		if err != nil {
			return
		}
		again, err := json.Marshal(k)
		if err != nil {
			t.Fatalf("an accepted key cannot be encoded: %v", err)
		}
		back, err := parseKey(again, policy{managed: managed})
		if err != nil || !same(k, back) {
			t.Fatalf("an accepted key is another after storing: %v", err)
		}
		snap, err := newSnapshot(testSet(time.Time{}, k))
		if err != nil {
			t.Fatalf("an accepted key breaks its set: %v", err)
		}
		for _, public := range snap.public {
			if !public.IsPublic() {
				t.Fatal("a private key would be published")
			}
		}
		if snap.signer == nil {
			return
		}
		token, err := snap.signer.sign(TypeJWT, claimsExample)
		if err != nil {
			t.Fatalf("an accepted key does not sign: %v", err)
		}
		if _, err := snap.verify(token, TypeJWT, time.Time{}); err != nil {
			t.Fatalf("what an accepted key signs is refused: %v", err)
		}
	})
}

func TestConfig(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) != 0 {
		t.Errorf("the default is refused: %v", faults)
	}
	c := DefaultConfig()
	c.IDToken.Algorithm = "none"
	c.AccessToken = SetConfig{Algorithm: "HS256", RotateEvery: time.Minute}
	c.RSABits = 1024
	c.RotateEvery = time.Second
	c.Sets = []NamedSet{{Name: IDToken, Algorithm: "ES256"}, {Name: "a b", Algorithm: "ES256"}}
	c.Broadcast = []string{"ok", ""}
	want := []string{"id_token.algorithm", "access_token.algorithm", "access_token.rotate_every",
		"rotate_every", "rsa_bits", "sets[0].name", "sets[1].name", "broadcast[1]"}
	var got []string
	for _, err := range c.Validate() {
		path, _, _ := strings.Cut(err.Error(), ":")
		got = append(got, path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
