package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

const (
	// name is the controller's, in Secrets that it makes, in events and in its lease.
	name = "gatehouse-controller"
	// finalizer keeps a resource until its client is removed. It is hydra-maester's, so that either can take over from the other.
	finalizer = "finalizer.ory.hydra.sh"
	// workers is how many resources are reconciled at once.
	workers = 8
	// mostSteps ends a reconciliation whose steps lead nowhere.
	mostSteps = 12
)

// Clients makes OAuth2Clients true.
type Clients struct {
	// Config is what the operator decided; it must not be copied afterwards.
	Config *Config
	// Kube writes, and reads from its cache.
	Kube client.Client
	// Live reads past the cache.
	Live client.Reader
	// Events tells people what was done.
	Events events.EventRecorder
	// Log is for the operator.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time

	admin   admin
	figures *figures
}

// errChanged ends a reconciliation that somebody overtook: what is there has to be read again.
var errChanged = errors.New("changed meanwhile: read again")

// Reconcile implements reconcile.Reconciler.
func (c *Clients) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	of := new(hydra.OAuth2Client)
	// Past the cache: a status that was just written must be seen, or a secret would be rotated twice.
	if err := c.Live.Get(ctx, req.NamespacedName, of); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if of.DeletionTimestamp != nil {
		return c.release(ctx, of)
	}
	// Before the client exists, or a resource that is deleted at once would leave it behind.
	held := setFinalizer(ctx, c.Kube, of, controllerutil.AddFinalizer)
	if changedMeanwhile(held) || apierrors.IsNotFound(held) {
		return again(held)
	}
	before := of.DeepCopy()
	if held != nil {
		return c.conclude(ctx, of, before, 0, fmt.Errorf("the resource cannot be given the finalizer %s: %w", finalizer, held))
	}
	wake, err := c.advance(ctx, of)
	if errors.Is(err, errChanged) {
		return ctrl.Result{RequeueAfter: time.Second}, c.save(ctx, of, before)
	}
	return c.conclude(ctx, of, before, wake, err)
}

// again takes a conflict for what it is: no error, but a reason to read again.
func again(err error) (ctrl.Result, error) {
	if changedMeanwhile(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

// advance takes steps until there is none left, and returns when to look again.
func (c *Clients) advance(ctx context.Context, of *hydra.OAuth2Client) (time.Duration, error) {
	if err := c.endOverdue(ctx, of); err != nil {
		return 0, err
	}
	at, fail := c.Config.locate(of.Namespace, &of.Spec)
	if fail != nil {
		return 0, fail
	}
	w := &work{Clients: c, of: of, body: describe(&of.Spec, ownerOf(of))}
	if fail := c.Config.refusePrivileges(of.Namespace, &w.body); fail != nil {
		return 0, fail
	}
	digest, err := w.body.digest()
	if err != nil {
		return 0, err
	}
	w.view = view{
		spec: &of.Spec, status: &of.Status, uid: string(of.UID), owner: w.body.Owner, at: at, digest: digest, now: c.Now(),
		require: c.Config.RequireExistingSecret,
	}
	if w.secret, w.found, err = c.readSecret(ctx, of); err != nil {
		return 0, err
	}
	if fail := w.check(); fail != nil { // before the id in the Secret becomes part of a path
		return 0, fail
	}
	if w.client, err = c.admin.get(ctx, at, w.id()); err != nil {
		return 0, explain(codeUpdate, at, err)
	}
	for range mostSteps {
		if fail := w.check(); fail != nil {
			return 0, fail
		}
		step := w.next()
		if step == stepDone {
			of.Status.ClientID, of.Status.Server = w.id(), at.String()
			return w.wake(c.Config.Resync), nil
		}
		if err := w.take(ctx, step); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%d steps led nowhere: at %d", mostSteps, w.next())
}

// conclude writes what came of it into the status and, where it is news, into an event.
func (c *Clients) conclude(ctx context.Context, of *hydra.OAuth2Client, before *hydra.OAuth2Client, wake time.Duration, err error) (ctrl.Result, error) {
	if ctx.Err() != nil { // what was cut off is no failure, and nothing could be written
		return ctrl.Result{}, errors.Join(err, ctx.Err())
	}
	fail, known := errors.AsType[*failure](err)
	if err != nil && !known { // of the API server's
		fail = &failure{reason: reasonNotReconciled, code: codeUpdate, message: cut(err.Error()), again: true, cause: err}
	}
	c.declare(of, fail)
	if fail == nil {
		return ctrl.Result{RequeueAfter: wake}, c.save(ctx, of, before)
	}
	if err := c.save(ctx, of, before); err != nil {
		return ctrl.Result{}, err
	}
	if fail.again {
		return ctrl.Result{}, fail
	}
	after := c.Config.Resync
	if until := of.Status.SecretOverlapUntil; until != nil && until.After(c.Now()) {
		after = min(after, until.Sub(c.Now()))
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// declare sets the condition Ready, and what hydra-maester would have written.
func (c *Clients) declare(of *hydra.OAuth2Client, fail *failure) {
	ready := metav1.Condition{
		Type: hydra.Ready, Status: metav1.ConditionTrue, Reason: reasonReady,
		Message: "the server has the client as it is described here", ObservedGeneration: of.Generation,
	}
	of.Status.ObservedGeneration = of.Generation
	of.Status.ReconciliationError = hydra.ReconciliationError{}
	if fail != nil {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, fail.reason, fail.message
		of.Status.ReconciliationError = hydra.ReconciliationError{StatusCode: fail.code, Description: fail.message}
	}
	if !SetCondition(&of.Status.Conditions, ready, c.Now()) {
		return
	}
	kind := core.EventTypeNormal
	if fail != nil {
		kind = core.EventTypeWarning
	}
	c.Events.Eventf(of, nil, kind, ready.Reason, "Reconcile", "%s", ready.Message)
}

// SetCondition puts a condition into the list and reports whether it says something new. One that hydra-maester wrote has fewer fields.
func SetCondition(list *[]metav1.Condition, next metav1.Condition, now time.Time) bool {
	next.LastTransitionTime = metav1.NewTime(now)
	var kept []metav1.Condition
	news := true
	for _, old := range *list {
		if old.Type != next.Type {
			if old.Reason != "" {
				kept = append(kept, old)
			}
			continue
		}
		news = old.Status != next.Status || old.Reason != next.Reason || old.Message != next.Message
		if old.Status == next.Status && !old.LastTransitionTime.IsZero() {
			next.LastTransitionTime = old.LastTransitionTime
		}
	}
	kept = append(kept, next)
	*list = kept
	return news
}

func (c *Clients) save(ctx context.Context, of *hydra.OAuth2Client, before *hydra.OAuth2Client) error {
	if equality.Semantic.DeepEqual(of.Status, before.Status) {
		return nil
	}
	// A patch, which somebody who changes the resource meanwhile does not make fail: what was done has to be known.
	return client.IgnoreNotFound(c.Kube.Status().Patch(ctx, of, client.MergeFrom(before)))
}

// setFinalizer changes the finalizers alone: to send back all that was read would fill in fields that others left out.
func setFinalizer[O object[O]](ctx context.Context, kube client.Client, of O, change func(client.Object, string) bool) error {
	before := of.DeepCopy()
	if !change(of, finalizer) {
		return nil
	}
	return kube.Patch(ctx, of, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// object is a resource, whole or its metadata alone.
type object[O any] interface {
	client.Object
	DeepCopy() O
}
