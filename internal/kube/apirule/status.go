package apirule

import (
	"context"
	"errors"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// state is what was found out about an APIRule.
type state struct {
	faults  error   // why it makes no sense
	verdict verdict // what became of its rules
	failed  error   // why there is no route
	route   Route
}

// named is the route that an outcome makes; nil where there is none.
func (s *state) named(outcome Outcome) *gateway.RouteReference {
	if s.means() != build || len(outcome.Routes) == 0 {
		return nil
	}
	o := outcome.Routes[0]
	return &gateway.RouteReference{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// rules is how it stands with the access rules.
func (s *state) rules() gateway.PartStatus {
	switch {
	case s.faults != nil && !s.refused():
		return gateway.PartStatus{Code: gateway.StatusSkipped, Description: "the APIRule has to be mended first"}
	case s.verdict.reason == "":
		return gateway.PartStatus{Code: gateway.StatusSkipped, Description: "the rules were not sent to the server yet"}
	case s.verdict.reason == ruleset.InForce:
		return gateway.PartStatus{Code: gateway.StatusOK}
	case s.verdict.reason == ruleset.NotInForce:
		return gateway.PartStatus{Code: gateway.StatusWarning, Description: s.verdict.message}
	}
	return gateway.PartStatus{Code: gateway.StatusError, Description: s.verdict.message}
}

// routing is how it stands with the route.
func (s *state) routing() gateway.PartStatus {
	switch {
	case s.failed != nil:
		return gateway.PartStatus{Code: gateway.StatusError, Description: s.failed.Error()}
	case s.route == None:
		return gateway.PartStatus{Code: gateway.StatusSkipped, Description: "the controller makes no routes"}
	case s.means() == build:
		return gateway.PartStatus{Code: gateway.StatusOK}
	}
	return gateway.PartStatus{Code: gateway.StatusSkipped, Description: "the rules have to be in force first"}
}

// ready is the condition.
func (s *state) ready() metav1.Condition {
	c := metav1.Condition{Type: gateway.Ready, Status: metav1.ConditionFalse}
	fail, known := errors.AsType[*failure](s.failed)
	switch {
	case s.refused():
		c.Reason, c.Message = string(s.verdict.reason), s.verdict.message
	case s.faults != nil:
		c.Reason, c.Message = reasonInvalid, s.faults.Error()
	case s.verdict.reason == "":
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, reasonPending, "the rules were not sent to the server yet"
	case s.verdict.reason != ruleset.InForce:
		c.Reason, c.Message = string(s.verdict.reason), s.verdict.message
	case known:
		c.Reason, c.Message = fail.reason, fail.message
	case s.failed != nil:
		c.Reason, c.Message = reasonRouteFailed, s.failed.Error()
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, string(ruleset.InForce), "the server decides by the rules, and the route leads there"
		if s.route == None {
			c.Message = "the server decides by the rules; the controller makes no routes"
		}
	}
	return c
}

// whole is how it stands with all of it.
func (s *state) whole(ready *metav1.Condition) gateway.PartStatus {
	switch ready.Status {
	case metav1.ConditionTrue:
		return gateway.PartStatus{Code: gateway.StatusOK}
	case metav1.ConditionUnknown:
		return gateway.PartStatus{Code: gateway.StatusSkipped, Description: ready.Message}
	case metav1.ConditionFalse:
	}
	return gateway.PartStatus{Code: gateway.StatusError, Description: ready.Message}
}

// declare writes it into the status and, where it is news, into an event.
func (c *Controller) declare(of *gateway.APIRule, s *state) {
	ready := s.ready()
	ready.ObservedGeneration = of.Generation
	ready.Message = spell.Fit(ready.Message, longestMessage)
	rules, routing, whole := s.rules(), s.routing(), s.whole(&ready)
	of.Status.ObservedGeneration = of.Generation
	of.Status.AccessRuleStatus, of.Status.VirtualServiceStatus, of.Status.APIRuleStatus = &rules, &routing, &whole
	if !kube.SetCondition(&of.Status.Conditions, ready, c.Now()) || ready.Status == metav1.ConditionUnknown {
		return
	}
	kind := core.EventTypeNormal
	if ready.Status == metav1.ConditionFalse {
		kind = core.EventTypeWarning
	}
	c.Events.Eventf(of, nil, kind, ready.Reason, "Reconcile", "%s", ready.Message)
}

// longestMessage is how long a condition's message may be, by its schema. Unit: characters, of which there are never more than bytes.
const longestMessage = 32768

func (c *Controller) save(ctx context.Context, of, before *gateway.APIRule) error {
	if equality.Semantic.DeepEqual(of.Status, before.Status) {
		return nil
	}
	now := metav1.NewTime(c.Now())
	of.Status.LastProcessedTime = &now
	return client.IgnoreNotFound(c.Kube.Status().Patch(ctx, of, client.MergeFrom(before)))
}
