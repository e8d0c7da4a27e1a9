package keys

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// interval is how often Run looks for what is due. Everything that it does is planned in hours and days.
const interval = time.Minute

// Run makes the first keys of every tenant and then keeps the schedule until ctx ends: it makes the next key, lets it
// take over when its time has come, and removes what nobody needs any more. Any number of servers may run it.
func (k *Keys) Run(ctx context.Context) error {
	k.first(ctx)
	// The first pass looks at every set: the configuration may have changed since they were last seen.
	find := k.Store.all
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if k.pass(ctx, find) {
			find = func(ctx context.Context) ([]task, error) { return k.Store.due(ctx, k.Now()) }
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.wakeup:
		}
	}
}

// first makes the keys of tenants that have none: one statement where all have some, however many tenants there are.
func (k *Keys) first(ctx context.Context) {
	if k.Tenants == nil {
		return
	}
	known, err := k.Store.all(ctx)
	if err != nil && ctx.Err() == nil {
		k.Log.ErrorContext(ctx, "signing keys could not be read; the first use makes those that are missing", "error", err)
		return
	}
	has := make(map[tenant.ID]bool, len(known))
	for _, t := range known {
		has[t.tenant] = true
	}
	for _, id := range k.Tenants() {
		if has[id] {
			continue
		}
		if err := k.Ensure(tenant.With(ctx, id)); worthTelling(ctx, err) {
			k.Log.ErrorContext(ctx, "first signing keys could not be made", "tenant", string(id), "error", err)
		}
	}
}

// Step does once what Run does at each tick, for all tenants.
func (k *Keys) Step(ctx context.Context) error {
	tasks, err := k.Store.due(ctx, k.Now())
	if err != nil {
		return err
	}
	return k.settle(ctx, tasks)
}

// pass settles the sets that find names and reports whether all went well.
func (k *Keys) pass(ctx context.Context, find func(context.Context) ([]task, error)) bool {
	tasks, err := find(ctx)
	if err == nil {
		err = k.settle(ctx, tasks)
	}
	if worthTelling(ctx, err) {
		k.Log.ErrorContext(ctx, "signing keys could not be brought up to date; it is tried again within a minute", "error", err)
	}
	return err == nil
}

// worthTelling leaves out what nobody can mend: the end of this server, and writes that somebody holds off, after which the next pass
// does what was due meanwhile, and the first use makes a tenant's first keys.
func worthTelling(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !frozen(err)
}

// settle brings the sets up to date. One that fails does not stop the others; the first failure is returned,
// of those that somebody has to look after if there are any.
func (k *Keys) settle(ctx context.Context, tasks []task) (first error) {
	for _, t := range tasks {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t.due.IsZero() && !k.policy(t.set).managed {
			continue
		}
		if err := k.change(tenant.With(ctx, t.tenant), t.set, nothing, complete); err != nil && (first == nil || frozen(first)) {
			first = err
		}
	}
	return first
}

// wake lets Run look at once.
func (k *Keys) wake() {
	select {
	case k.wakeup <- struct{}{}:
	default:
	}
}

// Rotate lets the set's next key sign at once. It has been published since the last rotation, so nobody has to learn
// it; the key before stays published for the tokens that it signed. Of several calls at the same time one rotates.
func (k *Keys) Rotate(ctx context.Context, set string) error {
	return k.rotate(ctx, set, (*Set).rotate)
}

// RotateEmergency drops every key of the set and signs with a new one at once: what was signed before is invalid, and
// those who keep a copy of the public keys refuse new tokens until they read it again. It is for keys that got into
// the wrong hands.
func (k *Keys) RotateEmergency(ctx context.Context, set string) error {
	return k.rotate(ctx, set, (*Set).replaceAll)
}

type rotation func(s *Set, seen string, p policy, now time.Time, spare *jose.JSONWebKey) (need, error)

func (k *Keys) rotate(ctx context.Context, set string, how rotation) error {
	if k.policy(set).managed {
		if _, err := k.get(ctx, set); err != nil {
			return err
		}
	}
	current, err := k.Store.Load(ctx, set)
	if err != nil {
		return err
	}
	if len(current.Keys) == 0 {
		return ErrNotFound
	}
	active := current.active()
	if active == nil {
		return errNothingToRotate
	}
	return k.rotateFrom(ctx, set, active.ID, how)
}

// rotateFrom rotates unless another key than the one that the caller saw signs by now.
func (k *Keys) rotateFrom(ctx context.Context, set, seen string, how rotation) error {
	return k.change(ctx, set, func(s *Set, p policy, now time.Time, spare *jose.JSONWebKey) (need, error) {
		return how(s, seen, p, now, spare)
	}, complete)
}
