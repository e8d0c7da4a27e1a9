package keys

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var testPolicy = policy{
	managed: true, algorithm: "ES256", rotateEvery: 90 * 24 * time.Hour, publishAhead: 24 * time.Hour, keepRetired: 30 * 24 * time.Hour,
}

// life is a set that goes through time.
type life struct {
	t    *testing.T
	set  Set
	p    policy
	now  time.Time
	made int
}

func newLife(t *testing.T) *life {
	return &life{t: t, p: testPolicy, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// jwk makes the key that the set needs; its id tells the order in which keys were made.
func (l *life) jwk(alg string) *jose.JSONWebKey {
	l.t.Helper()
	l.made++
	k, err := newJWK(fmt.Sprintf("k%d", l.made), alg, useSignature, 2048)
	if err != nil {
		l.t.Fatal(err)
	}
	return &k
}

// settle does what the schedule does.
func (l *life) settle() {
	l.t.Helper()
	var spare *jose.JSONWebKey
	for range 5 {
		missing := l.set.settle(l.p, l.now, spare)
		if missing.algorithm == "" {
			return
		}
		spare = l.jwk(missing.algorithm)
	}
	l.t.Fatal("the set does not come to rest")
}

func (l *life) after(d time.Duration) {
	l.t.Helper()
	l.now = l.now.Add(d)
	l.settle()
}

// is compares the keys with "id state alg" lines, newest first.
func (l *life) is(want ...string) {
	l.t.Helper()
	var got []string
	for _, k := range l.set.Keys {
		line := k.ID + " " + string(k.State) + " " + k.Algorithm
		if k.State == Retired && !isPrivate(k.jwk) {
			line += " public"
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Fatalf("at %s the set is (-want +got):\n%s", l.now, diff)
	}
}

func TestFirstKeySignsAtOnceAndTheNextIsPublished(t *testing.T) {
	l := newLife(t)
	if missing := l.set.settle(l.p, l.now, nil); missing != (need{algorithm: "ES256", vital: true}) {
		t.Fatalf("an empty set needs %+v", missing)
	}
	if due := l.set.due(l.p, l.now); !due.Equal(l.now) {
		t.Errorf("an empty set is due at %s", due)
	}
	l.settle()
	l.is("k2 scheduled ES256", "k1 active ES256")
	if due, want := l.set.due(l.p, l.now), l.now.Add(l.p.rotateEvery); !due.Equal(want) {
		t.Errorf("next due at %s, want %s", due, want)
	}
}

func TestRotationOnSchedule(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.after(l.p.rotateEvery - time.Microsecond)
	l.is("k2 scheduled ES256", "k1 active ES256")
	l.after(time.Microsecond)
	l.is("k3 scheduled ES256", "k2 active ES256", "k1 retired ES256 public")
	l.after(l.p.keepRetired - time.Microsecond)
	l.is("k3 scheduled ES256", "k2 active ES256", "k1 retired ES256 public")
	if due := l.set.due(l.p, l.now); !due.Equal(l.now.Add(time.Microsecond)) {
		t.Errorf("the retired key goes at %s", due)
	}
	l.after(time.Microsecond)
	l.is("k3 scheduled ES256", "k2 active ES256")
}

// When the next key was made late, for example because no server ran, it is published for long enough all the same.
func TestNextKeyIsAlwaysPublishedAhead(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.set.remove("k2")
	l.after(2 * l.p.rotateEvery)
	l.is("k3 scheduled ES256", "k1 active ES256")
	l.after(l.p.publishAhead - time.Microsecond)
	l.is("k3 scheduled ES256", "k1 active ES256")
	l.after(time.Microsecond)
	l.is("k4 scheduled ES256", "k3 active ES256", "k1 retired ES256 public")
}

func TestAlgorithmChangedInTheConfiguration(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.p.algorithm = "EdDSA"
	l.after(time.Hour)
	l.is("k3 scheduled EdDSA", "k2 scheduled ES256", "k1 active ES256")
	l.after(l.p.publishAhead)
	l.is("k4 scheduled EdDSA", "k3 active EdDSA", "k1 retired ES256 public")
}

// While old and new servers run side by side they disagree about the algorithm. That must not fill the set with keys.
func TestServersThatDisagreeDoNoHarm(t *testing.T) {
	l := newLife(t)
	l.settle()
	for i := range 10 {
		l.p.algorithm = []string{"EdDSA", "ES256"}[i%2]
		l.after(time.Minute)
	}
	l.is("k3 scheduled EdDSA", "k2 scheduled ES256", "k1 active ES256")
}

func TestOperatorsKeyIsPublishedBeforeItSigns(t *testing.T) {
	l := newLife(t)
	l.settle()
	own := *l.jwk("RS256")
	l.set.put(own, l.p, l.now.Add(time.Second))
	l.after(time.Hour)
	l.is("k3 scheduled RS256", "k2 scheduled ES256", "k1 active ES256")
	l.after(l.p.publishAhead)
	l.is("k4 scheduled RS256", "k3 active RS256", "k1 retired ES256 public")

	// The operator's word stands until the configuration changes.
	l.after(l.p.rotateEvery)
	l.is("k5 scheduled RS256", "k4 active RS256", "k3 retired RS256")
	l.p.algorithm = "EdDSA"
	l.after(0)
	l.is("k6 scheduled EdDSA", "k5 scheduled RS256", "k4 active RS256", "k3 retired RS256")
}

func TestTheLaterOfTwoOperatorsKeysSigns(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.set.put(*l.jwk("ES256"), l.p, l.now.Add(time.Hour))
	l.set.put(*l.jwk("ES256"), l.p, l.now.Add(2*time.Hour))
	l.after(3*time.Hour + l.p.publishAhead)
	l.is("k4 active ES256", "k3 retired ES256", "k2 scheduled ES256", "k1 retired ES256 public")
	l.after(24 * time.Hour)
	l.is("k4 active ES256", "k3 retired ES256", "k2 scheduled ES256", "k1 retired ES256 public")
}

func TestDeletingTheActiveKeyLetsTheNextSign(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.set.remove("k1")
	l.settle()
	l.is("k3 scheduled ES256", "k2 active ES256")
	l.set.Keys = nil
	l.settle()
	l.is("k5 scheduled ES256", "k4 active ES256")
}

func TestRotateNow(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.now = l.now.Add(time.Hour)
	if missing, err := l.set.rotate("k1", l.p, l.now, nil); err != nil || missing.vital {
		t.Fatal(missing, err)
	}
	l.settle()
	l.is("k3 scheduled ES256", "k2 active ES256", "k1 retired ES256 public")

	// Somebody who still saw k1 signing comes too late.
	if _, err := l.set.rotate("k1", l.p, l.now, nil); err != nil {
		t.Fatal(err)
	}
	l.is("k3 scheduled ES256", "k2 active ES256", "k1 retired ES256 public")

	// Without a next key one is made, rather than none promoted.
	l.set.remove("k3")
	missing, err := l.set.rotate("k2", l.p, l.now, nil)
	if err != nil || missing != (need{algorithm: "ES256", vital: true}) {
		t.Fatal(missing, err)
	}
	if missing, err = l.set.rotate("k2", l.p, l.now, l.jwk("ES256")); err != nil || missing.vital {
		t.Fatal(missing, err)
	}
	l.is("k4 active ES256", "k2 retired ES256 public", "k1 retired ES256 public")
}

func TestRotateInAnEmergency(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.after(l.p.rotateEvery)
	if _, err := l.set.replaceAll("k2", l.p, l.now, l.jwk("ES256")); err != nil {
		t.Fatal(err)
	}
	l.is("k4 active ES256")
	if _, err := l.set.replaceAll("k2", l.p, l.now, l.jwk("ES256")); err != nil {
		t.Fatal(err)
	}
	l.settle()
	l.is("k6 scheduled ES256", "k4 active ES256")
}

func TestRotateASetThatTheOperatorKeeps(t *testing.T) {
	l := newLife(t)
	l.p = policy{keepRetired: time.Hour}
	if _, err := l.set.rotate("", l.p, l.now, nil); !errors.Is(err, errNothingToRotate) {
		t.Errorf("an empty set: %v", err)
	}
	l.set.put(*l.jwk("ES384"), l.p, l.now)
	missing, err := l.set.rotate("k1", l.p, l.now, nil)
	if err != nil || missing != (need{algorithm: "ES384", vital: true}) {
		t.Fatal(missing, err)
	}
	if _, err := l.set.rotate("k1", l.p, l.now.Add(time.Second), l.jwk("ES384")); err != nil {
		t.Fatal(err)
	}
	l.is("k2 active ES384", "k1 active ES384")
	if l.set.active().ID != "k2" {
		t.Error("the newest key does not sign")
	}
	if _, err := l.set.replaceAll("k2", l.p, l.now, l.jwk("ES384")); err != nil {
		t.Fatal(err)
	}
	l.after(1000 * time.Hour)
	l.is("k3 active ES384")
	if due := l.set.due(l.p, l.now); !due.IsZero() {
		t.Errorf("a set that is not rotated is due at %s", due)
	}
}

func TestReplaceTakesOverAnotherServersKeys(t *testing.T) {
	l := newLife(t)
	l.settle()
	newest, older := *l.jwk("RS256"), *l.jwk("ES256")
	public := l.jwk("EdDSA").Public()
	l.set.replace([]jose.JSONWebKey{public, newest, older}, l.p, l.now)
	l.settle()
	l.is("k6 scheduled RS256", "k5 retired EdDSA public", "k3 active RS256", "k4 retired ES256")
}

func TestReplaceByWhatWasReadChangesNothing(t *testing.T) {
	l := newLife(t)
	l.settle()
	l.after(l.p.rotateEvery)
	before := l.set.clone()
	l.set.replace(l.set.jwks().Keys, l.p, l.now.Add(time.Hour))
	l.settle()
	for i := range before.Keys {
		if before.Keys[i].row() != l.set.Keys[i].row() {
			t.Errorf("key %s changed", before.Keys[i].ID)
		}
	}

	// One more key in the list is one more key in the set.
	list := append([]jose.JSONWebKey{*l.jwk("ES256")}, l.set.jwks().Keys...)
	l.now = l.now.Add(time.Hour)
	l.set.replace(list, l.p, l.now)
	l.settle()
	l.is("k4 scheduled ES256", "k3 scheduled ES256", "k2 active ES256", "k1 retired ES256 public")
}

func TestPutUnderAnIDThatIsThere(t *testing.T) {
	l := newLife(t)
	l.settle()
	active := l.set.active().jwk
	l.set.put(active, l.p, l.now.Add(time.Hour))
	l.is("k2 scheduled ES256", "k1 active ES256")

	other := *l.jwk("ES256")
	other.KeyID = "k1"
	l.set.put(other, l.p, l.now.Add(time.Hour))
	l.is("k1 active ES256", "k2 scheduled ES256")
	if !same(l.set.active().jwk, other) {
		t.Error("the new key does not sign")
	}

	// The active key replaced by its public half cannot sign: the next one takes over.
	l.set.put(other.Public(), l.p, l.now.Add(2*time.Hour))
	l.settle()
	l.is("k1 retired ES256 public", "k4 scheduled ES256", "k2 active ES256")
}

func TestSetThatBecomesRotated(t *testing.T) {
	l := newLife(t)
	kept := policy{keepRetired: time.Hour}
	l.set.put(*l.jwk("ES256"), kept, l.now)
	l.set.put(*l.jwk("ES256"), kept, l.now.Add(time.Second))
	l.now = l.now.Add(time.Minute)
	l.settle()
	l.is("k3 scheduled ES256", "k2 active ES256", "k1 retired ES256")
}
