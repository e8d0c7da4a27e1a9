package apirule

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

const (
	// cacheWait bounds the first read of a kind, whose objects are listed then: without the right to, that never ends.
	cacheWait = 20 * time.Second
	// retryOccupied is how often it is looked whether a host is free.
	retryOccupied = time.Minute
)

// owner is the APIRule that an object belongs to.
func owner(o client.Object) (types.NamespacedName, bool) {
	if by := metav1.GetControllerOf(o); by != nil {
		group, _, _ := strings.Cut(by.APIVersion, "/")
		return types.NamespacedName{Namespace: o.GetNamespace(), Name: by.Name}, by.Kind == "APIRule" && group == gateway.GroupVersion.Group
	}
	namespace, name, ok := strings.Cut(o.GetAnnotations()[ownerKey], "/")
	return types.NamespacedName{Namespace: namespace, Name: name}, ok && o.GetLabels()[managedLabel] == managedBy
}

// belongs reports whether an object is of an APIRule: beside it by its owner, beside the gateway, where nobody else may write, by what is
// written on it.
func belongs(o *unstructured.Unstructured, key types.NamespacedName) bool {
	by, ok := owner(o)
	return ok && by == key && (metav1.GetControllerOf(o) != nil || beside(o.GroupVersionKind()))
}

// children are the objects of an APIRule, of the kinds that are made now.
func (c *Controller) children(ctx context.Context, key types.NamespacedName) (all []*unstructured.Unstructured, err error) {
	ctx, cancel := context.WithTimeout(ctx, cacheWait)
	defer cancel()
	for _, kind := range c.Options.Route.kinds() {
		found, err := c.labelled(ctx, c.Cache, kind, key)
		if err != nil {
			return nil, &failure{reason: reasonRouteFailed, message: fmt.Sprintf("objects of kind %s cannot be read: %v", kind.Kind, err), cause: err}
		}
		all = append(all, found...)
	}
	return all, nil
}

// labelled are the objects of one kind that belong to an APIRule.
func (c *Controller) labelled(ctx context.Context, from client.Reader, kind schema.GroupVersionKind, key types.NamespacedName) (all []*unstructured.Unstructured, err error) {
	namespace := key.Namespace
	if beside(kind) {
		namespace = c.Options.GatewayNamespace()
	}
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err = from.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{ownerLabel: labelOf(key.Namespace, key.Name)})
	for i := range list.Items {
		if belongs(&list.Items[i], key) {
			all = append(all, &list.Items[i])
		}
	}
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, err
}

// apply makes the objects what they shall be, and removes those that are too many.
func (c *Controller) apply(ctx context.Context, of *gateway.APIRule, outcome Outcome, there []*unstructured.Unstructured) error {
	for _, want := range outcome.Routes {
		at := slices.IndexFunc(there, func(o *unstructured.Unstructured) bool { return o.GetKind() == want.GetKind() })
		if at < 0 {
			if err := c.make(ctx, of, outcome, want); err != nil {
				return err
			}
			continue
		}
		// Under whatever name it has: Kyma's API Gateway lets the API server choose one.
		want.SetName(there[at].GetName())
		if err := c.repair(ctx, of, outcome, there[at], want); err != nil {
			return err
		}
		there = slices.Delete(there, at, at+1)
	}
	for _, o := range there {
		if err := c.discard(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// make makes an object that is not there, or takes one that is but for its label.
func (c *Controller) make(ctx context.Context, of *gateway.APIRule, outcome Outcome, want *unstructured.Unstructured) error {
	there := new(unstructured.Unstructured)
	there.SetGroupVersionKind(want.GroupVersionKind())
	err := c.Live.Get(ctx, client.ObjectKeyFromObject(want), there)
	switch {
	case err == nil && belongs(there, client.ObjectKeyFromObject(of)):
		return c.repair(ctx, of, outcome, there, want)
	case err == nil:
		return &failure{reason: reasonRouteFailed, again: retryOccupied, message: title(want) + " exists and is not of this APIRule: remove it, or name the APIRule otherwise"}
	case !apierrors.IsNotFound(err):
		return explain(want, err)
	}
	if err := c.free(ctx, of, outcome.Host); err != nil {
		return err
	}
	if err := c.Kube.Create(ctx, want.DeepCopy()); err != nil {
		return explain(want, err)
	}
	c.say(of, "RouteMade", "Make", "%s was made", title(want))
	return nil
}

// repair makes an object what it shall be.
func (c *Controller) repair(ctx context.Context, of *gateway.APIRule, outcome Outcome, there, want *unstructured.Unstructured) error {
	if !hasHost(there, outcome.Host) {
		if err := c.free(ctx, of, outcome.Host); err != nil {
			return err
		}
	}
	next := there.DeepCopy()
	next.Object["spec"] = want.DeepCopy().Object["spec"]
	next.SetLabels(over(there.GetLabels(), want.GetLabels()))
	next.SetAnnotations(over(there.GetAnnotations(), want.GetAnnotations()))
	if owners := want.GetOwnerReferences(); len(owners) > 0 {
		next.SetOwnerReferences(owners)
	}
	changed, err := c.update(ctx, there, next)
	if changed {
		c.say(of, "RouteChanged", "Repair", "%s is as described", title(want))
	}
	return err
}

// update writes an object if it is another one than what is there, and reports whether it is then.
func (c *Controller) update(ctx context.Context, there, next *unstructured.Unstructured) (changed bool, err error) {
	if equality.Semantic.DeepEqual(there.Object, next.Object) {
		return false, nil
	}
	if err := c.Kube.Update(ctx, next); err != nil {
		return false, explain(next, err)
	}
	return next.GetResourceVersion() != there.GetResourceVersion(), nil
}

func over(there, want map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, there)
	maps.Copy(all, want)
	return all
}

// discard removes an object as it was read.
func (c *Controller) discard(ctx context.Context, o *unstructured.Unstructured) error {
	uid := o.GetUID()
	err := c.Kube.Delete(ctx, o, client.Preconditions{UID: &uid})
	if err = client.IgnoreNotFound(err); err != nil {
		return explain(o, err)
	}
	return nil
}

// sweep removes all objects of an APIRule, of the kinds that are made now.
func (c *Controller) sweep(ctx context.Context, key types.NamespacedName) error {
	if c.watches.missing(c.Options.Route) != "" {
		return nil // of a kind that is not there, there is nothing
	}
	there, err := c.children(ctx, key)
	if err != nil {
		return err
	}
	for _, o := range there {
		if err := c.discard(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// record notes what the route is now, and removes what was made while the controller was to make routes of another kind.
func (c *Controller) record(ctx context.Context, of *gateway.APIRule, now *gateway.RouteReference) error {
	if last := of.Status.Route; last != nil && routeOf(last.Kind) != c.Options.Route {
		if err := c.removeFormer(ctx, of, last); err != nil {
			return &failure{reason: reasonRouteFailed, cause: err, message: fmt.Sprintf(
				"%s %s/%s was made before and cannot be removed: %v. Give the controller its rights on that kind once more, or remove it by hand",
				last.Kind, last.Namespace, last.Name, err)}
		}
	}
	of.Status.Route = now
	return nil
}

func (c *Controller) removeFormer(ctx context.Context, of *gateway.APIRule, last *gateway.RouteReference) error {
	for _, kind := range routeOf(last.Kind).kinds() {
		there, err := c.labelled(ctx, c.Live, kind, client.ObjectKeyFromObject(of))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue // the cluster has no such kind any more
		}
		if err != nil {
			return err
		}
		for _, o := range there {
			if err := c.discard(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// free reports whether no other VirtualService has the host: which of two decides is not said anywhere.
func (c *Controller) free(ctx context.Context, of *gateway.APIRule, host string) error {
	if c.Options.Route != VirtualService {
		return nil
	}
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(virtualServiceKind.GroupVersion().WithKind(virtualServiceKind.Kind + "List"))
	if err := c.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if hasHost(o, host) && !belongs(o, client.ObjectKeyFromObject(of)) {
			return &failure{reason: reasonOccupied, again: retryOccupied, message: fmt.Sprintf(
				"host %s is taken by VirtualService %s/%s: choose another, or remove that", host, o.GetNamespace(), o.GetName())}
		}
	}
	return nil
}

// hasHost reports whether a VirtualService has the host.
func hasHost(o *unstructured.Unstructured, host string) bool {
	hosts, _, err := unstructured.NestedStringSlice(o.Object, "spec", "hosts")
	return err == nil && slices.Contains(hosts, host)
}

func title(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// explain says what an error of the API server means for the APIRule.
func explain(o *unstructured.Unstructured, err error) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return err
	}
	f := &failure{reason: reasonRouteFailed, message: fmt.Sprintf("%s cannot be written: %v", title(o), err), cause: err}
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) { // until the APIRule is changed, or what the cluster accepts
		f.cause, f.again = nil, retryOccupied
	}
	return f
}

func (c *Controller) say(of *gateway.APIRule, reason, action, format string, args ...any) {
	c.Events.Eventf(of, nil, core.EventTypeNormal, reason, action, format, args...)
}
