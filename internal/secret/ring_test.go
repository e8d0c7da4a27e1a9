package secret_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

const (
	oldSecret = secret.String("the-older-of-two-secrets-0123456789")
	newSecret = secret.String("the-newer-of-two-secrets-9876543210")
)

func ring(t testing.TB, secrets ...secret.String) *secret.Ring {
	t.Helper()
	r, err := secret.NewRing(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRingRefusesWhatIsTooShort(t *testing.T) {
	for _, tc := range []struct {
		name    string
		secrets []secret.String
	}{
		{"none", nil},
		{"empty", []secret.String{""}},
		{"fifteen characters", []secret.String{"123456789012345"}},
		{"fifteen characters that are thirty bytes", []secret.String{"ééééééééééééééé"}},
		{"second is short", []secret.String{newSecret, "qwertz"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := secret.NewRing(tc.secrets)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, s := range tc.secrets {
				if s != "" && strings.Contains(err.Error(), s.Reveal()) {
					t.Errorf("error shows the secret: %v", err)
				}
			}
		})
	}
	if _, err := secret.NewRing([]secret.String{"1234567890123456"}); err != nil {
		t.Errorf("sixteen characters: %v", err)
	}
}

func TestSealOpens(t *testing.T) {
	r := ring(t, newSecret)
	for _, plain := range [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("long"), 5000)} {
		for _, aad := range [][]byte{nil, []byte("row 1")} {
			sealed, err := r.Seal(plain, aad)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Open(sealed, aad)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes with aad %q: %d bytes, %v", len(plain), aad, len(got), err)
			}
			if len(plain) > 8 && strings.Contains(sealed, string(plain)) {
				t.Error("plain text in sealed text")
			}
		}
	}
	a, _ := r.Seal([]byte("same"), nil)
	b, _ := r.Seal([]byte("same"), nil)
	if a == b {
		t.Error("the same bytes sealed twice give the same text")
	}
}

// sealedVector is "gatehouse" with the additional data "aad", sealed by the newer secret for the purpose "vector".
const sealedVector = "wFhLZrR_.4ANobu0-nWHxbP-DXKU2PJdLiDofj79juYd6SotxOpR3ojtA4knIhD5eMFWPLlVVnw"

// TestSealVector pins the format: what an earlier version sealed must open for ever.
func TestSealVector(t *testing.T) {
	r := ring(t, newSecret).For("vector")
	got, err := r.Open(sealedVector, []byte("aad"))
	if err != nil || string(got) != "gatehouse" {
		fresh, _ := r.Seal([]byte("gatehouse"), []byte("aad"))
		t.Errorf("Open = %q, %v; a fresh one is %s", got, err, fresh)
	}
	if got := r.Fingerprint(); got != "fWbS2M5pGPKfAevekKsnlQ" {
		t.Errorf("fingerprint is %s", got)
	}
	if got := fmt.Sprintf("%x", r.MAC([]byte("data"))); got != "e913d3b4af0f72a57fc80547e274d2c068d9f387ba4757d518f26abbc37995b8" {
		t.Errorf("MAC is %s", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	r := ring(t, newSecret)
	sealed, err := r.Seal([]byte("signing key"), []byte("key/1"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := ring(t, oldSecret).Seal([]byte("signing key"), []byte("key/1"))
	purpose, _ := r.For("cookie").Seal([]byte("signing key"), []byte("key/1"))
	id, body, _ := strings.Cut(sealed, ".")
	_, foreign, _ := strings.Cut(other, ".")

	for _, tc := range []struct {
		name, sealed, aad string
		want              error
	}{
		{"other additional data: a value moved to another row", sealed, "key/2", secret.ErrSealed},
		{"no additional data", sealed, "", secret.ErrSealed},
		{"empty", "", "key/1", secret.ErrSealed},
		{"no dot", body, "key/1", secret.ErrSealed},
		{"only an id", id + ".", "key/1", secret.ErrSealed},
		{"cut", sealed[:len(sealed)-4], "key/1", secret.ErrSealed},
		{"shorter than a nonce", id + ".AAAA", "key/1", secret.ErrSealed},
		{"not base64", id + ".****", "key/1", secret.ErrSealed},
		{"line end inside", id + ".\n" + body, "key/1", secret.ErrSealed},
		{"padded", sealed + "=", "key/1", secret.ErrSealed},
		{"unknown key", other, "key/1", secret.ErrUnknownKey},
		{"another purpose of the same secret", purpose, "key/1", secret.ErrUnknownKey},
		{"another key's text under our id", id + "." + foreign, "key/1", secret.ErrSealed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plain, err := r.Open(tc.sealed, []byte(tc.aad))
			if !errors.Is(err, tc.want) || plain != nil {
				t.Errorf("Open = %q, %v; want %v", plain, err, tc.want)
			}
		})
	}
	for i := range len(body) {
		flipped := []byte(body)
		if flipped[i]++; flipped[i] == body[i] {
			continue
		}
		if _, err := r.Open(id+"."+string(flipped), []byte("key/1")); err == nil {
			t.Errorf("opened with character %d changed", i)
		}
	}
}

func TestRotation(t *testing.T) {
	before, after := ring(t, oldSecret), ring(t, newSecret, oldSecret)
	gone := ring(t, newSecret)
	sealed, _ := before.Seal([]byte("x"), nil)
	mac := before.MAC([]byte("data"))

	if _, err := after.Open(sealed, nil); err != nil {
		t.Errorf("the old secret behind the new one: %v", err)
	}
	if !after.VerifyMAC([]byte("data"), mac) {
		t.Error("MAC of the old secret refused")
	}
	if !after.Stale(sealed) || before.Stale(sealed) {
		t.Error("Stale does not name what the old key sealed")
	}
	if _, err := gone.Open(sealed, nil); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("old secret removed: %v", err)
	}
	if gone.VerifyMAC([]byte("data"), mac) {
		t.Error("MAC of a removed secret accepted")
	}
	if after.VerifyMAC([]byte("data!"), mac) || after.VerifyMAC([]byte("data"), mac[:16]) || after.VerifyMAC([]byte("data"), nil) {
		t.Error("wrong MAC accepted")
	}
	fresh, _ := after.Seal([]byte("x"), nil)
	if _, err := gone.Open(fresh, nil); err != nil || after.Stale(fresh) {
		t.Errorf("the first secret does not seal: %v", err)
	}
	if !after.Knows(before.Fingerprint()) || after.Fingerprint() != gone.Fingerprint() || gone.Knows(before.Fingerprint()) {
		t.Error("fingerprints do not follow the secrets")
	}
}

func TestPurposesAreApart(t *testing.T) {
	r := ring(t, newSecret)
	seen := map[string]string{}
	for _, purpose := range []string{"seal", "mac", "id", "fingerprint", "", "for/", "cookie", "token", "for/cookie"} {
		sub := r.For(purpose)
		for what, v := range map[string]string{
			"id": sub.KeyIDs()[0], "fingerprint": sub.Fingerprint(), "mac": string(sub.MAC([]byte("x"))),
		} {
			if before, dup := seen[v]; dup {
				t.Errorf("%s of %q equals %s", what, purpose, before)
			}
			seen[v] = what + " of " + purpose
		}
		if !sub.VerifyMAC([]byte("x"), r.For(purpose).MAC([]byte("x"))) {
			t.Errorf("purpose %q is not the same twice", purpose)
		}
	}
}

func TestRingNeverPrintsKeys(t *testing.T) {
	r := ring(t, newSecret)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, r); got != "ring("+r.KeyIDs()[0]+")" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestRingConcurrently(t *testing.T) {
	r := ring(t, newSecret, oldSecret)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 200 {
				data := fmt.Appendf(nil, "%d/%d", g, i)
				sealed, err := r.Seal(data, data)
				if err != nil {
					t.Error(err)
				}
				if got, err := r.Open(sealed, data); err != nil || !bytes.Equal(got, data) {
					t.Errorf("Open = %q, %v", got, err)
				}
				if !r.VerifyMAC(data, r.MAC(data)) {
					t.Error("own MAC refused")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	r := ring(f, newSecret, oldSecret).For("vector")
	id, _, _ := strings.Cut(sealedVector, ".")
	for _, seed := range []string{sealedVector, "", ".", id + ".", id + ".AAAA", sealedVector + "A", strings.Repeat(".", 40)} {
		f.Add(seed, []byte("aad"))
	}
	f.Fuzz(func(t *testing.T, text string, aad []byte) {
		if plain, err := r.Open(text, aad); err == nil && (text != sealedVector || string(aad) != "aad") {
			t.Errorf("opened %q as %q", text, plain)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r := ring(b, newSecret)
	plain := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Seal(plain, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, newSecret)
	sealed, _ := r.Seal(make([]byte, 256), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
