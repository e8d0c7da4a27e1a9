package kube

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// askEvery is how often a cluster is asked for a kind of resource that it does not have.
const askEvery = 5 * time.Second

// Serves says why a cluster does not have a kind of resource, or is about to lose it; nil where it has it. That is certain where the
// definition of the kind could be read, which says that it is being deleted before any of its resources is gone: made is since when it is
// there, and zero where it may not be read. What the cluster says of what it serves comes later, by an unknown while.
type Serves func(ctx context.Context, of client.Object) (made time.Time, err error)

// Served makes Serves for a cluster. Where it may not read a definition, it asks what anybody may ask.
func Served(m manager.Manager) (Serves, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(rest.CopyConfig(m.GetConfig()), m.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, of client.Object) (made time.Time, err error) {
		kind, err := apiutil.GVKForObject(of, m.GetScheme())
		if err != nil {
			return time.Time{}, err
		}
		return serves(ctx, m.GetAPIReader(), d, kind)
	}, nil
}

func serves(ctx context.Context, live client.Reader, d discovery.ServerResourcesInterfaceWithContext, kind schema.GroupVersionKind) (made time.Time, err error) {
	if made, err = stands(ctx, live, kind); err == nil {
		err = served(ctx, d, kind)
	}
	return made, err
}

// stands says why the definition of a kind is not there to stay, as far as it may be read, and since when it is there.
func stands(ctx context.Context, live client.Reader, kind schema.GroupVersionKind) (made time.Time, err error) {
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	var definition metav1.PartialObjectMetadata
	definition.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	switch err := live.Get(ctx, client.ObjectKey{Name: resource.GroupResource().String()}, &definition); {
	case apierrors.IsForbidden(err):
		return made, nil
	case apierrors.IsNotFound(err):
		return made, errUnknown(kind)
	case err != nil:
		return made, fmt.Errorf("reading the definition of the resource %s: %w", kind.Kind, err)
	case definition.DeletionTimestamp != nil:
		return made, errGoes(kind)
	}
	return definition.CreationTimestamp.Time, nil
}

// served says why a cluster does not serve a kind, or nothing new of it.
func served(ctx context.Context, d discovery.ServerResourcesInterfaceWithContext, kind schema.GroupVersionKind) error {
	list, err := d.ServerResourcesForGroupVersionWithContext(ctx, kind.GroupVersion().String())
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
			return errGoes(kind)
		}
	}
	return errUnknown(kind)
}

func errGoes(kind schema.GroupVersionKind) error {
	return fmt.Errorf("the definition of the resource %s is being deleted", kind.Kind)
}

func errUnknown(kind schema.GroupVersionKind) error {
	return fmt.Errorf("the cluster does not know the resource %s: apply deploy/crds", kind.Kind)
}

// Await waits until the cluster has a kind of resource, and reports whether it does or the context has ended. For what it waits is told once.
func Await(ctx context.Context, serves Serves, of client.Object, tell func(reason error)) bool {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for told := false; ; told = true {
		_, err := serves(ctx, of)
		if err == nil {
			return true
		}
		if !told {
			tell(err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
