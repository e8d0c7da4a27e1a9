package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// cheap is a cost that a test can pay.
func cheap() secret.HashConfig {
	c := secret.DefaultHashConfig()
	c.Memory, c.Time, c.MaxMemory = 64, 1, 1024
	return c
}

// clock is settable and safe for many goroutines.
type clock struct{ unix atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(c.unix.Load(), 0).UTC() }
func (c *clock) Advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(1_800_000_000)
	return c
}

func hasher(t testing.TB, c secret.HashConfig, secrets ...secret.String) *secret.Hasher {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []secret.String{newSecret}
	}
	h, err := secret.NewHasher(c, ring(t, secrets...), newClock().Now)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashVerify(t *testing.T) {
	h := hasher(t, cheap())
	for _, password := range []string{"", "x", "correct horse battery staple", "pässwörd \x00 with all", strings.Repeat("a", secret.MaxPassword)} {
		encoded, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(encoded, "$argon2id$v=19$m=64,t=1,p=1$") {
			t.Errorf("encoded as %s", encoded)
		}
		for range 2 { // slowly, then from memory
			if ok, stale, err := h.Verify(t.Context(), encoded, password); !ok || stale || err != nil {
				t.Errorf("%d characters: %v, stale %v, %v", len(password), ok, stale, err)
			}
		}
		if ok, _, err := h.Verify(t.Context(), encoded, password+"!"); ok || err != nil {
			t.Errorf("wrong password: %v, %v", ok, err)
		}
	}
	if _, err := h.Hash(t.Context(), strings.Repeat("a", secret.MaxPassword+1)); !errors.Is(err, secret.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// TestVerifyVector checks against the reference implementation (argon2 -id -t 2 -m 16 -p 1, salt somesalt).
func TestVerifyVector(t *testing.T) {
	c := cheap()
	c.MaxMemory = 65536
	h := hasher(t, c)
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, stale, err := h.Verify(t.Context(), encoded, "password"); !ok || !stale || err != nil {
		t.Errorf("Verify = %v, %v, %v", ok, stale, err)
	}
}

func TestVerifyTellsStale(t *testing.T) {
	before := hasher(t, cheap())
	encoded, err := before.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*secret.HashConfig){
		"memory":      func(c *secret.HashConfig) { c.Memory = 128 },
		"time":        func(c *secret.HashConfig) { c.Time = 2 },
		"parallelism": func(c *secret.HashConfig) { c.Parallelism = 2 },
	} {
		c := cheap()
		change(&c)
		after := hasher(t, c)
		for range 2 {
			if ok, stale, err := after.Verify(t.Context(), encoded, "password"); !ok || !stale || err != nil {
				t.Errorf("%s changed: %v, stale %v, %v", name, ok, stale, err)
			}
		}
		if ok, stale, _ := after.Verify(t.Context(), encoded, "wrong"); ok || stale {
			t.Errorf("%s changed, wrong password: %v, stale %v", name, ok, stale)
		}
	}
}

func TestVerifyRefusesStoredHashes(t *testing.T) {
	h := hasher(t, cheap())
	good, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	salt, key := "c29tZXNhbHQ", strings.Repeat("A", 43)
	for name, encoded := range map[string]string{
		"empty":                   "",
		"plain text":              "password",
		"argon2d":                 strings.Replace(good, "argon2id", "argon2d", 1),
		"version 16":              strings.Replace(good, "v=19", "v=16", 1),
		"memory above the bound":  "$argon2id$v=19$m=1025,t=1,p=1$" + salt + "$" + key,
		"memory of four terabyte": "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"memory overflows":        "$argon2id$v=19$m=4294967360,t=1,p=1$" + salt + "$" + key,
		"memory below the lanes":  "$argon2id$v=19$m=8,t=1,p=2$" + salt + "$" + key,
		"time above the bound":    "$argon2id$v=19$m=64,t=11,p=1$" + salt + "$" + key,
		"lanes above the bound":   "$argon2id$v=19$m=1024,t=1,p=256$" + salt + "$" + key,
		"zero time":               "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"zero lanes":              "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"leading zero":            "$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key,
		"sign":                    "$argon2id$v=19$m=+64,t=1,p=1$" + salt + "$" + key,
		"other order":             "$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key,
		"fourth parameter":        "$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + key,
		"no key":                  "$argon2id$v=19$m=64,t=1,p=1$" + salt,
		"empty key":               "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"short key":               "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$AAAA",
		"short salt":              "$argon2id$v=19$m=64,t=1,p=1$AAAA$" + key,
		"long key":                "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 172),
		"very long":               good + strings.Repeat("A", 1000),
		"line end":                good[:len(good)-4] + "\n" + good[len(good)-4:],
		"fifth part":              good + "$x",
	} {
		if ok, _, err := h.Verify(t.Context(), encoded, "password"); ok || !errors.Is(err, secret.ErrFormat) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestNewHasherRefusesCosts(t *testing.T) {
	for name, change := range map[string]func(*secret.HashConfig){
		"no memory":                func(c *secret.HashConfig) { c.Memory = 0 },
		"no time":                  func(c *secret.HashConfig) { c.Time = 0 },
		"no lanes":                 func(c *secret.HashConfig) { c.Parallelism = 0 },
		"memory above bound":       func(c *secret.HashConfig) { c.Memory = c.MaxMemory + 1 },
		"too many lanes":           func(c *secret.HashConfig) { c.Parallelism = 17 },
		"less than 8 KiB per lane": func(c *secret.HashConfig) { c.Memory, c.Parallelism = 64, 9 },
		"no bound":                 func(c *secret.HashConfig) { c.MaxMemory = 0 },
		"negative queue":           func(c *secret.HashConfig) { c.MaxWaiting = -1 },
		"negative memory of":       func(c *secret.HashConfig) { c.Remember = -1 },
		"long memory":              func(c *secret.HashConfig) { c.Remember = 2 * time.Hour },
	} {
		c := cheap()
		change(&c)
		if _, err := secret.NewHasher(c, ring(t, newSecret), newClock().Now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeyedDigest(t *testing.T) {
	value := secret.Random(32)
	before, after, gone := hasher(t, cheap(), oldSecret), hasher(t, cheap(), newSecret, oldSecret), hasher(t, cheap(), newSecret)
	encoded := before.KeyedDigest(value)
	if !strings.HasPrefix(encoded, "$gh-hmac$") || strings.Contains(encoded, value) {
		t.Errorf("encoded as %s", encoded)
	}
	for _, tc := range []struct {
		name            string
		h               *secret.Hasher
		encoded, secret string
		ok, stale       bool
	}{
		{"same key", before, encoded, value, true, false},
		{"key behind a newer one", after, encoded, value, true, true},
		{"key removed", gone, encoded, value, false, false},
		{"other secret", before, encoded, value + "x", false, false},
		{"empty secret", before, encoded, "", false, false},
		{"other text", before, encoded[:len(encoded)-1] + "!", value, false, false},
		{"cut", before, encoded[:len(encoded)-1], value, false, false},
		{"longer", before, encoded + "A", value, false, false},
		{"no key id", before, "$gh-hmac$", value, false, false},
		{"empty", before, "", value, false, false},
		{"without prefix", before, strings.TrimPrefix(encoded, "$gh-hmac$"), value, false, false},
	} {
		if ok, stale := tc.h.MatchKeyed(tc.encoded, tc.secret); ok != tc.ok || stale != tc.stale {
			t.Errorf("%s: %v, stale %v", tc.name, ok, stale)
		}
	}
	if ok, stale, err := after.Verify(t.Context(), encoded, value); !ok || !stale || err != nil {
		t.Errorf("Verify of a keyed digest: %v, %v, %v", ok, stale, err)
	}
}

// TestMemoryForgets: a verified secret is answered without a computation while it is used, and not longer.
func TestMemoryForgets(t *testing.T) {
	c := cheap()
	c.MaxWaiting = 0
	clk := newClock()
	h, err := secret.NewHasher(c, ring(t, newSecret), clk.Now)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), encoded, "password"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	free := h.Exhaust() // from here a computation is refused
	for range 3 {
		clk.Advance(c.Remember - time.Second)
		if ok, _, err := h.Verify(t.Context(), encoded, "password"); !ok || err != nil {
			t.Errorf("while in use: %v, %v", ok, err)
		}
	}
	if _, _, err := h.Verify(t.Context(), encoded, "wrong"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("a wrong password was answered from memory: %v", err)
	}
	clk.Advance(c.Remember)
	if _, _, err := h.Verify(t.Context(), encoded, "password"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("remembered after its time: %v", err)
	}
	free()
	if ok, _, err := h.Verify(t.Context(), encoded, "password"); !ok || err != nil {
		t.Errorf("verified again: %v, %v", ok, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := cheap()
	c.RememberMax = 10
	h := hasher(t, c)
	for i := range 50 {
		password := fmt.Sprint("password ", i)
		encoded, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		if ok, _, err := h.Verify(t.Context(), encoded, password); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if n := h.Remembered(); n > c.RememberMax {
			t.Fatalf("%d secrets remembered", n)
		}
	}
	if h.Remembered() == 0 {
		t.Error("nothing remembered")
	}
}

func TestMemoryOff(t *testing.T) {
	c := cheap()
	c.Remember = 0
	h := hasher(t, c)
	encoded, _ := h.Hash(t.Context(), "password")
	if ok, _, err := h.Verify(t.Context(), encoded, "password"); !ok || err != nil || h.Remembered() != 0 {
		t.Errorf("%v, %v, %d remembered", ok, err, h.Remembered())
	}
}

// TestFloodIsBounded: computations wait for memory, a bounded number of them, and give up with their context.
func TestFloodIsBounded(t *testing.T) {
	c := cheap()
	c.MaxWaiting = 1
	h := hasher(t, c)
	free := h.Exhaust()
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() {
		_, err := h.Hash(ctx, "waits")
		waits <- err
	}()
	for h.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.Hash(t.Context(), "one too many"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("second waiter: %v", err)
	}
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled waiter: %v", err)
	}
	free()
	if _, err := h.Hash(t.Context(), "after the flood"); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// TestVerifyTogether: many that bring the same secret at once cost one computation, and one that gives up does not
// take the others with it.
func TestVerifyTogether(t *testing.T) {
	c := cheap()
	h := hasher(t, c)
	encoded, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	free := h.Exhaust()
	impatient, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, _, err := h.Verify(impatient, encoded, "password")
		gaveUp <- err
	}()
	for h.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if ok, _, err := h.Verify(t.Context(), encoded, "password"); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	if n := h.Waiting(); n != 1 {
		t.Errorf("%d computations wait for one secret", n)
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up: %v", err)
	}
	free()
	wg.Wait()
}

func FuzzStoredHash(f *testing.F) {
	h := hasher(f, cheap())
	encoded, err := h.Hash(f.Context(), "password")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{encoded, "", "$argon2id$v=19$", h.KeyedDigest("x"), "$gh-hmac$$", "$argon2id$v=19$m=,t=,p=$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ok, _, _ := h.Verify(t.Context(), text, "not the password"); ok {
			t.Errorf("%q accepted", text)
		}
	})
}

func BenchmarkVerifyRemembered(b *testing.B) {
	h := hasher(b, cheap())
	encoded, _ := h.Hash(b.Context(), "password")
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, _ := h.Verify(b.Context(), encoded, "password"); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkVerifyKeyed(b *testing.B) {
	h := hasher(b, cheap())
	value := secret.Random(32)
	encoded := h.KeyedDigest(value)
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, _ := h.Verify(b.Context(), encoded, value); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := hasher(b, secret.DefaultHashConfig())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "password"); err != nil {
			b.Fatal(err)
		}
	}
}
