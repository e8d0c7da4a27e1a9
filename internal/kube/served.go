package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// askEvery is how often a cluster is asked for a kind of resource that it does not have.
const askEvery = 5 * time.Second

// Serves says why a cluster does not have a kind of resource, or is about to lose it; nil where it has it.
type Serves func(ctx context.Context, of client.Object) error

// Served makes Serves for a cluster. It asks what anybody may ask, so it takes no right.
func Served(m manager.Manager) (Serves, error) {
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

// Await waits until the cluster has a kind of resource, and reports whether it does or the context has ended. For what it waits is told once.
func Await(ctx context.Context, serves Serves, of client.Object, tell func(reason error)) bool {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for told := false; ; told = true {
		err := serves(ctx, of)
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
