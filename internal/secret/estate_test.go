package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// What a retired secret leaves recognizes what it authenticated for the purposes that were named, and does nothing else.
func TestEstate(t *testing.T) {
	before, after := ring(t, oldSecret), ring(t, newSecret)
	left, err := before.Bequeath(before.Making(), "tokens", "hashes")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := before.For("tokens").Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := after.Inherit(left); err != nil {
		t.Fatal(err)
	}
	if got := after.For("tokens").KeyIDs(); len(got) != 1 {
		t.Errorf("an inherited key is named: %v", got)
	}
	for _, sub := range []string{"", "inner"} { // the keys of a purpose's purposes come with it
		old, heir := before.For("tokens"), after.For("tokens")
		if sub != "" {
			old, heir = old.For(sub), heir.For(sub)
		}
		minted, checks := &secret.Tokens{Prefix: "gh", Ring: old}, &secret.Tokens{Prefix: "gh", Ring: heir}
		token, digest := minted.New("at")
		if got, ok := checks.Check("at", token); !ok || got != digest {
			t.Errorf("%q: a token is not recognized", sub)
		}
		if !heir.VerifyMAC([]byte("data"), old.MAC([]byte("data"))) {
			t.Errorf("%q: a MAC is not recognized", sub)
		}
		if fresh, _ := checks.New("at"); func() bool { _, ok := minted.Check("at", fresh); return ok }() {
			t.Errorf("%q: something was made with the retired secret", sub)
		}
	}
	if _, err := after.For("tokens").Open(sealed, nil); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("the retired secret opens: %v", err)
	}
	if after.For("other").VerifyMAC([]byte("data"), before.For("other").MAC([]byte("data"))) {
		t.Error("a purpose that was not named is recognized")
	}
	if after.Lead(before.Making()) || after.Knows(before.Fingerprint()) {
		t.Error("the retired secret counts as one of the ring's")
	}
	if _, err := after.Bequeath(before.Making(), "tokens"); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("what was inherited is left on: %v", err)
	}
	for _, damaged := range []string{"", "[]x", `[{"purpose":"tokens","root":"AAAA"}]`} {
		if err := after.Inherit([]byte(damaged)); err == nil {
			t.Errorf("%q is taken", damaged)
		}
	}
}

// Client secrets that were generated under a retired secret are good, and stale.
func TestEstateOfDigests(t *testing.T) {
	hasher := func(r *secret.Ring) *secret.Hasher {
		t.Helper()
		h, err := secret.NewHasher(secret.DefaultHashConfig(), r.For("hashes"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before, after := ring(t, oldSecret), ring(t, newSecret)
	left, err := before.Bequeath(before.Making(), "hashes")
	if err != nil {
		t.Fatal(err)
	}
	if err := after.Inherit(left); err != nil {
		t.Fatal(err)
	}
	old, heir := hasher(before), hasher(after)
	encoded := old.KeyedDigest("a generated secret")
	if !strings.HasPrefix(encoded, old.DigestMarks()[0]) || len(heir.DigestMarks()) != 1 {
		t.Errorf("marks: %v and %v", old.DigestMarks(), heir.DigestMarks())
	}
	if ok, stale, err := heir.Verify(context.Background(), encoded, "a generated secret"); !ok || !stale || err != nil {
		t.Errorf("ok %v, stale %v, %v", ok, stale, err)
	}
	if ok, _, _ := heir.Verify(context.Background(), encoded, "another"); ok {
		t.Error("another secret is right")
	}
}

// The key that makes is chosen for the rings of all purposes at once, those that were derived before too.
func TestLead(t *testing.T) {
	r := ring(t, newSecret, oldSecret)
	sub, ids := r.For("purpose"), r.KeyIDs()
	first, err := sub.Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Lead(ids[1]) || r.Making() != ids[1] || r.Lead("none") || r.Making() != ids[1] {
		t.Fatalf("it makes with %s", r.Making())
	}
	if sub.Making() != sub.KeyIDs()[1] || !sub.Stale(first) || r.Fingerprint() != ring(t, oldSecret).Fingerprint() {
		t.Error("the ring of a purpose makes with another key")
	}
	second, err := sub.Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []string{first, second} {
		if plain, err := sub.Open(sealed, nil); err != nil || string(plain) != "plain" {
			t.Errorf("%q, %v", plain, err)
		}
	}
	if fingerprint, ok := r.FingerprintOf(ids[0]); !ok || !r.Knows(fingerprint) || fingerprint == r.Fingerprint() {
		t.Error("the fingerprint of the other key")
	}
	if _, ok := r.FingerprintOf("none"); ok {
		t.Error("a key that there is not has a fingerprint")
	}
}

func TestColumnReseal(t *testing.T) {
	before, both := ring(t, oldSecret), ring(t, newSecret, oldSecret)
	column := func(r *secret.Ring) secret.Column {
		return secret.Column{Database: "oauth", Table: "t", Name: "c", Key: []string{"tenant_id", "id"}, Ring: r,
			Binding: func(key []string) []byte { return []byte(strings.Join(key, " ")) }}
	}
	key := []string{"default", "1"}
	sealed, err := before.Seal([]byte("plain"), []byte("default 1"))
	if err != nil {
		t.Fatal(err)
	}
	c := column(both)
	fresh, err := c.Reseal(sealed, key)
	if err != nil || both.Stale(fresh) {
		t.Fatalf("sealed anew: %v", err)
	}
	if again, err := c.Reseal(fresh, key); again != fresh || err != nil {
		t.Errorf("what is right already is changed: %v", err)
	}
	if plain, err := both.Open(fresh, []byte("default 1")); err != nil || string(plain) != "plain" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := c.Reseal(sealed, []string{"default", "2"}); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("the value of another row: %v", err)
	}
	if _, err := column(ring(t, newSecret)).Reseal(sealed, key); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("the value of an unknown key: %v", err)
	}
	if c.String() != "oauth.t.c" || (secret.Digests{Database: "oauth", Table: "t", Name: "d"}).String() != "oauth.t.d" {
		t.Error("names")
	}
}
