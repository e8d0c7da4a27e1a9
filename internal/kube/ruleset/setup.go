package ruleset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
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
	// askEvery is how often a cluster is asked for a kind of resource that it does not have.
	askEvery = 5 * time.Second
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
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for told := false; ; told = true {
		err := s.Serves(ctx, one.Kind())
		if err == nil {
			break
		}
		if !told {
			s.Log.Info("access rules wait for their resource", "reason", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
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
	if s.listed == nil {
		s.listed = map[int]bool{}
	}
	s.listed[n] = true
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

// Served makes Sets.Serves for a cluster. It asks what anybody may ask, so it takes no right.
func Served(m manager.Manager) (func(ctx context.Context, of client.Object) error, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(rest.CopyConfig(m.GetConfig()), m.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, of client.Object) error {
		kind, err := apiutil.GVKForObject(of, m.GetScheme())
		if err != nil {
			return err
		}
		list, err := d.ServerResourcesForGroupVersion(kind.GroupVersion().String())
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("asking the cluster for the resource %s: %w", kind.Kind, err)
		}
		if list != nil {
			for _, r := range list.APIResources {
				if r.Kind != kind.Kind {
					continue
				}
				if slices.Contains(r.Verbs, "create") {
					return nil
				}
				return fmt.Errorf("the definition of the resource %s is being deleted", kind.Kind) // nothing more can be created of it
			}
		}
		return errors.New("the cluster does not know the resource " + kind.Kind + ": apply deploy/crds")
	}, nil
}
