package kube

import (
	"cmp"
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// retryRemoval is how often the removal of a client is tried.
const retryRemoval = 5 * time.Second

// release lets a deleted resource go: when its client is removed, when there is nothing to remove or no way to do it, and at the latest
// when the time for it is over.
func (c *Clients) release(ctx context.Context, of *hydra.OAuth2Client) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(of, finalizer) {
		return ctrl.Result{}, nil
	}
	if left := of.DeletionTimestamp.Add(c.Config.RemoveWithin).Sub(c.Now()); of.Spec.DeletionPolicy != hydra.Orphan {
		err := c.removeAll(ctx, of)
		if err != nil && left > 0 {
			c.Log.Warn("a client could not be removed yet", "resource", of.Namespace+"/"+of.Name, "error", err, "let_go_in", left.Round(time.Second))
			return ctrl.Result{RequeueAfter: min(left, retryRemoval)}, nil
		}
		if err != nil {
			c.Log.Error("a client is left on its server", about(of, err)...)
			c.Events.Eventf(of, nil, core.EventTypeWarning, "ClientLeft", "Remove", "the client was not removed within %s: %v", c.Config.RemoveWithin, err)
		}
	}
	return again(setFinalizer(ctx, c.Kube, of, controllerutil.RemoveFinalizer))
}

// about is what the log says of a client that is left.
func about(of *hydra.OAuth2Client, why any) []any {
	return []any{"resource", of.Namespace + "/" + of.Name, "client_id", of.Status.ClientID, "server", of.Status.Server, "error", why}
}

// removeAll removes what may be this resource's: the client that its status names or, if it names none, those that it may have been
// registered as before the status could be written, by this controller or by hydra-maester.
func (c *Clients) removeAll(ctx context.Context, of *hydra.OAuth2Client) error {
	at, known := c.Config.remembered(of.Status.Server)
	why := ""
	if !known {
		at, why = c.Config.allowed(of.Namespace, &of.Spec)
	}
	if why != "" { // no attempt can change that
		c.Log.Warn("a client that was registered is left", about(of, why)...)
		c.Events.Eventf(of, nil, core.EventTypeWarning, "ClientLeft", "Remove", "a client that was registered is left: %s", why)
		return nil
	}
	ids := []string{cmp.Or(of.Status.ClientID, string(of.UID))}
	if of.Status.ClientID == "" {
		_, found, err := c.readSecret(ctx, of)
		if err != nil && !apierrors.IsForbidden(err) { // a namespace that is being deleted has taken the right to read it along
			return err
		}
		if found != nil && found.id != ids[0] && validID(found.id) {
			ids = append(ids, found.id)
		}
	}
	for _, id := range ids {
		if err := c.removeOwn(ctx, at, id, ownerOf(of)); err != nil {
			return fmt.Errorf("client %s at %s: %w", id, at, err)
		}
	}
	return nil
}

// removeOwn removes a client, unless it is of somebody else by now.
func (c *Clients) removeOwn(ctx context.Context, at place, id, owner string) error {
	there, err := c.admin.get(ctx, at, id)
	if err != nil || there == nil || there.Owner != owner {
		return err
	}
	return c.admin.remove(ctx, at, id)
}
