package secret_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func tokens(t testing.TB, secrets ...secret.String) *secret.Tokens {
	t.Helper()
	return &secret.Tokens{Prefix: "gh", Ring: ring(t, secrets...).For("token")}
}

func TestTokenShape(t *testing.T) {
	tk := tokens(t, newSecret)
	token, digest := tk.New("at")
	if !regexp.MustCompile(`^gh_at_[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Errorf("token is %s", token)
	}
	sum := sha256.Sum256([]byte(token))
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); digest != want || secret.Digest(token) != want {
		t.Errorf("digest is %s and %s, want %s", digest, secret.Digest(token), want)
	}
	got, ok := tk.Check("at", token)
	if !ok || got != digest {
		t.Errorf("Check = %s, %v", got, ok)
	}
	if kind := tk.Kind(token); kind != "at" {
		t.Errorf("Kind = %q", kind)
	}
	again, _ := tk.New("at")
	if again == token {
		t.Error("the same token twice")
	}
}

// tokenVector is a token of the kind at with the newer secret.
const tokenVector = "gh_at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA._ZR_obfCo8PLWvJJaRckhRXYuWu7eEjRzn9R1M28UVM"

// TestTokenVector pins the format: a token that an earlier version gave out must be accepted by a later one.
func TestTokenVector(t *testing.T) {
	tk := tokens(t, newSecret)
	if _, ok := tk.Check("at", tokenVector); !ok {
		mac := tk.Ring.MAC([]byte(tokenVector[:strings.IndexByte(tokenVector, '.')]))
		t.Errorf("refused; the MAC is %s", base64.RawURLEncoding.EncodeToString(mac))
	}
}

func TestCheckRefuses(t *testing.T) {
	tk := tokens(t, newSecret)
	token, _ := tk.New("at")
	dot := strings.IndexByte(token, '.')
	other, _ := tokens(t, oldSecret).New("at")
	code, _ := tk.New("ac")
	prefixed, _ := (&secret.Tokens{Prefix: "xx", Ring: tk.Ring}).New("at")

	for name, forged := range map[string]string{
		"empty":                              "",
		"only the prefix":                    "gh_at_",
		"another secret":                     other,
		"another kind":                       code,
		"another kind renamed":               strings.Replace(code, "gh_ac_", "gh_at_", 1),
		"another prefix":                     prefixed,
		"another prefix renamed":             strings.Replace(prefixed, "xx_", "gh_", 1),
		"no MAC":                             token[:dot],
		"empty MAC":                          token[:dot+1],
		"cut MAC":                            token[:len(token)-1],
		"longer":                             token + "A",
		"padded":                             token + "=",
		"space before":                       " " + token,
		"line end after":                     token + "\n",
		"MAC of another token":               token[:dot] + other[dot:],
		"random part of another token":       other[:dot] + token[dot:],
		"zero MAC":                           token[:dot+1] + strings.Repeat("A", 43),
		"dot moved":                          token[:dot-1] + "." + token[dot-1:dot] + token[dot+1:],
		"prefix in another case":             "GH" + token[2:],
		"MAC with other spare bits":          respell(token),
		"a JWT":                              "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
		"the length of a token and no token": strings.Repeat("x", len(token)),
	} {
		if digest, ok := tk.Check("at", forged); ok || digest != "" {
			t.Errorf("%s: accepted %q", name, forged)
		}
	}
	for i := range len(token) {
		changed := []byte(token)
		if changed[i] ^= 1; string(changed) == token {
			continue
		}
		if _, ok := tk.Check("at", string(changed)); ok {
			t.Errorf("accepted with character %d changed", i)
		}
	}
}

// respell changes the two bits of the last character that a careless base64 decoder drops: one token would have four
// spellings, of which only one is found when it is revoked.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

func TestTokensRotate(t *testing.T) {
	old, _ := tokens(t, oldSecret).New("rt")
	if _, ok := tokens(t, newSecret, oldSecret).Check("rt", old); !ok {
		t.Error("token of the older secret refused")
	}
	fresh, _ := tokens(t, newSecret, oldSecret).New("rt")
	if _, ok := tokens(t, newSecret).Check("rt", fresh); !ok {
		t.Error("the first secret does not sign")
	}
	if _, ok := tokens(t, newSecret).Check("rt", old); ok {
		t.Error("token of a removed secret accepted")
	}
}

func TestKind(t *testing.T) {
	tk := tokens(t, newSecret)
	refresh, _ := tk.New("rt")
	for token, want := range map[string]string{
		refresh: "rt", refresh + "A": "", "": "", "gh": "", "gh_": "", "gh_rt": "", "gh_rt_": "", "gh__": "", "xx" + refresh[2:]: "",
	} {
		if got := tk.Kind(token); got != want {
			t.Errorf("Kind(%q) = %q, want %q", token, got, want)
		}
	}
}

func TestTokensConcurrently(t *testing.T) {
	tk := tokens(t, newSecret, oldSecret)
	var seen sync.Map
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 300 {
				token, digest := tk.New("at")
				if _, dup := seen.LoadOrStore(token, true); dup {
					t.Error("the same token twice")
				}
				if got, ok := tk.Check("at", token); !ok || got != digest {
					t.Errorf("Check = %s, %v", got, ok)
				}
			}
		})
	}
	wg.Wait()
}

// TestTokensAllocate holds the hot path to the strings that it gives.
func TestTokensAllocate(t *testing.T) {
	tk := tokens(t, newSecret, oldSecret)
	token, _ := tk.New("at")
	forged := token[:len(token)-1] + "!"
	for _, tc := range []struct {
		name string
		most float64
		do   func()
	}{
		{"New", 2, func() { tk.New("at") }},
		{"Check", 1, func() { tk.Check("at", token) }},
		{"Check of a forged token", 0, func() { tk.Check("at", forged) }},
	} {
		// The pool drops states now and then (always under the race detector), so an average may lie a little above.
		if got := testing.AllocsPerRun(500, tc.do); got > tc.most && !raceEnabled {
			t.Errorf("%s allocates %v times, want at most %v", tc.name, got, tc.most)
		}
	}
}

func TestIDsAndRandom(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	last := ""
	for range 1000 {
		id := secret.NewID()
		if !form.MatchString(id) || id <= last {
			t.Fatalf("id %s after %s", id, last)
		}
		last = id
	}
	if a, b := secret.Random(32), secret.Random(32); a == b || len(a) != 43 || len(secret.Random(16)) != 22 {
		t.Errorf("Random gives %s and %s", a, b)
	}
}

func FuzzCheck(f *testing.F) {
	tk := tokens(f, newSecret)
	for _, seed := range []string{tokenVector, "", "gh_at_", tokenVector[:50], tokenVector + "=", strings.Repeat("gh_at_", 20)} {
		f.Add("at", seed)
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		tk.Kind(text)
		if _, ok := tk.Check(kind, text); ok && (kind != "at" || text != tokenVector) {
			t.Errorf("accepted %q as %q", text, kind)
		}
	})
}

func BenchmarkTokensNew(b *testing.B) {
	tk := tokens(b, newSecret)
	b.ReportAllocs()
	for b.Loop() {
		tk.New("at")
	}
}

func BenchmarkTokensCheck(b *testing.B) {
	tk := tokens(b, newSecret)
	token, _ := tk.New("at")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tk.Check("at", token); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkTokensCheckForged(b *testing.B) {
	tk := tokens(b, newSecret)
	token, _ := tk.New("at")
	forged := token[:len(token)-1] + "!"
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tk.Check("at", forged); ok {
			b.Fatal("accepted")
		}
	}
}
