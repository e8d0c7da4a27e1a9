package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
)

// Left is a finalizer that a controller before this one left on a kind of resources. This one has nothing to do before such a resource goes,
// and takes it off: who would have done that may be gone.
type Left struct {
	Kind      schema.GroupVersionKind
	Finalizer string
}

// What oathkeeper-maester and Kyma's API Gateway leave.
var (
	OnRules    = Left{oathkeeper.GroupVersion.WithKind("RuleList"), "finalizer.oathkeeper.ory.sh"}
	OnAPIRules = Left{gateway.GroupVersion.WithKind("APIRuleList"), "gateway.kyma-project.io/subresources"}
)

// TakeOff takes the finalizer off a resource that is being deleted.
func (l Left) TakeOff(ctx context.Context, kube client.Client, of client.Object) error {
	before, _ := of.DeepCopyObject().(client.Object)
	if !controllerutil.RemoveFinalizer(of, l.Finalizer) {
		return nil
	}
	return client.IgnoreNotFound(kube.Patch(ctx, of, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

const (
	// lookAtNamespaces is how often it is looked what became of the namespaces that are watched.
	lookAtNamespaces = 5 * time.Second
	// lookForRights is the same for a controller that may not, or not yet.
	lookForRights = time.Minute
)

// Namespaces follows what becomes of namespaces where only named ones are watched. One that is deleted takes the controller's rights in it
// along, before the resources that these were for. Those go by rights that hold everywhere; and what can be read no more is watched no
// more, since a controller begins when it could list all that it watches.
type Namespaces struct {
	Clients *Clients
	// Watched are the namespaces that Present gave when the controller began.
	Watched []string
	// Left are the finalizers of others on resources that this controller works with.
	Left []Left
}

// Present gives those of the named namespaces that can be watched: those that are there and are not being deleted. A namespace of which that
// is not known counts, and all do where none is there, because to name none means every namespace.
func Present(ctx context.Context, direct client.Reader, named []string) []string {
	present, _, _ := states(ctx, direct, named)
	return present
}

// states says besides which are being deleted, and why something is not known.
func states(ctx context.Context, direct client.Reader, named []string) (present, deleted []string, doubt error) {
	for _, name := range named {
		var of core.Namespace
		switch err := direct.Get(ctx, client.ObjectKey{Name: name}, &of); {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			doubt = err
		case of.DeletionTimestamp != nil:
			deleted = append(deleted, name)
			continue
		}
		present = append(present, name)
	}
	if len(present) == 0 {
		present = named
	}
	return present, deleted, doubt
}

// Start implements manager.Runnable: the leader looks now and then, until other namespaces are to be watched. That takes another process.
func (n *Namespaces) Start(ctx context.Context) error {
	for told := false; ; {
		present, deleted, doubt := states(ctx, n.Clients.Live, n.Clients.Config.Namespaces)
		for _, name := range deleted {
			if err := n.letGo(ctx, name); err != nil && ctx.Err() == nil {
				n.Clients.Log.Error("what is in a namespace that is being deleted cannot be let go", "namespace", name, "error", err)
			}
		}
		if doubt == nil && !slices.Equal(present, n.Watched) {
			return fmt.Errorf("the namespaces that are there are others than at the start: starting anew to watch %s", strings.Join(present, ", "))
		}
		wait := lookAtNamespaces
		if apierrors.IsForbidden(doubt) {
			if wait = lookForRights; !told {
				n.Clients.Log.Warn("this controller may not look at its namespaces, so one that is deleted is held by its OAuth2Clients: " +
					"delete those first, or give it the rights of deploy/controller/deleted-namespaces.yaml (controller.clusterRole in the chart)")
			}
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// letGo lets the resources of a namespace go that are being deleted.
func (n *Namespaces) letGo(ctx context.Context, namespace string) error {
	var list hydra.OAuth2ClientList
	if err := n.Clients.Live.List(ctx, &list, client.InNamespace(namespace)); err != nil && !unknown(err) {
		return err
	}
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range list.Items {
		if of := &list.Items[i]; of.DeletionTimestamp != nil {
			group.Go(func() error {
				_, err := n.Clients.release(ctx, of)
				return err
			})
		}
	}
	err := group.Wait()
	for _, left := range n.Left {
		err = errors.Join(err, left.takeOffAll(ctx, n.Clients, namespace))
	}
	return err
}

func (l Left) takeOffAll(ctx context.Context, by *Clients, namespace string) (failed error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(l.Kind)
	if err := by.Live.List(ctx, &list, client.InNamespace(namespace)); err != nil && !unknown(err) {
		return err
	}
	for i := range list.Items {
		if of := &list.Items[i]; of.DeletionTimestamp != nil {
			failed = errors.Join(failed, l.TakeOff(ctx, by.Kube, of))
		}
	}
	return failed
}
