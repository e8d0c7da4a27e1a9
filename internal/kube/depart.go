package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

const (
	// lastTry is how long a controller that goes for good tries to remove the clients of its own namespace, all together.
	lastTry = 8 * time.Second
	// mostNamed is how many resources a line of the log names.
	mostNamed = 20
)

// Depart is called by a controller that has stopped. Where its own namespace, home, is being deleted, no other will take its place, and what
// has its finalizer would hold that namespace, and any other that is deleted later, for ever. Kubernetes ends a namespace's pods before it
// deletes anything else there, so the clients of that namespace are removed here; those of others stay, as their resources do.
func (c *Clients) Depart(ctx context.Context, direct client.Client, home string) error {
	var n core.Namespace
	if err := direct.Get(ctx, client.ObjectKey{Name: home}, &n); err != nil {
		return fmt.Errorf("whether namespace %s is being deleted could not be found out: %w", home, err)
	}
	if n.DeletionTimestamp == nil {
		return nil
	}
	if c.Config.watches(home) {
		if err := c.removeOf(ctx, direct, home); err != nil {
			return err
		}
	}
	gone, err := LetGo(ctx, direct, c.Config.Namespaces...)
	if len(gone) > 0 {
		c.Log.Warn("the controller's namespace is being deleted: resources are let go, and clients of other namespaces stay on their servers",
			"namespace", home, "count", len(gone), "resources", gone[:min(len(gone), mostNamed)])
	}
	return err
}

// removeOf removes the clients of a namespace, as far as that can be done soon.
func (c *Clients) removeOf(ctx context.Context, direct client.Client, namespace string) error {
	var list hydra.OAuth2ClientList
	if err := direct.List(ctx, &list, client.InNamespace(namespace)); unknown(err) {
		return nil
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lastTry)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range list.Items {
		of := &list.Items[i]
		if !controllerutil.ContainsFinalizer(of, finalizer) || of.Spec.DeletionPolicy == hydra.Orphan {
			continue
		}
		group.Go(func() error {
			if err := c.removeAll(ctx, of); err != nil {
				c.Log.Error("a client is left on its server", about(of, err)...)
			}
			return nil
		})
	}
	return group.Wait()
}

// LetGo takes the finalizer off the resources of namespaces, or of all where none is named, and gives those that had it. It is for when no
// controller is there any more. Their clients stay.
func LetGo(ctx context.Context, kube client.Client, namespaces ...string) (gone []string, err error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var group errgroup.Group // one that cannot be let go holds up no other
	group.SetLimit(2 * workers)
	for _, namespace := range namespaces {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(hydra.GroupVersion.WithKind("OAuth2ClientList"))
		if failed := kube.List(ctx, &list, client.InNamespace(namespace)); unknown(failed) {
			continue
		} else if failed != nil { // which keeps nothing in others
			err = errors.Join(err, fmt.Errorf("listing resources: %w", failed))
			continue
		}
		for i := range list.Items {
			of := &list.Items[i]
			if controllerutil.ContainsFinalizer(of, finalizer) {
				gone = append(gone, of.Namespace+"/"+of.Name)
				group.Go(func() error { return letGo(ctx, kube, of) })
			}
		}
	}
	slices.Sort(gone)
	return gone, errors.Join(err, group.Wait())
}

func letGo(ctx context.Context, kube client.Client, of *metav1.PartialObjectMetadata) error {
	key := client.ObjectKeyFromObject(of)
	err := retry.OnError(retry.DefaultBackoff, apierrors.IsConflict, func() error {
		err := setFinalizer(ctx, kube, of, controllerutil.RemoveFinalizer)
		if apierrors.IsConflict(err) {
			if err := kube.Get(ctx, key, of); err != nil {
				return err
			}
		}
		return err
	})
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("letting OAuth2Client %s go: %w", key, err)
	}
	return nil
}

// unknown reports whether the cluster does not have a kind of resource: there is none of it then.
func unknown(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }
