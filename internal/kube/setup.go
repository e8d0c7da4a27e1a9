package kube

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
)

const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = time.Minute
)

// Scheme knows the resources that the controller reads and writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(hydra.AddToScheme(s), oathkeeper.AddToScheme(s), gateway.AddToScheme(s), core.AddToScheme(s))
}

// Add has the manager run the clients' controller, and the search for orphans, as soon as the cluster has their resource. One without it
// keeps nothing else from being done.
func (c *Clients) Add(m manager.Manager, serves Serves) (err error) {
	if c.figures, err = newFigures(metrics.Registry, c); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	c.admin.count = c.figures.count
	// A function is run by the leader alone.
	return m.Add(manager.RunnableFunc(func(ctx context.Context) error {
		waits := func(reason error) { c.Log.Warn("clients wait for their resource", "reason", reason) }
		if !Await(ctx, serves, &hydra.OAuth2Client{}, waits) {
			return nil
		}
		return c.follow(ctx, m)
	}))
}

func (c *Clients) follow(ctx context.Context, m manager.Manager) error {
	if err := m.GetFieldIndexer().IndexField(ctx, &hydra.OAuth2Client{}, bySecret, indexSecret); err != nil {
		return fmt.Errorf("indexing resources by their Secret: %w", err)
	}
	if err := m.Add(&orphanSearch{c}); err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).
		Named("oauth2client").
		// What the controller writes into a status is no news to it.
		For(&hydra.OAuth2Client{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		// Names and versions alone: the controller's memory does not hold every Secret of the cluster.
		WatchesMetadata(&core.Secret{}, handler.EnqueueRequestsFromMapFunc(c.users)).
		WithOptions(Pace(workers)).
		Complete(c)
}

// Pace is how a controller works that does so much at once.
func Pace(atOnce int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: atOnce,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		CacheSyncTimeout:        math.MaxInt64, // to be kept from reading is no reason to end what else the process does
	}
}

// users are the resources that name a Secret.
func (c *Clients) users(ctx context.Context, secret client.Object) (all []reconcile.Request) {
	var list hydra.OAuth2ClientList
	err := c.Kube.List(ctx, &list, client.InNamespace(secret.GetNamespace()), client.MatchingFields{bySecret: secret.GetName()})
	if err != nil {
		c.Log.Error("resources that name a Secret could not be found", "secret", secret.GetNamespace()+"/"+secret.GetName(), "error", err)
	}
	for i := range list.Items {
		all = append(all, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: list.Items[i].Namespace, Name: list.Items[i].Name}})
	}
	return all
}
