package tenancy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Delete begins to delete a tenant with all that is its own; Erase does it. Of withActivity, its activity log goes too; that of
// tenant.Default stays, for it is the installation's.
func (r *Registry) Delete(ctx context.Context, id tenant.ID, withActivity bool, expects precondition.Func) (*tenant.Tenant, error) {
	err := r.alter(ctx, Erasure{Activity: withActivity}, func(list *tenant.List) (*tenant.Tenant, activity.Event, error) {
		e := activity.Event{Action: activity.TenantCondemned}
		t, err := own(list, id, expects)
		switch {
		case err != nil:
			return nil, e, err
		case t.State == tenant.Deleting || t.State == tenant.Deleted:
			return nil, e, nil
		case len(list.Present()) == 1:
			return nil, e, ErrLast
		case withActivity && id == tenant.Default:
			return nil, e, ErrInvalid.With("activity: the log of the tenant default is the installation's, and stays.")
		}
		next := *t
		next.State, next.Since = tenant.Deleting, time.Time{}
		return &next, e, nil
	})
	if err != nil {
		return nil, err
	}
	return r.Get(id)
}

const (
	// eraseEvery is how often a server looks for deletions that another one has left.
	eraseEvery = 10 * time.Second
	eraseBatch = 1000
	// eraseLease is how long a server that is not heard of keeps others away.
	eraseLease = 20 * time.Second
	// settled is how long after the time at which every server knows that the tenant is served no more a deletion ends at the earliest: what
	// they had begun to do before has come to its end by then.
	settled = 14 * time.Second
)

// Erase deletes the rows of tenants that are to be deleted until ctx ends. Any number of servers may do so: one is at it.
func (r *Registry) Erase(ctx context.Context) error {
	for {
		for _, t := range r.Directory.List().All() {
			if t.State != tenant.Deleting {
				continue
			}
			if err := r.erase(ctx, t); err != nil && ctx.Err() == nil && !waits(err) {
				r.Log.WarnContext(ctx, "a tenant could not be deleted; it is tried again and again", "tenant", string(t.ID), "error", err)
			}
		}
		timer := time.NewTimer(eraseEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-r.condemned:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// erase deletes a tenant, unless another server is at it.
func (r *Registry) erase(ctx context.Context, t *tenant.Tenant) error {
	if err := r.Databases.known(ctx); err != nil {
		return err
	}
	claimed, err := r.Store.claim(ctx, t.ID, r.server, r.lease)
	if err != nil || !claimed {
		return err
	}
	progress, err := r.Store.erasure(ctx, t.ID)
	if err != nil {
		return err
	}
	if progress.Rows == nil {
		progress.Rows = map[string]int64{}
	}
	places, err := r.Databases.places(progress.Activity)
	if err != nil {
		return err
	}
	its := tenant.With(ctx, t.ID)
	for {
		if r.Clear != nil {
			if err := r.Clear(its); err != nil {
				return err
			}
		}
		late := !r.Store.now().Before(t.Since.Add(r.settled)) // asked before the rows are: what comes later has nobody to come from
		deleted, err := r.pass(its, places, progress)
		if err != nil {
			return err
		}
		if deleted == 0 && late {
			break
		}
		if !late && deleted == 0 && !wait.For(ctx, min(r.settled, time.Second)) {
			return ctx.Err()
		}
		if err := r.Store.progress(ctx, t.ID, r.server, progress, r.lease); err != nil {
			return err
		}
	}
	if err := r.Databases.forget(its); err != nil {
		return err
	}
	if err := r.Store.finish(ctx, t, r.server, r.report(t, progress)); err != nil {
		return err
	}
	_, err = r.follow(ctx)
	return err
}

// pass goes through all tables once and says how many rows there were.
func (r *Registry) pass(ctx context.Context, places []place, progress Erasure) (deleted int64, err error) {
	id, _ := tenant.From(ctx)
	for _, p := range places {
		err := r.Databases.erase(ctx, p, r.batch, func(n int64) error {
			deleted += n
			progress.Rows[p.name()] += n
			if r.batched != nil {
				r.batched()
			}
			return r.Store.progress(ctx, id, r.server, progress, r.lease)
		})
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// report is the event of a deletion that has come to its end.
func (r *Registry) report(t *tenant.Tenant, e Erasure) activity.Event {
	detail := map[string]string{"activity": "kept"}
	if e.Activity {
		detail["activity"] = "deleted"
	}
	total := int64(0)
	for _, table := range slices.Sorted(maps.Keys(e.Rows)) {
		total += e.Rows[table]
		detail[table] = strconv.FormatInt(e.Rows[table], 10)
	}
	detail["rows"] = strconv.FormatInt(total, 10)
	return activity.Event{Action: activity.TenantDeleted, Subject: activity.Party{Kind: "tenant", ID: string(t.ID), Name: t.Name}, Detail: detail}
}

// Erasure says how far the deletion of a tenant is.
func (r *Registry) Erasure(ctx context.Context, id tenant.ID) (Erasure, error) {
	return r.Store.erasure(ctx, id)
}
