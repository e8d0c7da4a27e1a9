package ruleset

import (
	"context"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

// writers is how many statuses are written at once; how many in a second is the business of --kube-api-qps.
const writers = 16

// Rules is the Source of Rule resources, and writes their statuses.
type Rules struct {
	// Kube writes, and reads from its cache.
	Kube client.Client
	// Events tells people what was done.
	Events events.EventRecorder
	// Now is the clock.
	Now func() time.Time

	wake chan event.GenericEvent

	mu       sync.Mutex
	verdicts map[client.ObjectKey]told
}

// told is the last verdict on a resource, and the generation that it is about.
type told struct {
	Verdict
	generation int64
}

// Kind implements Source.
func (*Rules) Kind() client.Object { return &oathkeeper.Rule{} }

// TenantOf implements Source.
func (*Rules) TenantOf(o client.Object) string {
	if r, ok := o.(*oathkeeper.Rule); ok {
		return r.Spec.Tenant
	}
	return ""
}

// Owns implements Source: what the id of a Rule is made of has no colons.
func (*Rules) Owns(id string) bool { return !strings.Contains(id, ":") }

// Objects implements Source.
func (r *Rules) Objects(ctx context.Context) (all []client.Object, err error) {
	var list oathkeeper.RuleList
	// Nobody changes what is listed, and to copy ten thousand takes longer than to judge them.
	if err := r.Kube.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for n := range list.Items {
		if of := &list.Items[n]; of.DeletionTimestamp == nil {
			all = append(all, of)
		}
	}
	return all, nil
}

// Offers implements Source.
func (*Rules) Offers(o client.Object) []Offer {
	of, ok := o.(*oathkeeper.Rule)
	if !ok {
		return nil
	}
	return []Offer{{Owner: of, Tenant: of.Spec.Tenant, Said: Said(of.Status.Conditions, oathkeeper.Ready, of.Generation), Rule: Translate(of)}}
}

// Tell implements Source: those whose status says something else are written.
func (r *Rules) Tell(ctx context.Context, verdicts []Verdict) {
	for _, v := range verdicts {
		of, ok := v.Offer.Owner.(*oathkeeper.Rule)
		if !ok {
			continue
		}
		if !news(of, v) {
			r.forget(client.ObjectKeyFromObject(of), nil) // an older one that is not written yet
			continue
		}
		r.mu.Lock()
		r.verdicts[client.ObjectKeyFromObject(of)] = told{v, of.Generation}
		r.mu.Unlock()
		select {
		case r.wake <- event.GenericEvent{Object: of}:
		case <-ctx.Done():
			return
		}
	}
}

// news reports whether a verdict is not what the status says.
func news(of *oathkeeper.Rule, v Verdict) bool {
	now := meta.FindStatusCondition(of.Status.Conditions, oathkeeper.Ready)
	if now == nil || now.ObservedGeneration != of.Generation || of.Status.Validation == nil {
		return true
	}
	if v.Reason == ServerUnreachable && now.Reason == string(InForce) {
		return false // whoever led before has sent it
	}
	return now.Reason != string(v.Reason) || now.Message != v.Message
}

// Add implements Runner: statuses are written.
func (r *Rules) Add(m manager.Manager) error {
	r.wake, r.verdicts = make(chan event.GenericEvent), map[client.ObjectKey]told{}
	goes := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetDeletionTimestamp() != nil })
	return builder.ControllerManagedBy(m).Named("rule").
		For(&oathkeeper.Rule{}, builder.WithPredicates(goes)).
		WatchesRawSource(source.Channel(r.wake, &handler.EnqueueRequestForObject{})).
		WithOptions(kube.Pace(writers)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler: it writes the last verdict into a status.
func (r *Rules) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	of := new(oathkeeper.Rule)
	if err := r.Kube.Get(ctx, req.NamespacedName, of); err != nil {
		r.forget(req.NamespacedName, nil)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if of.DeletionTimestamp != nil {
		return ctrl.Result{}, kube.OnRules.TakeOff(ctx, r.Kube, of)
	}
	r.mu.Lock()
	v, ok := r.verdicts[req.NamespacedName]
	r.mu.Unlock()
	if !ok || v.generation != of.Generation { // what it says now is being judged
		return ctrl.Result{}, nil
	}
	if err := r.write(ctx, of, v.Verdict); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.forget(req.NamespacedName, &v)
	return ctrl.Result{}, nil
}

// forget lets go of a verdict; where one is given, of no other.
func (r *Rules) forget(key client.ObjectKey, v *told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.verdicts[key]; v == nil || now.generation == v.generation && now.Reason == v.Reason && now.Message == v.Message {
		delete(r.verdicts, key)
	}
}

// write writes a verdict, and tells of it where somebody should know.
func (r *Rules) write(ctx context.Context, of *oathkeeper.Rule, v Verdict) error {
	before, valid := of.DeepCopy(), v.Reason == InForce
	ready := metav1.Condition{Type: oathkeeper.Ready, Status: metav1.ConditionTrue, Reason: string(v.Reason), Message: v.Message, ObservedGeneration: of.Generation}
	of.Status.ObservedGeneration, of.Status.Validation = of.Generation, &oathkeeper.Validation{Valid: &valid}
	if !valid {
		ready.Status, of.Status.Validation.Error = metav1.ConditionFalse, &v.Message
	}
	first := len(before.Status.Conditions) == 0
	changed := kube.SetCondition(&of.Status.Conditions, ready, r.Now())
	if equality.Semantic.DeepEqual(of.Status, before.Status) {
		return nil
	}
	if err := r.Kube.Status().Patch(ctx, of, client.MergeFrom(before)); err != nil {
		return err
	}
	switch {
	case changed && !valid:
		r.Events.Eventf(of, nil, core.EventTypeWarning, ready.Reason, "Judge", "%s", ready.Message)
	case changed && !first: // ten thousand that are well from the start are no news
		r.Events.Eventf(of, nil, core.EventTypeNormal, ready.Reason, "Judge", "%s", ready.Message)
	}
	return nil
}
