package apirule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-iam/gatehouse/internal/kube"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

const (
	// workers is how many APIRules are reconciled at once.
	workers = 8
	// lookPeriod is how often a kind of routes is looked for that the cluster does not have.
	lookPeriod = 5 * time.Second
)

// Caches says what of routes is kept in memory: beside the gateway, what is there and nothing else.
func (o *Options) Caches() map[client.Object]cache.ByObject {
	all := map[client.Object]cache.ByObject{}
	for _, kind := range o.Route.kinds() {
		if beside(kind) {
			all[empty(kind)] = cache.ByObject{Namespaces: map[string]cache.Config{o.GatewayNamespace(): {}}}
		}
	}
	return all
}

func empty(kind schema.GroupVersionKind) *unstructured.Unstructured {
	u := new(unstructured.Unstructured)
	u.SetGroupVersionKind(kind)
	return u
}

// Add implements ruleset.Runner: it has the manager run the controller.
func (c *Controller) Add(m manager.Manager) error {
	if err := metrics.Registry.Register(kube.ByReady{Name: "gatehouse_controller_apirules", Kind: "APIRule", Conditions: c.conditions}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	made, err := builder.ControllerManagedBy(m).
		Named("apirule").
		// What the controller writes into a status is no news to it.
		For(&gateway.APIRule{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(c.verdicts.wakes)).
		WithOptions(kube.Pace(workers)).
		Build(c)
	if err != nil {
		return err
	}
	return m.Add(&finder{Controller: c, manager: m, controller: made})
}

// watches are the kinds of routes that are watched.
type watches struct {
	mu  sync.Mutex
	are map[schema.GroupVersionKind]bool
}

func (w *watches) add(kind schema.GroupVersionKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.are == nil {
		w.are = map[schema.GroupVersionKind]bool{}
	}
	w.are[kind] = true
}

func (w *watches) has(kind schema.GroupVersionKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.are[kind]
}

// missing is a kind that the route needs and that is not watched; empty when all are.
func (w *watches) missing(r Route) string {
	for _, kind := range r.kinds() {
		if !w.has(kind) {
			return kind.Kind + " (" + kind.GroupVersion().String() + ")"
		}
	}
	return ""
}

// finder watches the kinds of routes as soon as the cluster has them.
type finder struct {
	*Controller

	manager    manager.Manager
	controller controller.Controller
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: who does not reconcile need not watch.
func (f *finder) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (f *finder) Start(ctx context.Context) error {
	tick := time.NewTicker(lookPeriod)
	defer tick.Stop()
	for told := false; ; {
		err := f.look()
		if err == nil {
			return f.wakeAll(ctx)
		}
		if !told || !meta.IsNoMatchError(err) {
			f.Log.Warn("routes cannot be made yet", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look begins to watch the kinds that are there.
func (f *finder) look() error {
	var missing []error
	for _, kind := range f.Options.Route.kinds() {
		if f.watches.has(kind) {
			continue
		}
		if _, err := f.manager.GetRESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err != nil {
			missing = append(missing, err)
			continue
		}
		// Of what is changed, as it was and as it is.
		concerned := handler.TypedEnqueueRequestsFromMapFunc(f.concerned)
		if err := f.controller.Watch(source.Kind(f.manager.GetCache(), empty(kind), concerned)); err != nil {
			return err
		}
		f.watches.add(kind)
	}
	return errors.Join(missing...)
}

// concerned are the APIRule that an object belongs to, and those that wait for a host that it has, or had. Beside the gateway there are
// objects of all namespaces, also of those that another controller watches.
func (c *Controller) concerned(ctx context.Context, o *unstructured.Unstructured) (all []reconcile.Request) {
	key, ok := owner(o)
	if ok && (len(c.Namespaces) == 0 || slices.Contains(c.Namespaces, key.Namespace)) {
		all = append(all, reconcile.Request{NamespacedName: key})
	}
	if o.GetKind() != virtualServiceKind.Kind {
		return all
	}
	var list gateway.APIRuleList
	if err := c.Kube.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return all // they are looked at every minute anyway
	}
	for i := range list.Items {
		of := &list.Items[i]
		ready := meta.FindStatusCondition(of.Status.Conditions, gateway.Ready)
		if ready != nil && ready.Reason == reasonOccupied && hasHost(o, of.Status.Host) {
			all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(of)})
		}
	}
	return all
}

// wakeAll has all APIRules looked at again.
func (f *finder) wakeAll(ctx context.Context) error {
	var list gateway.APIRuleList
	if err := f.Kube.List(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		f.verdicts.wake(client.ObjectKeyFromObject(&list.Items[i]))
	}
	return nil
}

// conditions are those of all APIRules.
func (c *Controller) conditions() (all [][]metav1.Condition, err error) {
	var list gateway.APIRuleList
	err = c.Kube.List(context.Background(), &list, client.UnsafeDisableDeepCopy)
	for i := range list.Items {
		all = append(all, list.Items[i].Status.Conditions)
	}
	return all, err
}
