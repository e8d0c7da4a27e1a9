package keys

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Options are what Keys works with.
type Options struct {
	// Store keeps the keys.
	Store *Store
	// Config says which keys there are.
	Config Config
	// Tenants gives those that get their keys when the server starts, if they have none; keys of others are made when they are
	// first needed. Nil gives none.
	Tenants func() []tenant.ID
	// LongestToken is the longest lifetime of a token that is signed; no key goes before that long after its last use.
	LongestToken time.Duration
	// Now is the clock, in UTC and whole microseconds.
	Now func() time.Time
	// Log gets one line for each thing that happens to a key, with its id and set. Nil drops them.
	Log *slog.Logger
}

// Keys signs and verifies with the keys of the tenant that the context names. It may be used by many goroutines.
type Keys struct {
	Options

	shelf     shelf
	loads     wait.Flight[*snapshot]
	documents documents
	wakeup    chan struct{}
}

// New returns the keys of a store. Sets are read, and the first keys made, when they are first needed or by Run.
func New(o Options) *Keys {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{Options: o, wakeup: make(chan struct{}, 1)}
	k.shelf.init()
	o.Store.watch(k.drop)
	return k
}

// Sign returns the compact JWS (RFC 7515 §7.1) of the marshalled claims, signed by the set's active key. typ is the
// header of that name, TypeJWT or TypeAccessToken. There is no statement and no JSON on the way as long as the set is
// in memory.
func (k *Keys) Sign(ctx context.Context, set, typ string, claims []byte) (string, error) {
	s, err := k.get(ctx, set)
	if err != nil {
		return "", err
	}
	if s.signer == nil {
		return "", ErrNotFound.Withf("The set %q has no key that signs.", set)
	}
	return s.signer.sign(typ, claims)
}

// Alg returns the algorithm that Sign uses now, as the header `alg` names it.
func (k *Keys) Alg(ctx context.Context, set string) string {
	if s, err := k.get(ctx, set); err == nil && s.signer != nil {
		return s.signer.algorithm.name
	}
	own, _ := k.Config.set(set)
	return own.Algorithm
}

// SigningKey returns the id (kid) of the key that Sign uses now, for those who keep what was signed and must not keep it when the
// key changes. It is as cheap as a look into memory.
func (k *Keys) SigningKey(ctx context.Context, set string) (string, error) {
	s, err := k.get(ctx, set)
	if err != nil {
		return "", err
	}
	if s.signer == nil {
		return "", ErrNotFound.Withf("The set %q has no key that signs.", set)
	}
	return s.signer.kid, nil
}

// Algs returns the algorithms of the keys that sign now or next, without repetition: what discovery should promise.
func (k *Keys) Algs(ctx context.Context, set string) []string {
	s, err := k.get(ctx, set)
	if err != nil {
		own, _ := k.Config.set(set)
		return []string{own.Algorithm}
	}
	return s.algs
}

// Public returns the public keys of the sets that are published, those that sign first. Symmetric keys are left out.
func (k *Keys) Public(ctx context.Context) (jose.JSONWebKeySet, error) {
	d, err := k.document(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	return jose.JSONWebKeySet{Keys: slices.Clone(d.keys)}, nil
}

// Ensure makes the keys that sets of the context's tenant cannot sign without. It returns when each has one.
func (k *Keys) Ensure(ctx context.Context) error {
	var wg sync.WaitGroup
	sets := k.Config.managed()
	errs := make([]error, len(sets))
	for i, set := range sets {
		wg.Go(func() { _, errs[i] = k.get(ctx, set) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// maxBlind is how old a set in memory may be while changes made by other servers are not heard of.
const maxBlind = time.Second

// get returns the set from memory, else from the store. The first key of a set that Gatehouse rotates is made here if
// it is missing, and everyone who needs it waits for it: an answer without it would be wrong.
func (k *Keys) get(ctx context.Context, set string) (*snapshot, error) {
	id, ok := tenant.From(ctx)
	if !ok {
		return nil, errNoTenant
	}
	key := place{id, set}
	if s := k.shelf.get(key); s != nil && (s.followed && k.Store.fresh() || k.Now().Sub(s.loaded) < maxBlind) {
		return s, nil
	}
	s, err := k.loads.Do(ctx, flight(key), func(ctx context.Context) (*snapshot, error) {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		return k.load(ctx, key)
	})
	if err != nil && ctx.Err() != nil {
		return nil, fault.From(ctx.Err())
	}
	return s, err
}

const loadTimeout = 20 * time.Second

func flight(p place) string { return string(p.tenant) + " " + p.set }

// load reads a set. Where it had to be changed first it is read again, so that a change by somebody else that came
// between is not missed.
func (k *Keys) load(ctx context.Context, key place) (*snapshot, error) {
	for {
		since, at, followed := k.shelf.now(key), k.Now(), k.Store.fresh()
		set, err := k.Store.Load(ctx, key.set)
		if err != nil {
			return nil, err
		}
		if k.policy(key.set).managed && set.active() == nil {
			if err := k.change(ctx, key.set, nothing, onlyVital); err != nil {
				return nil, err
			}
			continue
		}
		s, err := newSnapshot(set)
		if err != nil {
			return nil, err
		}
		s.loaded, s.followed = at, followed
		k.shelf.put(key, s, since)
		return s, nil
	}
}

func (k *Keys) policy(set string) policy { return k.Config.policy(set, k.LongestToken) }

// operation changes a set in memory. It may be called several times for one change, each time on a set as the store
// has it; a key that it cannot do without it asks for.
type operation func(s *Set, p policy, now time.Time, spare *jose.JSONWebKey) (need, error)

func nothing(*Set, policy, time.Time, *jose.JSONWebKey) (need, error) { return need{}, nil }

var errMissingKey = errors.New("a key must be generated first")

// Whether change makes the key that is next as well, or leaves that to the schedule, for which nobody waits.
const (
	onlyVital = false
	complete  = true
)

// change performs the operation, settles the set and writes it. Keys are generated outside of the transaction: RSA
// takes its time, and nobody else should wait for it.
func (k *Keys) change(ctx context.Context, name string, op operation, whole bool) error {
	p := k.policy(name)
	var spare *jose.JSONWebKey
	for {
		var before, after Set
		var missing need
		now := k.Now()
		err := k.Store.change(ctx, name, p, now, func(s *Set) error {
			before = s.clone()
			var err error
			if missing, err = op(s, p, now, spare); err != nil {
				return err
			}
			if !missing.vital {
				missing = s.settle(p, now, unused(spare, s))
			}
			if missing.vital {
				return errMissingKey
			}
			after = s.clone()
			return nil
		})
		switch {
		case err == nil:
			k.report(ctx, &before, &after)
			if missing.algorithm == "" {
				return nil
			}
			if !whole {
				k.wake()
				return nil
			}
			op = nothing
		case !errors.Is(err, errMissingKey):
			return err
		}
		if spare, err = k.generate(missing.algorithm); err != nil {
			return err
		}
	}
}

// unused returns the spare key unless the set has it by now.
func unused(spare *jose.JSONWebKey, s *Set) *jose.JSONWebKey {
	if spare != nil && s.find(spare.KeyID) >= 0 {
		return nil
	}
	return spare
}

// generate makes a key of Gatehouse's own.
func (k *Keys) generate(alg string) (*jose.JSONWebKey, error) {
	key, err := newJWK(secret.NewID(), alg, useSignature, k.Config.RSABits)
	return &key, err
}

func newJWK(kid, alg, use string, rsaBits int) (jose.JSONWebKey, error) {
	a := algorithms[alg]
	if a == nil {
		return jose.JSONWebKey{}, errInvalid.Withf("alg: %q is not one of %s.", alg, names(false))
	}
	key, err := a.generate(rsaBits)
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: use}, err
}

// report logs what happened to the keys of a set: ids and states, never material.
func (k *Keys) report(ctx context.Context, before, after *Set) {
	id, _ := tenant.From(ctx)
	say := func(event string, key *Key) {
		k.Log.InfoContext(ctx, "signing key", "event", event, "tenant", string(id), "set", after.Name, "kid", key.ID, "alg", key.Algorithm,
			"state", string(key.State), "origin", string(key.Origin))
	}
	for i := range after.Keys {
		key := &after.Keys[i]
		switch j := before.find(key.ID); {
		case j < 0:
			say("added", key)
		case before.Keys[j].State != key.State:
			say("changed state", key)
		case before.Keys[j].sealed != key.sealed:
			say("replaced", key)
		}
	}
	for i := range before.Keys {
		if key := &before.Keys[i]; after.find(key.ID) < 0 {
			say("removed", key)
		}
	}
}
