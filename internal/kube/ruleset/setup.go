package ruleset

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

const (
	// gather is how long changes are gathered that are sent together.
	gather = 100 * time.Millisecond
	// tenantsAtOnce is how many sets are made at the same time.
	tenantsAtOnce = 4
)

// Add has the manager run the controller of all sets. A source is watched as soon as the cluster has its kind.
func (s *Sets) Add(m manager.Manager) (err error) {
	s.Config.Set = cmp.Or(s.Config.Set, NameOf(s.Config.Namespaces))
	if s.figures, err = newFigures(metrics.Registry); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	wakes := make(chan event.GenericEvent)
	made, err := builder.ControllerManagedBy(m).Named("ruleset").
		WatchesRawSource(source.Channel(wakes, handler.Funcs{GenericFunc: func(_ context.Context, _ event.GenericEvent, q queue) {
			// Tenants without a single resource too: there may have been some while nobody watched.
			q.Add(requestOf(""))
			for tenant := range s.Tenants {
				q.Add(requestOf(tenant))
			}
		}})).
		WithOptions(kube.Pace(tenantsAtOnce)).
		Build(s)
	if err != nil {
		return err
	}
	for n := range s.Sources {
		// A function is run by the leader alone.
		if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error { return s.follow(ctx, m, made, n, wakes) })); err != nil {
			return err
		}
	}
	return nil
}

// follow begins to watch a source when the cluster has its kind. A cluster without it is one where nobody wants such rules, and no
// reason to stop.
func (s *Sets) follow(ctx context.Context, m manager.Manager, by controller.Controller, n int, wakes chan<- event.GenericEvent) error {
	one := s.Sources[n]
	waits := func(reason error) { s.Log.Info("access rules wait for their resource", "reason", reason) }
	if !kube.Await(ctx, s.Serves, one.Kind(), waits) {
		return nil
	}
	if runs, ok := one.(Runner); ok {
		if err := runs.Add(m); err != nil {
			return err
		}
	}
	// What is written into a status is no news.
	if err := by.Watch(source.Kind(m.GetCache(), one.Kind(), s.notice(one.TenantOf), predicate.GenerationChangedPredicate{})); err != nil {
		return err
	}
	s.mu.Lock()
	if s.watched == nil {
		s.watched = map[int]*inventory{}
	}
	s.watched[n] = new(inventory)
	s.mu.Unlock()
	select {
	case wakes <- event.GenericEvent{Object: one.Kind()}:
	case <-ctx.Done():
	}
	return nil
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func requestOf(tenant string) (r reconcile.Request) {
	r.Name = cmp.Or(tenant, ownTenant)
	return r
}

// notice has the set of the tenant made anew that an object names, and of the one that it named before.
func (s *Sets) notice(tenantOf func(client.Object) string) handler.EventHandler {
	add := func(q queue, o client.Object) { q.AddAfter(requestOf(s.setOf(tenantOf(o))), gather) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			add(q, e.ObjectOld)
			add(q, e.ObjectNew)
		},
		DeleteFunc:  func(_ context.Context, e event.DeleteEvent, q queue) { add(q, e.Object) },
		GenericFunc: func(_ context.Context, e event.GenericEvent, q queue) { add(q, e.Object) },
	}
}
