package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestStore(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		t.Run("a session comes back as it went in", func(t *testing.T) { storeRoundTrip(t, db) })
		t.Run("asking costs one statement, then none", func(t *testing.T) { storeStatements(t, db) })
		t.Run("a renewed session has another token", func(t *testing.T) { storeRenew(t, db) })
		t.Run("of two that renew at once one wins", func(t *testing.T) { storeRenewRace(t, db) })
		t.Run("what has ended is not found", func(t *testing.T) { storeEnded(t, db) })
		t.Run("an identity that changes is seen changed", func(t *testing.T) { storeIdentity(t, db) })
		t.Run("extending", func(t *testing.T) { storeExtend(t, db) })
		t.Run("lists go by key, newest first", func(t *testing.T) { storeLists(t, db) })
		t.Run("in bulk", func(t *testing.T) { storeBulk(t, db) })
		t.Run("tenants do not see each other", func(t *testing.T) { storeTenants(t, db) })
		t.Run("codes are exchanged once", func(t *testing.T) { storeExchange(t, db) })
		t.Run("what is over is swept", func(t *testing.T) { storeSweep(t, db) })
		t.Run("inside a transaction", func(t *testing.T) { storeTransactions(t, db) })
	})
}

func (f *fixture) mustBe(t testing.TB, token string, want error) *session.Session {
	t.Helper()
	s, err := f.store.ByToken(f.ctx, token)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%v, want %v", err, want)
	}
	return s
}

func storeRoundTrip(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	who := f.person(t)
	methods := append(byPassword(), session.AuthMethod{
		Method: "oidc", AAL: "aal1", Provider: "gitlab", Organization: "o", UpstreamACR: "acr", UpstreamAMR: []string{"pwd"},
	})
	made, token := f.store.New(who, methods, session.Client{UserAgent: "Ünï 漢字 🚪 <&>"}, f.clock.Now())
	if err := f.store.Insert(f.ctx, made); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, "gh_st_") {
		t.Errorf("token %s", token)
	}
	got := f.mustBe(t, token, nil)
	if diff := cmp.Diff(made, got, cmpopts.IgnoreUnexported(session.Session{}), cmpopts.IgnoreFields(session.Session{}, "Identity")); diff != "" {
		t.Error(diff)
	}
	if got.Identity.ID != who.ID || string(got.Identity.Traits) == "" || got.Identity.SchemaURL == "" {
		t.Errorf("identity: %+v", got.Identity)
	}
	var stored string
	err := db.QueryRow(f.ctx, `SELECT digest FROM session WHERE tenant_id = :tenant AND id = ?`, made.ID).Scan(&stored)
	if err != nil || stored == token || len(stored) != 43 {
		t.Errorf("what is stored of the token: %q, %v", stored, err)
	}
}

func storeStatements(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	_, token := f.login(t, f.person(t))
	cost := func(want uint64, n int, token string, err error) {
		t.Helper()
		before := db.Statements()
		for range n {
			f.mustBe(t, token, err)
		}
		if got := db.Statements() - before; got != want {
			t.Errorf("%d statements, want %d", got, want)
		}
	}
	cost(1, 1, token, nil)
	cost(0, 100, token, nil)
	forged := []string{"", "gh_st_", token[:len(token)-1] + "!", token + "x", strings.Replace(token, "_st_", "_si_", 1), secret.Random(64)}
	for _, bad := range forged {
		cost(0, 1, bad, session.ErrNoSession)
	}
	_, unknown := f.store.New(&identity.Identity{ID: secret.NewID()}, nil, session.Client{}, f.clock.Now())
	cost(1, 1, unknown, session.ErrNoSession)
}

func storeRenew(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	_, first := f.login(t, f.person(t))
	mine := f.mustBe(t, first, nil)
	f.clock.Advance(time.Hour)
	second := f.store.Renew(mine, mine.Identity, []session.AuthMethod{method("totp", "aal2")}, firefox(), f.clock.Now())
	f.mustBe(t, first, nil)
	f.mustBe(t, second, session.ErrNoSession)
	if err := f.store.Update(f.ctx, mine); err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, first, session.ErrNoSession)
	got := f.mustBe(t, second, nil)
	if got.AAL != "aal2" || got.ID != mine.ID || !got.AuthenticatedAt.Equal(f.clock.Now()) || len(got.Methods) != 2 {
		t.Errorf("%+v", got)
	}
	// Once more, on what was written.
	third := f.store.Renew(got, got.Identity, byPassword(), firefox(), f.clock.Now())
	if err := f.store.Update(f.ctx, got); err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, second, session.ErrNoSession)
	fourth := f.store.Renew(got, got.Identity, byPassword(), firefox(), f.clock.Now()) // of the same value
	fifth := f.store.Renew(got, got.Identity, byPassword(), firefox(), f.clock.Now())
	if err := f.store.Update(f.ctx, got); err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, third, session.ErrNoSession)
	f.mustBe(t, fourth, session.ErrNoSession)
	last := f.mustBe(t, fifth, nil)
	if err := f.store.Revoke(f.ctx, last.ID); err != nil {
		t.Fatal(err)
	}
	f.store.Renew(last, last.Identity, byPassword(), firefox(), f.clock.Now())
	if err := f.store.Update(f.ctx, last); !errors.Is(err, session.ErrNoSession) {
		t.Errorf("renewing what was revoked: %v", err)
	}
}

func storeRenewRace(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	_, token := f.login(t, f.person(t))
	const parallel = 8
	errs, tokens := make([]error, parallel), make([]string, parallel)
	mine := make([]*session.Session, parallel)
	for i := range mine {
		mine[i] = f.mustBe(t, token, nil)
		tokens[i] = f.store.Renew(mine[i], mine[i].Identity, byPassword(), firefox(), f.clock.Now())
	}
	var wg sync.WaitGroup
	for i := range mine {
		wg.Go(func() { errs[i] = f.store.Update(f.ctx, mine[i]) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			f.mustBe(t, tokens[i], nil)
			continue
		}
		if !errors.Is(err, session.ErrNoSession) {
			t.Errorf("a loser got %v", err)
		}
		f.mustBe(t, tokens[i], session.ErrNoSession)
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func storeEnded(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	who := f.person(t)
	one, oneToken := f.login(t, who)
	_, twoToken := f.login(t, who)
	three, threeToken := f.login(t, who)
	for _, token := range []string{oneToken, twoToken, threeToken} {
		f.mustBe(t, token, nil)
	}
	if err := f.store.Revoke(f.ctx, one.ID); err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, oneToken, session.ErrNoSession)
	if err := f.store.Revoke(f.ctx, one.ID); err != nil {
		t.Errorf("revoking again: %v", err)
	}
	if err := f.store.Revoke(f.ctx, secret.NewID()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("revoking none: %v", err)
	}
	if n, err := f.store.RevokeOthers(f.ctx, who.ID, three.ID); n != 1 || err != nil {
		t.Errorf("%d others, %v", n, err)
	}
	f.mustBe(t, twoToken, session.ErrNoSession)
	f.mustBe(t, threeToken, nil)
	for _, id := range []string{three.ID, "a\x00b", "\xff", ""} {
		if err := f.store.RevokeOwn(f.ctx, secret.NewID(), id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	f.mustBe(t, threeToken, nil)
	f.clock.Advance(24*time.Hour - time.Microsecond)
	f.mustBe(t, threeToken, nil)
	f.clock.Advance(time.Microsecond)
	f.mustBe(t, threeToken, session.ErrNoSession)
	_, four := f.login(t, who)
	f.mustBe(t, four, nil)
	if n, err := f.store.RevokeAll(f.ctx, who.ID); n != 2 || err != nil { // and one that has expired
		t.Errorf("%d in all, %v", n, err)
	}
	f.mustBe(t, four, session.ErrNoSession)
}

func storeIdentity(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	who := f.person(t)
	_, token := f.login(t, who)
	f.mustBe(t, token, nil)
	f.changePerson(t, who.ID, "traits", `{"email":"new@example.com"}`)
	if got := f.mustBe(t, token, nil); !strings.Contains(string(got.Identity.Traits), "new@") {
		t.Errorf("traits of before: %s", got.Identity.Traits)
	}
	f.changePerson(t, who.ID, "state", identity.Inactive)
	f.mustBe(t, token, session.ErrNoSession)
	f.changePerson(t, who.ID, "state", identity.Active)
	f.mustBe(t, token, nil)
	err := db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error { return f.store.Forget(ctx, tx, who.ID) })
	if err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, token, session.ErrNoSession)
}

func storeExtend(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, func(c *session.Config) { c.EarliestPossibleExtend = time.Hour })
	testkit.RunFeed(t, f.feed)
	made, token := f.login(t, f.person(t))
	f.mustBe(t, token, nil)
	got, err := f.store.Extend(f.ctx, made.ID)
	if err != nil || !got.ExpiresAt.Equal(made.ExpiresAt) {
		t.Errorf("too early: %v, %v", got, err)
	}
	f.clock.Advance(23 * time.Hour)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := f.store.Extend(f.ctx, made.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := f.mustBe(t, token, nil); !got.ExpiresAt.Equal(f.clock.Now().Add(24 * time.Hour)) {
		t.Errorf("ends at %s", got.ExpiresAt)
	}
	f.clock.Advance(25 * time.Hour)
	if _, err := f.store.Extend(f.ctx, made.ID); !errors.Is(err, session.ErrEnded) {
		t.Errorf("one that has expired: %v", err)
	}
	if _, err := f.store.Extend(f.ctx, secret.NewID()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
}

func storeLists(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	f.ctx = tenant.With(f.ctx, "lists")
	ada, bob := f.person(t), f.person(t)
	var ids []string
	for i := range 6 {
		made, _ := f.login(t, []*identity.Identity{ada, bob}[i%2])
		ids = append(ids, made.ID)
	}
	if err := f.store.Revoke(f.ctx, ids[0]); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, tc := range []struct {
		name   string
		filter session.Filter
		want   []int
	}{
		{"all", session.Filter{Limit: 9}, []int{5, 4, 3, 2, 1, 0}},
		{"a page", session.Filter{Limit: 2, After: ids[4]}, []int{3, 2}},
		{"hers", session.Filter{Limit: 9, IdentityID: ada.ID}, []int{4, 2, 0}},
		{"her active ones", session.Filter{Limit: 9, IdentityID: ada.ID, Active: &yes}, []int{4, 2}},
		{"her others", session.Filter{Limit: 9, IdentityID: ada.ID, Active: &yes, Except: ids[2], People: true, Devices: true}, []int{4}},
		{"those that have ended", session.Filter{Limit: 9, Active: &no}, []int{0}},
		{"nobody's", session.Filter{Limit: 9, IdentityID: "x"}, nil},
	} {
		list, err := f.store.List(f.ctx, tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, s := range list {
			for i, id := range ids {
				if id == s.ID {
					got = append(got, i)
				}
			}
			if (s.Identity != nil) != tc.filter.People || (s.Devices != nil) != tc.filter.Devices || s.Active != (s.ID != ids[0]) {
				t.Errorf("%s: %+v", tc.name, s)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if n, err := f.store.Count(f.ctx, tc.filter); err != nil || tc.filter.After == "" && n != int64(len(tc.want)) {
			t.Errorf("%s: %d, %v", tc.name, n, err)
		}
	}
	f.clock.Advance(25 * time.Hour)
	if list, err := f.store.List(f.ctx, session.Filter{Limit: 9, Active: &no}); err != nil || len(list) != 6 || list[0].Active {
		t.Errorf("after they expired: %v, %v", list, err)
	}
}

func storeBulk(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	f.ctx = tenant.With(f.ctx, "bulk")
	ada, bob := f.person(t), f.person(t)
	a1, a1Token := f.login(t, ada)
	_, a2Token := f.login(t, ada)
	_, b1Token := f.login(t, bob)
	f.mustBe(t, a1Token, nil)
	f.mustBe(t, b1Token, nil)
	manage := func(b session.Bulk, want int) {
		t.Helper()
		n, more, err := f.store.Manage(f.ctx, b)
		if n != want || more || err != nil {
			t.Errorf("%d, %t, %v, want %d", n, more, err, want)
		}
	}
	manage(session.Bulk{Sessions: []string{a1.ID, secret.NewID()}}, 1)
	f.mustBe(t, a1Token, session.ErrNoSession)
	f.mustBe(t, a2Token, nil)
	manage(session.Bulk{Identities: []string{ada.ID}}, 1) // one had ended already
	f.mustBe(t, a2Token, session.ErrNoSession)
	f.mustBe(t, b1Token, nil)
	manage(session.Bulk{Everybody: true}, 1)
	f.mustBe(t, b1Token, session.ErrNoSession)
	manage(session.Bulk{Everybody: true}, 0)
	manage(session.Bulk{Sessions: []string{a1.ID}, Delete: true}, 1)
	manage(session.Bulk{Identities: []string{ada.ID}, Delete: true}, 1)
	manage(session.Bulk{Everybody: true, Delete: true}, 1)
	if n, err := f.store.Count(f.ctx, session.Filter{}); n != 0 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
}

func storeTenants(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	who := f.person(t)
	made, token := f.login(t, who)
	f.mustBe(t, token, nil)
	f.ctx = tenant.With(f.ctx, "other")
	f.mustBe(t, token, session.ErrNoSession)
	if err := f.store.Revoke(f.ctx, made.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("revoked by another tenant: %v", err)
	}
	if n, err := f.store.RevokeAll(f.ctx, who.ID); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if list, err := f.store.List(f.ctx, session.Filter{Limit: 10}); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := f.store.ByToken(t.Context(), token); err == nil {
		t.Error("a context without a tenant was answered")
	}
	f.ctx = tenant.With(f.ctx, tenant.Default)
	f.mustBe(t, token, nil)
}

func storeExchange(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	initCode, returnCode, err := f.exchanges.New(f.ctx, "flow-1")
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(a, b string, want error) (string, error) {
		t.Helper()
		_, token, err := f.exchanges.Exchange(f.ctx, a, b)
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		return token, err
	}
	_, err = exchange(initCode, returnCode, session.ErrNoExchange)
	if pending, ok := errors.AsType[*session.Pending](err); !ok || pending.FlowID != "flow-1" {
		t.Errorf("before the flow ended: %v", err)
	}
	made, token := f.login(t, f.person(t))
	if err := f.exchanges.Finish(f.ctx, "flow-1", made.ID); err != nil {
		t.Fatal(err)
	}
	if err := f.exchanges.Finish(f.ctx, "flow-1", secret.NewID()); err != nil {
		t.Error(err) // and it changes nothing
	}
	otherInit, otherReturn, err := f.exchanges.New(f.ctx, "flow-2")
	if err != nil {
		t.Fatal(err)
	}
	before := db.Statements()
	for _, bad := range [][2]string{{"", ""}, {initCode, initCode}, {returnCode, initCode}, {"x", returnCode}, {initCode, initCode + "x"}} {
		_, _ = exchange(bad[0], bad[1], session.ErrNoExchange)
	}
	if n := db.Statements() - before; n != 0 {
		t.Errorf("%d statements for codes that are made up", n)
	}
	_, _ = exchange(initCode, otherReturn, session.ErrNoExchange)
	_, _ = exchange(otherInit, returnCode, session.ErrNoExchange)

	const parallel = 10
	tokens, errs := make([]string, parallel), make([]error, parallel)
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() { _, tokens[i], errs[i] = f.exchanges.Exchange(f.ctx, initCode, returnCode) })
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			if got := f.mustBe(t, tokens[i], nil); got.ID != made.ID {
				t.Errorf("another session: %s", got.ID)
			}
		} else if !errors.Is(err, session.ErrExchanged) {
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won", won, parallel)
	}
	f.mustBe(t, token, session.ErrNoSession) // the token that nobody had is no more
	f.clock.Advance(time.Hour)
	if err := f.exchanges.Finish(f.ctx, "flow-2", made.ID); err != nil {
		t.Fatal(err)
	}
	_, _ = exchange(otherInit, otherReturn, session.ErrNoExchange) // too late
	thirdInit, thirdReturn, err := f.exchanges.New(f.ctx, "flow-3")
	if err != nil {
		t.Fatal(err)
	}
	disabled := f.person(t, func(v map[string]any) { v["state"] = identity.Inactive })
	theirs, _ := f.login(t, disabled)
	if err := f.exchanges.Finish(f.ctx, "flow-3", theirs.ID); err != nil {
		t.Fatal(err)
	}
	_, _ = exchange(thirdInit, thirdReturn, session.ErrNoSession)
}

func storeSweep(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db, func(c *session.Config) { c.KeepEnded = time.Hour })
	f.ctx = tenant.With(f.ctx, "sweep")
	f.clock.Advance(-240 * time.Hour)
	start := f.clock.Now()
	who := f.person(t)
	for i := range 5 {
		f.login(t, who)
		if _, _, err := f.exchanges.New(f.ctx, fmt.Sprint("sweep-", i)); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Minute)
	}
	sweep := func(after time.Duration, batch, want int) {
		t.Helper()
		if n, err := f.store.Sweep(t.Context(), start.Add(after), batch); n != want || err != nil {
			t.Errorf("after %s: %d, %v, want %d", after, n, err, want)
		}
	}
	sweep(59*time.Minute, 10, 0)
	sweep(61*time.Minute+time.Second, 10, 2) // exchanges
	sweep(24*time.Hour, 10, 3)
	sweep(25*time.Hour-time.Second, 10, 0)
	sweep(25*time.Hour+3*time.Minute, 3, 3)
	sweep(25*time.Hour+3*time.Minute, 3, 1)
	if n, err := f.store.Count(f.ctx, session.Filter{}); n != 1 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
	sweep(26*time.Hour, 10, 1)
}

func storeTransactions(t *testing.T, db *sqldb.DB) {
	f := newFixture(t, db)
	testkit.RunFeed(t, f.feed)
	who := f.person(t)
	old, oldToken := f.login(t, who)
	mine := f.mustBe(t, oldToken, nil)
	_, thirdToken := f.login(t, who)
	made, token := f.store.New(who, byPassword(), firefox(), f.clock.Now())
	renewed := f.store.Renew(mine, mine.Identity, byPassword(), firefox(), f.clock.Now())
	boom := errors.New("boom")
	work := func(end error) error {
		return db.InTx(f.ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := f.store.InsertIn(ctx, tx, made); err != nil {
				return err
			}
			if err := f.store.UpdateIn(ctx, tx, mine); err != nil {
				return err
			}
			n, err := f.store.RevokeAllIn(ctx, tx, who.ID, made.ID, old.ID)
			if err == nil && n != 1 {
				t.Errorf("%d revoked", n)
			}
			return errors.Join(err, end)
		})
	}
	if err := work(boom); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	f.mustBe(t, oldToken, nil)
	f.mustBe(t, thirdToken, nil)
	f.mustBe(t, token, session.ErrNoSession)
	if err := work(nil); err != nil {
		t.Fatal(err)
	}
	f.mustBe(t, oldToken, session.ErrNoSession)
	f.mustBe(t, thirdToken, session.ErrNoSession)
	f.mustBe(t, token, nil)
	f.mustBe(t, renewed, nil)
}
