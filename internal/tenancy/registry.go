package tenancy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Options are what a Registry works with.
type Options struct {
	// Store keeps tenants.
	Store *Store
	// Directory is what the server asks on every request.
	Directory *tenant.Directory
	// HTTPS says that issuers must begin with https://.
	HTTPS bool
	// Check says what else is wrong with settings; nil finds nothing.
	Check func(s tenant.Settings) error
	// Prepare makes what a new tenant needs before its first request, in its context. Where it fails, that is made with the first
	// request. Nil does nothing.
	Prepare func(ctx context.Context) error
	// Databases have the rows of tenants, which Erase deletes.
	Databases Databases
	// Clear deletes of the context's tenant what is remembered by others than the change feed's subscribers; nil has nothing.
	Clear func(ctx context.Context) error
	// Staleness is for how long a server that is cut off believes what it remembers.
	Staleness time.Duration
	// Log is told what an operator should know.
	Log *slog.Logger
}

// Registry has the tenants that are stored, and keeps the directory true to them.
type Registry struct {
	Options

	wake      chan struct{}
	condemned chan struct{} // a tenant is to be deleted
	server    string        // names this one among those that delete
	lease     time.Duration
	settled   time.Duration
	batch     int
	batched   func() // tests are told of each batch; nil tells nobody

	mu   sync.Mutex // one reading at a time
	last *stored    // what was read last; nil before
}

// New returns a registry that has read nothing yet.
func New(o Options) *Registry {
	r := &Registry{
		Options: o, wake: make(chan struct{}, 1), condemned: make(chan struct{}, 1), server: secret.NewID(),
		lease: eraseLease, settled: settled + o.Staleness, batch: eraseBatch,
	}
	o.Store.watch(func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	})
	return r
}

// Open reads the tenants before anything is served.
func (r *Registry) Open(ctx context.Context) error {
	if _, err := r.follow(ctx); err != nil {
		return err
	}
	for _, row := range r.last.rows {
		if shadowed := r.shadowed(&row.Tenant); shadowed != "" && row.State != tenant.Deleted {
			r.Log.WarnContext(ctx, "the configuration takes something from a tenant that was made by the admin API", "tenant", string(row.ID), "what", shadowed)
		}
	}
	return nil
}

// shadowed says what of a stored tenant the configuration has given to another one.
func (r *Registry) shadowed(t *tenant.Tenant) string {
	if r.Directory.Declared(t.ID) {
		return "its id: what is stored counts for nothing"
	}
	list := r.Directory.List()
	for _, h := range t.Hosts {
		if found := list.Find(h, "").Tenant; found != nil && found.ID != t.ID {
			return fmt.Sprintf("its host %s, which is tenant %s's", h, found.ID)
		}
	}
	return ""
}

// Run follows changes until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	return wait.Follow(ctx, r.wake, func(ctx context.Context) error {
		_, err := r.follow(ctx) // it fails where there is no schema yet, or no database
		return err
	})
}

// follow reads what is stored into the directory.
func (r *Registry) follow(ctx context.Context) (*stored, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, err := r.Store.load(ctx)
	if err != nil {
		return nil, err
	}
	tenants := make([]tenant.Tenant, len(all.rows))
	for i := range all.rows {
		tenants[i] = all.rows[i].Tenant
	}
	r.Directory.Set(tenants)
	r.last = all
	if slices.ContainsFunc(tenants, func(t tenant.Tenant) bool { return t.State == tenant.Deleting }) {
		select {
		case r.condemned <- struct{}{}:
		default:
		}
	}
	return all, nil
}

// attempts is how often a change begins anew because others were faster.
const attempts = 50

// alter changes tenants by decide, which gets all of them as they are and returns one as it shall be, with what to tell the log;
// nil for no change. It may be called several times. erased is stored with it.
func (r *Registry) alter(ctx context.Context, erased Erasure, decide func(list *tenant.List) (*tenant.Tenant, activity.Event, error)) error {
	for range attempts {
		all, err := r.follow(ctx)
		if err != nil {
			return err
		}
		next, event, err := decide(r.Directory.List())
		if err != nil || next == nil {
			return err
		}
		next.Source, next.Changed = tenant.Registered, r.Store.now()
		next.Version++
		if next.Created.IsZero() {
			next.Created = next.Changed
		}
		if next.Since.IsZero() {
			next.Since = next.Changed
		}
		event.Subject = activity.Party{Kind: "tenant", ID: string(next.ID), Name: next.Name}
		done, err := r.Store.write(ctx, all.revision, next, erased, event)
		if err != nil {
			return err
		}
		if done {
			_, err = r.follow(ctx)
			return err
		}
	}
	return errors.New("tenancy: others change tenants faster than this server can")
}

// Create makes a tenant. The id of one that was deleted is only given again with reuse.
func (r *Registry) Create(ctx context.Context, d Draft, reuse bool) (*tenant.Tenant, error) {
	if err := r.check(&d); err != nil {
		return nil, err
	}
	err := r.alter(ctx, Erasure{}, func(list *tenant.List) (*tenant.Tenant, activity.Event, error) {
		next := &tenant.Tenant{ID: d.ID, State: tenant.Active}
		switch t := list.Get(d.ID); {
		case t == nil:
		case t.Source == tenant.Configured:
			return nil, activity.Event{}, ErrTaken.Withf("id: %q is a tenant of the configuration.", d.ID)
		case t.State != tenant.Deleted:
			return nil, activity.Event{}, ErrTaken.Withf("id: there is a tenant %q already (%s).", d.ID, t.State)
		case !reuse:
			return nil, activity.Event{}, ErrTaken.Withf("id: %q was a tenant that is deleted. What was meant for it must not reach another by mistake: take another id, or say reuse.", d.ID)
		default:
			next.Version = t.Version
		}
		d.put(next)
		return next, changed(activity.TenantCreated, nil, d), d.collides(list)
	})
	if err != nil {
		return nil, err
	}
	if r.Prepare != nil {
		if err := r.Prepare(tenant.With(ctx, d.ID)); err != nil {
			r.Log.WarnContext(ctx, "the keys of a new tenant could not be made; its first request makes them", "tenant", string(d.ID), "error", err)
		}
	}
	return r.Get(d.ID)
}

func (r *Registry) check(d *Draft) error {
	if err := d.check(r.HTTPS); err != nil {
		return err
	}
	if r.Check == nil {
		return nil
	}
	if err := r.Check(d.Settings); err != nil {
		return ErrInvalid.With("settings." + err.Error())
	}
	return nil
}

// put writes a draft onto a tenant.
func (d Draft) put(t *tenant.Tenant) {
	t.Name, t.Hosts, t.Prefix, t.Settings = d.Name, d.Hosts, d.Prefix, d.Settings
	if t.Hosts == nil {
		t.Hosts = []string{}
	}
}

// changed is the event of a change.
func changed(action activity.Action, before any, after Draft) activity.Event {
	e := activity.Event{Action: action}
	e.Before, e.After = activity.Diff(before, after)
	return e
}

// Get returns a tenant, also one that is deleted.
func (r *Registry) Get(id tenant.ID) (*tenant.Tenant, error) {
	t := r.Directory.List().Get(id)
	if t == nil {
		return nil, ErrUnknown
	}
	return t, nil
}

// own returns a tenant of which the API may change something.
func own(list *tenant.List, id tenant.ID, expects precondition.Func) (*tenant.Tenant, error) {
	t := list.Get(id)
	switch {
	case t == nil:
		return nil, ErrUnknown
	case t.Source == tenant.Configured:
		return nil, ErrConfigured
	}
	if !expects.Met(etag(t)) {
		return nil, ErrStale
	}
	return t, nil
}

// Update changes a tenant by a merge patch of its draft.
func (r *Registry) Update(ctx context.Context, id tenant.ID, patch []byte, expects precondition.Func) (*tenant.Tenant, error) {
	err := r.alter(ctx, Erasure{}, func(list *tenant.List) (*tenant.Tenant, activity.Event, error) {
		t, err := own(list, id, expects)
		if err != nil {
			return nil, activity.Event{}, err
		}
		if t.State != tenant.Active && t.State != tenant.Suspended {
			return nil, activity.Event{}, ErrState.Withf("The tenant is %s.", t.State)
		}
		before := draft(t)
		d, err := before.patched(patch)
		if err != nil {
			return nil, activity.Event{}, err
		}
		if err := r.check(&d); err != nil {
			return nil, activity.Event{}, err
		}
		if d.same(before) {
			return nil, activity.Event{}, nil
		}
		next := *t
		d.put(&next)
		return &next, changed(activity.TenantUpdated, before, d), d.collides(list)
	})
	if err != nil {
		return nil, err
	}
	return r.Get(id)
}

// move brings a tenant into a state from one of those given; one that is in it already is left as it is.
func (r *Registry) move(ctx context.Context, id tenant.ID, to tenant.State, e activity.Event, expects precondition.Func, from ...tenant.State) (*tenant.Tenant, error) {
	err := r.alter(ctx, Erasure{}, func(list *tenant.List) (*tenant.Tenant, activity.Event, error) {
		t, err := own(list, id, expects)
		switch {
		case err != nil:
			return nil, e, err
		case t.State == to:
			return nil, e, nil
		case !slices.Contains(from, t.State):
			return nil, e, ErrState.Withf("The tenant is %s.", t.State)
		}
		next := *t
		next.State, next.Since = to, time.Time{}
		return &next, e, nil
	})
	if err != nil {
		return nil, err
	}
	return r.Get(id)
}

// Suspend has nothing of a tenant served any more, in this server before it returns.
func (r *Registry) Suspend(ctx context.Context, id tenant.ID, reason string, expects precondition.Func) (*tenant.Tenant, error) {
	e := activity.Event{Action: activity.TenantSuspended}
	if reason != "" {
		e.Detail = map[string]string{"reason": reason}
	}
	return r.move(ctx, id, tenant.Suspended, e, expects, tenant.Active)
}

// Resume has a tenant served again.
func (r *Registry) Resume(ctx context.Context, id tenant.ID, expects precondition.Func) (*tenant.Tenant, error) {
	return r.move(ctx, id, tenant.Active, activity.Event{Action: activity.TenantResumed}, expects, tenant.Suspended)
}
