package apirule

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// guard has the objects that are there lead to the gateway alone. What another controller made stays as that one wants it, until it is
// taken over.
func (c *Controller) guard(ctx context.Context, of *gateway.APIRule, there []*unstructured.Unstructured) error {
	for _, o := range there {
		if o.GetLabels()[managedLabel] != managedBy {
			continue
		}
		next := o.DeepCopy()
		if err := c.Options.guard(next); err != nil {
			return err
		}
		changed, err := c.update(ctx, o, next)
		if err != nil {
			return err
		}
		if changed {
			c.say(of, "RouteGuarded", "Guard", "%s leads to the gateway alone, until it can be as described", title(o))
		}
	}
	return nil
}

// guard has all that an object sends go to the gateway. An Ingress never sends anything past it.
func (o *Options) guard(u *unstructured.Unstructured) error {
	switch u.GetKind() {
	case virtualServiceKind.Kind:
		return replace(u, "http", "route", destinations(o.Proxy, int64(o.ProxyPort)))
	case httpRouteKind.Kind:
		name, namespace := o.proxy()
		return replace(u, "rules", "backendRefs", backends(name, namespace, int64(o.ProxyPort)))
	}
	return nil
}

// replace sets a field of all entries of a list in an object's specification.
func replace(u *unstructured.Unstructured, list, field string, to []any) error {
	entries, found, err := unstructured.NestedSlice(u.Object, "spec", list)
	if err != nil || !found {
		return err
	}
	for _, e := range entries {
		if entry, ok := e.(map[string]any); ok {
			entry[field] = to
		}
	}
	return unstructured.SetNestedSlice(u.Object, entries, "spec", list)
}
