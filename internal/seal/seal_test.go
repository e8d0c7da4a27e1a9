package seal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// From the first value under a secret until the secret is gone.
func TestTheLifeOfASecret(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		old, next := idOf(t, secretA), idOf(t, secretB)
		one := w.begins("one", secretA)
		for n := range 25 {
			one.put(n, fmt.Sprint("value ", n))
		}
		minted := &secret.Tokens{Prefix: "gh", Ring: one.System.For("tokens")}
		token, _ := minted.New("at")
		leave(t, one)

		two := w.begins("two", secretB, secretA)
		if got := two.sealedBy(old); got != 50 {
			t.Errorf("%d values are under the old key, and not 50", got)
		}
		if _, err := two.Retire(testkit.Context(t), old); !w.db.Embedded() && !errors.Is(err, seal.ErrEarly) {
			t.Errorf("a key that made values a moment ago is retired: %v", err)
		}
		w.clock.Advance(time.Minute)
		_, err := two.Retire(testkit.Context(t), old)
		if !errors.Is(err, seal.ErrInUse) || !strings.Contains(err.Error(), "25 in management.identity_credential.config") {
			t.Errorf("a key with values is retired: %v", err)
		}
		if resealed, overtaken, failed := two.resealAll(4); resealed != 50 || overtaken != 0 || failed != nil {
			t.Errorf("%d sealed anew, %d overtaken, %v failed", resealed, overtaken, failed)
		}
		if resealed, _, _ := two.resealAll(4); resealed != 0 {
			t.Errorf("%d sealed anew a second time", resealed)
		}
		if before, after := two.sealedBy(old), two.sealedBy(next); before != 0 || after != 50 {
			t.Errorf("%d and %d values are under the keys", before, after)
		}
		if _, err := two.Retire(testkit.Context(t), next); !errors.Is(err, seal.ErrInUse) {
			t.Errorf("the key in use is retired: %v", err)
		}
		retired, err := two.Retire(testkit.Context(t), old)
		if err != nil || retired.State != seal.Retired || retired.RetiredAt == nil || !retired.Configured {
			t.Fatalf("retired: %+v, %v", retired, err)
		}
		if again, err := two.Retire(testkit.Context(t), old); err != nil || !again.RetiredAt.Equal(*retired.RetiredAt) {
			t.Errorf("retired again: %+v, %v", again, err)
		}
		leave(t, two)

		three := w.begins("three", secretB)
		for n := range 25 {
			if got := three.get(n); got != fmt.Sprint("value ", n) {
				t.Errorf("row %d holds %q", n, got)
			}
		}
		heirs := &secret.Tokens{Prefix: "gh", Ring: three.System.For("tokens")}
		if _, ok := heirs.Check("at", token); !ok {
			t.Error("a token that the retired secret authenticated is not recognized")
		}
		fresh, _ := heirs.New("at")
		if _, ok := minted.Check("at", fresh); ok {
			t.Error("something new was made with a retired secret")
		}
		list, err := three.List(testkit.Context(t))
		if err != nil || len(list.Keys) != 2 || list.Keys[0].State != seal.Making || list.Keys[1].State != seal.Retired || list.Keys[1].Configured {
			t.Errorf("listed: %+v, %v", list, err)
		}
		leave(t, three)

		// A third secret: what the first one left goes with everything else.
		four := w.begins("four", secretC, secretB)
		if resealed, _, failed := four.resealAll(1000); resealed != 52 || failed != nil {
			t.Errorf("%d sealed anew, %v failed", resealed, failed)
		}
		w.clock.Advance(time.Minute)
		if _, err := four.Retire(testkit.Context(t), next); err != nil {
			t.Fatal(err)
		}
		leave(t, four)
		five := w.begins("five", secretC)
		heirs = &secret.Tokens{Prefix: "gh", Ring: five.System.For("tokens")}
		for name, token := range map[string]string{"first": token, "second": fresh} {
			if _, ok := heirs.Check("at", token); !ok {
				t.Errorf("a token of the %s secret is not recognized", name)
			}
		}
		leave(t, five)
		six := w.replica("six", secretA, secretC)
		if err := six.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrRetired) || !strings.Contains(err.Error(), old) {
			t.Errorf("a retired secret is used again: %v", err)
		}
	})
}

func leave(t *testing.T, r *replica) {
	t.Helper()
	if err := r.Leave(testkit.Context(t)); err != nil {
		t.Fatal(err)
	}
}

func TestAServerWithOtherSecretsIsRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		one := w.begins("one", secretA)
		one.put(1, "value")
		leave(t, one)
		for name, secrets := range map[string][]secret.String{"another": {secretB}, "two others": {secretC, secretB}} {
			r := w.replica("two", secrets...)
			for _, err := range []error{r.Inherit(testkit.Context(t)), r.Begin(testkit.Context(t))} {
				if !errors.Is(err, seal.ErrLacks) || !strings.Contains(err.Error(), idOf(t, secretA)) || !strings.Contains(err.Error(), idOf(t, secrets[0])) {
					t.Errorf("%s: %v", name, err)
				}
			}
			leave(t, r)
		}
		leave(t, w.begins("three", secretB, secretA))
		// The one before cannot come back: there may be values that it does not open.
		r := w.replica("four", secretA)
		if err := r.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrLacks) || !strings.Contains(err.Error(), idOf(t, secretB)) {
			t.Errorf("a server without the newest secret: %v", err)
		}
	})
}

// A database of before this package has values and no record of the secrets.
func TestTheFirstStartLooksAtTheValues(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		old := w.replica("old", secretA)
		old.put(1, "value")
		r := w.replica("stranger", secretB)
		if err := r.Ready(); !errors.Is(err, seal.ErrNotBegun) {
			t.Errorf("before it has begun: %v", err)
		}
		if err := r.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrLacks) {
			t.Errorf("a server without the secret of the values: %v", err)
		}
		leave(t, r)
		one := w.begins("one", secretB, secretA, secretC)
		list, err := one.List(testkit.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		for i, used := range []bool{true, true, false} {
			if (list.Keys[i].Since != nil) != used {
				t.Errorf("key %d: %+v", i, list.Keys[i])
			}
		}
		leave(t, one)
		leave(t, w.begins("two", secretB, secretA)) // a secret that was never used can go
		if _, err := one.Retire(testkit.Context(t), idOf(t, secretC)); !errors.Is(err, seal.ErrInUse) {
			t.Errorf("a key that never sealed anything: %v", err)
		}
	})
}

// Of servers that start on an empty database at the same time with different secrets one remains.
func TestTwoInstallationsOnOneDatabase(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		replicas := []*replica{w.replica("a", secretA), w.replica("b", secretB), w.replica("c", secretC)}
		errs := make([]error, len(replicas))
		var wg sync.WaitGroup
		for i, r := range replicas {
			wg.Go(func() { errs[i] = r.Begin(context.WithoutCancel(testkit.Context(t))) })
		}
		wg.Wait()
		began := 0
		for i, err := range errs {
			switch {
			case err == nil:
				began++
			case !errors.Is(err, seal.ErrLacks) && !errors.Is(err, seal.ErrStrangers):
				t.Errorf("%d: %v", i, err)
			}
		}
		if began > 1 {
			t.Errorf("%d of 3 began", began)
		}
	})
}

// Servers are replaced one by one: as long as one runs that lacks the new secret, nobody uses it.
func TestServersAgreeOnASecret(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		if w.db.Embedded() {
			return // there is one server
		}
		before, after := idOf(t, secretA), idOf(t, secretB)
		one, other := w.begins("one", secretA), w.begins("other", secretA)
		two := w.begins("two", secretB, secretA)
		if got := two.System.Making(); got != before {
			t.Fatalf("it makes with %s while others cannot open that", got)
		}
		if _, err := two.Reseal(testkit.Context(t), "", 10, false); !errors.Is(err, seal.ErrWaits) || !strings.Contains(err.Error(), "one, other") {
			t.Errorf("sealing anew under the old key: %v", err)
		}
		leave(t, one)
		// The other one was killed: it says nothing any more.
		w.clock.Advance(30 * time.Second)
		begin(t, two)
		if got := two.System.Making(); got != before {
			t.Fatalf("it makes with %s while another cannot open that", got)
		}
		w.clock.Advance(30 * time.Second)
		begin(t, two)
		if got := two.System.Making(); got != after {
			t.Fatalf("nobody is left, and it makes with %s", got)
		}
		three := w.replica("three", secretA)
		if err := three.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrLacks) {
			t.Errorf("a server without the new secret: %v", err)
		}
		// One that comes back from a long sleep finds out that it must not go on.
		if err := other.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrLacks) || other.Ready() == nil {
			t.Errorf("a server that slept: %v, ready: %v", err, other.Ready())
		}
	})
}

func begin(t *testing.T, r *replica) {
	t.Helper()
	if err := r.Begin(testkit.Context(t)); err != nil {
		t.Fatal(err)
	}
}

// A server runs by whatever clock: who would remove what it has looks whether it says so again. One that was killed does not.
func TestAServerWithAnotherClockRuns(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		if w.db.Embedded() {
			return // there is one server
		}
		running := func(at time.Duration, look time.Duration, want ...string) {
			t.Helper()
			got, err := w.store.Running(testkit.Context(t), w.clock.Now().Add(at), look)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s from the servers' clock %v run, %v; want %v", at, got, err, want)
			}
		}
		running(0, time.Hour) // nobody was ever here: that takes no time
		one := w.begins("one", secretA)
		for _, at := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
			running(at, time.Hour, "one")
		}
		running(time.Minute, time.Millisecond)
		running(-time.Minute, time.Millisecond)
		done := make(chan error, 1)
		ctx, stop := context.WithCancel(testkit.Context(t))
		var beats atomic.Int64
		go func() {
			for wait.For(ctx, 50*time.Millisecond) {
				w.clock.Advance(time.Second)
				if err := one.Begin(context.WithoutCancel(ctx)); err != nil {
					done <- err
					return
				}
				beats.Add(1)
			}
			done <- nil
		}()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		for _, at := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			testkit.Eventually(t, "a server that says so again and again is seen", func() bool {
				before := beats.Load()
				got, err := w.store.Running(testkit.Context(t), w.clock.Now().Add(at), 2*time.Second)
				said := beats.Load() - before
				if err == nil && len(got) == 0 && said < 20 {
					return false // the machine was busy, and the server had not half of its turns: maybe none during the look
				}
				if err != nil || !slices.Equal(got, []string{"one"}) {
					t.Errorf("%s from the servers' clock %v run, %v; want one, which said so %d times", at, got, err, said)
				}
				return true
			})
		}
	})
}

// Servers whose cookie secrets have nothing in common would sign people out at every other request.
func TestCookieSecretsAreCommonToo(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		if w.db.Embedded() {
			return // there is one server
		}
		w.begins("one", secretA)
		two := w.withCookie("two", "another cookie secret of tests", secretA)
		if err := two.Begin(testkit.Context(t)); !errors.Is(err, seal.ErrStrangers) || !strings.Contains(err.Error(), "secrets.cookie") {
			t.Errorf("a server with another cookie secret: %v", err)
		}
	})
}

func TestAKeyThatAServerUsesIsNotRetired(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		if w.db.Embedded() {
			return // there is one server
		}
		one := w.begins("one", secretA, secretB)
		two := w.begins("two", secretB, secretA)
		w.clock.Advance(30 * time.Second)
		begin(t, one)
		begin(t, two)
		_, err := two.Retire(testkit.Context(t), idOf(t, secretA))
		if !errors.Is(err, seal.ErrInUse) || !strings.Contains(err.Error(), "one") {
			t.Errorf("another server makes values with it: %v", err)
		}
		leave(t, one)
		if _, err := two.Retire(testkit.Context(t), idOf(t, secretA)); err != nil {
			t.Errorf("nobody uses it: %v", err)
		}
		if _, err := two.Retire(testkit.Context(t), "none"); !errors.Is(err, seal.ErrNotFound) {
			t.Errorf("a key that there is not: %v", err)
		}
	})
}

// A retirement that was killed between two databases is finished by running it again, and is told once, however many ask for it.
func TestRetiringIsFinishedAndToldOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := testkit.Context(t)
		leave(t, w.begins("one", secretA))
		two := w.begins("two", secretB, secretA)
		w.clock.Advance(time.Minute)
		begin(t, two)
		old := idOf(t, secretA)
		told := func() (n int) {
			t.Helper()
			if err := w.db.QueryRow(ctx, "SELECT COUNT(*) FROM management_activity_outbox WHERE document LIKE ?", "%seal_key.retired%").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := two.Retire(ctx, old); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := told(); n != 1 {
			t.Errorf("it is told %d times", n)
		}
		for table, undone := range map[string]string{
			"management_seal_key":        "UPDATE management_seal_key SET retired_at = NULL, estate = '' WHERE key_id = ?",
			"management_activity_outbox": "DELETE FROM management_activity_outbox WHERE document LIKE '%seal_key.retired%' AND ? <> ''",
		} {
			if _, err := w.db.Exec(ctx, undone, old); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
		if list, err := two.List(ctx); err != nil || list.Keys[1].State != seal.Opening {
			t.Fatalf("half retired it is %+v, %v", list.Keys, err)
		}
		if key, err := two.Retire(ctx, old); err != nil || key.State != seal.Retired || told() != 1 {
			t.Errorf("once more: %+v, %v, told %d times", key, err, told())
		}
	})
}

// Whoever writes while values are sealed anew wins, and nothing is lost.
func TestResealingUnderLoadLosesNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		const rows = 40
		one := w.begins("one", secretA)
		for n := range rows {
			one.put(n, "0")
		}
		leave(t, one)
		two := w.begins("two", secretB, secretA)
		stop := make(chan struct{})
		last := make([]int, rows) // of each row, the last write that was acknowledged
		var wg sync.WaitGroup
		for writer := range 2 {
			wg.Go(func() {
				for round := 1; ; round++ {
					for n := writer; n < rows; n += 2 {
						select {
						case <-stop:
							return
						default:
						}
						key := []string{tenantOf(n), fmt.Sprintf("person-%03d", n), "password"}
						_, err := w.db.Exec(context.WithoutCancel(testkit.Context(t)), `UPDATE identity_credential SET config = ? WHERE tenant_id = ? AND identity_id = ? AND type = ?`,
							two.seal(two.notes, fmt.Sprint(round), key...), key[0], key[1], key[2])
						if err != nil {
							t.Error(err)
							return
						}
						last[n] = round
					}
				}
			})
		}
		for range 5 {
			two.resealAll(7)
		}
		close(stop)
		wg.Wait()
		for n := range rows {
			if got := two.get(n); got != fmt.Sprint(last[n]) {
				t.Errorf("row %d holds %s, and %d was written last", n, got, last[n])
			}
		}
		if left := two.sealedBy(idOf(t, secretA)); left != 0 {
			t.Errorf("%d values are left under the old key", left)
		}
	})
}

// A value that does not open is told and stays; it does not stop the others, and keeps its key.
func TestADamagedValue(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		one := w.begins("one", secretA)
		for n := range 5 {
			one.put(n, "value")
		}
		leave(t, one)
		two := w.begins("two", secretB, secretA)
		damaged := one.seal(one.notes, "of another row", "default", "somebody", "password")
		if _, err := w.db.Exec(testkit.Context(t), `UPDATE identity_credential SET config = ? WHERE tenant_id = ? AND identity_id = ?`, damaged, "default", "person-002"); err != nil {
			t.Fatal(err)
		}
		resealed, _, failed := two.resealAll(1)
		if resealed != 9 || len(failed) != 1 || failed[0].Row != "default/person-002/password" {
			t.Errorf("%d sealed anew, failed: %+v", resealed, failed)
		}
		w.clock.Advance(30 * time.Second)
		if _, err := two.Retire(testkit.Context(t), idOf(t, secretA)); !errors.Is(err, seal.ErrInUse) {
			t.Errorf("the key of the damaged value: %v", err)
		}
	})
}

func TestCursors(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t, "management"))
	one := w.begins("one", secretA)
	for _, after := range []string{"nonsense", "bm9uZQ", "eyJjIjoibWFuYWdlbWVudC5pZGVudGl0eS5uYW1lIn0", "eyJjIjoibWFuYWdlbWVudC5pZGVudGl0eV9jcmVkZW50aWFsLmNvbmZpZyIsImsiOlsiYSJdfQ"} {
		if _, err := one.Reseal(testkit.Context(t), after, 1, false); !errors.Is(err, seal.ErrCursor) {
			t.Errorf("%s: %v", after, err)
		}
	}
}

// Health is asked while the database does not answer.
func TestReadyDoesNotWaitForTheDatabase(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t, "management"))
	r := w.replica("one", secretA)
	begun := make(chan error, 1)
	err := w.db.InTx(testkit.Context(t), func(context.Context, *sqldb.Tx) error {
		before := w.db.Statements()
		go func() { begun <- r.Begin(testkit.Context(t)) }()
		testkit.Eventually(t, "the database is asked", func() bool { return w.db.Statements() != before })
		if err := r.Ready(); !errors.Is(err, seal.ErrNotBegun) {
			t.Error(err)
		}
		return nil
	})
	if err = errors.Join(err, <-begun, r.Ready()); err != nil {
		t.Error(err)
	}
}
