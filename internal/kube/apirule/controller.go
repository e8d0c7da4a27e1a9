package apirule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// Controller makes APIRules true.
type Controller struct {
	// Options are what the operator decided; they must not change afterwards.
	Options *Options
	// Namespaces are those that are watched; none is all.
	Namespaces []string
	// Kube writes, and reads APIRules from its cache.
	Kube client.Client
	// Cache reads routes of the kind that is made.
	Cache client.Reader
	// Live reads past the cache.
	Live client.Reader
	// Events tells people what was done.
	Events events.EventRecorder
	// Log is for the operator.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Resync is how often routes are compared with what they shall be, besides when they change.
	Resync time.Duration

	verdicts verdicts
	watches  watches
}

// Reasons of the condition Ready, besides those of package ruleset.
const (
	reasonPending     = "Pending"
	reasonInvalid     = "InvalidAPIRule"
	reasonKindMissing = "RouteKindMissing"
	reasonOccupied    = "HostOccupied"
	reasonRouteFailed = "RouteFailed"
)

// failure is why there is no route.
type failure struct {
	reason, message string
	again           time.Duration // when to try again; 0 waits for a change
	cause           error         // worth trying again soon
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.cause }

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	of := new(gateway.APIRule)
	err := c.Kube.Get(ctx, req.NamespacedName, of)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if err != nil || of.DeletionTimestamp != nil {
		c.verdicts.forget(req.NamespacedName)
		return again(errors.Join(c.sweep(ctx, req.NamespacedName), kube.OnAPIRules.TakeOff(ctx, c.Kube, of)))
	}
	before := of.DeepCopy()
	outcome, faults := c.Options.Translate(of)
	s := state{faults: faults, verdict: c.verdicts.of(of), route: c.Options.Route}
	if s.verdict.reason == "" && said(of) != "" { // whoever led before knew more, and what is said here is for people and for who leads next
		return ctrl.Result{RequeueAfter: c.Resync}, nil
	}
	if m := s.means(); m != leave {
		if s.failed = c.follow(ctx, of, outcome, m); s.failed == nil && m != guard {
			s.failed = c.record(ctx, of, s.named(outcome))
		}
	}
	of.Status.Host = outcome.Host
	c.declare(of, &s)
	if err := c.save(ctx, of, before); err != nil {
		return again(err)
	}
	fail, known := errors.AsType[*failure](s.failed)
	switch {
	case s.failed != nil && (!known || fail.cause != nil):
		return again(s.failed)
	case known && fail.again != 0:
		return ctrl.Result{RequeueAfter: fail.again}, nil
	}
	return ctrl.Result{RequeueAfter: c.Resync}, nil
}

// again takes a conflict for what it is: no error, but a reason to read again.
func again(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{}, err
}

// follow has the routes follow what was found out about the rules.
func (c *Controller) follow(ctx context.Context, of *gateway.APIRule, outcome Outcome, m means) error {
	key := types.NamespacedName{Namespace: of.Namespace, Name: of.Name}
	if m == remove {
		return c.sweep(ctx, key)
	}
	switch missing := c.watches.missing(c.Options.Route); {
	case missing != "" && m == guard:
		return nil
	case missing != "":
		return &failure{reason: reasonKindMissing, message: fmt.Sprintf(
			"the cluster has no %s: install it, or have the controller make other routes (--apirule-route); it is looked for every %s", missing, lookPeriod)}
	}
	there, err := c.children(ctx, key)
	if err != nil {
		return err
	}
	if m == guard {
		return c.guard(ctx, of, there)
	}
	err = c.apply(ctx, of, outcome, there)
	if fail, ok := errors.AsType[*failure](err); ok && fail.cause == nil { // what is there may lead past the gateway for long otherwise
		if err := c.guard(ctx, of, there); err != nil {
			return err
		}
	}
	return err
}

// means is what is done with routes.
type means int

const (
	build  means = iota // they shall be as they are described
	leave               // they stay as they are: it is not known yet what may be
	guard               // those that are there lead to the gateway alone: what is described cannot be
	remove              // they must not be
)

// means says what is done with routes. A host that is not the namespace's must not lead anywhere. Of rules that cannot be in force the
// gateway refuses all, so the route stays, and what of it led past the gateway, as it was described before, does not any more. A server
// that does not answer changes nothing: it decides by what it was sent before.
func (s *state) means() means {
	switch {
	case s.refused():
		return remove
	case s.faults != nil:
		return guard
	}
	switch s.verdict.reason {
	case ruleset.InForce, ruleset.NotInForce:
		return build
	case ruleset.InvalidRule, ruleset.RuleConflict, ruleset.UpstreamRefused, ruleset.RuleRejected, kube.TenantNotFound:
		return guard
	case ruleset.ServerUnreachable, ruleset.TenantRefused, ruleset.HostRefused, ruleset.HostTaken:
	}
	return leave
}

// refused reports whether host or tenant are not the namespace's.
func (s *state) refused() bool { return refusal(s.verdict.reason) }

func refusal(r ruleset.Reason) bool {
	return r == ruleset.TenantRefused || r == ruleset.HostRefused || r == ruleset.HostTaken
}
