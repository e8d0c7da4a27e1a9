package apirule

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// What is found out about an APIRule decides what is done with its route and what its status says.
func TestStates(t *testing.T) {
	for name, test := range map[string]struct {
		state                 state
		means                 means
		reason                string
		status                metav1.ConditionStatus
		rules, routing, whole gateway.StatusCode
	}{
		"in force":        {state{verdict: verdict{reason: ruleset.InForce}, route: Ingress}, build, "InForce", metav1.ConditionTrue, gateway.StatusOK, gateway.StatusOK, gateway.StatusOK},
		"without a route": {state{verdict: verdict{reason: ruleset.InForce}, route: None}, build, "InForce", metav1.ConditionTrue, gateway.StatusOK, gateway.StatusSkipped, gateway.StatusOK},
		"not judged yet":  {state{route: Ingress}, leave, "Pending", metav1.ConditionUnknown, gateway.StatusSkipped, gateway.StatusSkipped, gateway.StatusSkipped},
		"is rejected":     {state{verdict: verdict{reason: ruleset.RuleRejected}, route: Ingress}, guard, "RuleRejected", metav1.ConditionFalse, gateway.StatusError, gateway.StatusSkipped, gateway.StatusError},
		"makes no sense":  {state{faults: faults{"no host"}, verdict: verdict{reason: ruleset.InvalidRule}, route: Ingress}, guard, "InvalidAPIRule", metav1.ConditionFalse, gateway.StatusSkipped, gateway.StatusSkipped, gateway.StatusError},
		"another's host":  {state{verdict: verdict{reason: ruleset.HostTaken}, route: Ingress}, remove, "HostTaken", metav1.ConditionFalse, gateway.StatusError, gateway.StatusSkipped, gateway.StatusError},
		"another's host, and no sense": {state{faults: faults{"no service"}, verdict: verdict{reason: ruleset.HostTaken}, route: Ingress}, remove, "HostTaken", metav1.ConditionFalse,
			gateway.StatusError, gateway.StatusSkipped, gateway.StatusError},
		"not yet in force": {state{verdict: verdict{reason: ruleset.NotInForce}, route: Ingress}, build, "NotInForce", metav1.ConditionFalse, gateway.StatusWarning, gateway.StatusOK, gateway.StatusError},
		"no server":        {state{verdict: verdict{reason: ruleset.ServerUnreachable}, route: Ingress}, leave, "ServerUnreachable", metav1.ConditionFalse, gateway.StatusError, gateway.StatusSkipped, gateway.StatusError},
		"no route": {state{verdict: verdict{reason: ruleset.InForce}, route: Ingress, failed: errors.New("refused")}, build, "RouteFailed", metav1.ConditionFalse,
			gateway.StatusOK, gateway.StatusError, gateway.StatusError},
	} {
		ready := test.state.ready()
		whole := test.state.whole(&ready)
		if test.state.means() != test.means || ready.Reason != test.reason || ready.Status != test.status || test.state.rules().Code != test.rules ||
			test.state.routing().Code != test.routing || whole.Code != test.whole {
			t.Errorf("%s: %v %+v %+v %+v %+v", name, test.state.means(), ready, test.state.rules(), test.state.routing(), whole)
		}
	}
}

// All verdicts on an APIRule are one, which is kept for the generation that it is about.
func TestVerdicts(t *testing.T) {
	of := &gateway.APIRule{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop", UID: types.UID("1"), Generation: 2}}
	told := func(id, message string, reason ruleset.Reason) ruleset.Verdict {
		return ruleset.Verdict{Offer: ruleset.Offer{Owner: of, Rule: access.Rule{ID: id}}, Reason: reason, Message: message}
	}
	var c Controller
	c.Tell(t.Context(), []ruleset.Verdict{
		told("apirule:orders.shop:0", "fine", ruleset.InForce), told("apirule:orders.shop:1", "guess is no handler", ruleset.InvalidRule),
		told("apirule:orders.shop:2", "guess is no handler", ruleset.InvalidRule), told("apirule:orders.shop:3", "matches the same", ruleset.RuleConflict),
	})
	got := c.verdicts.of(of)
	if want := "rules[1]: guess is no handler; rules[3]: matches the same"; got.reason != ruleset.InvalidRule || got.message != want {
		t.Errorf("%+v", got)
	}
	c.Tell(t.Context(), []ruleset.Verdict{
		told("apirule:orders.shop:0", "too large", ruleset.InvalidRule), told("apirule:orders.shop:1", "is another's", ruleset.HostTaken),
	})
	if got := c.verdicts.of(of); got.reason != ruleset.HostTaken {
		t.Errorf("a host that is refused is less than a rule: %+v", got)
	}
	next := of.DeepCopy()
	next.Generation++
	if got := c.verdicts.of(next); got.reason != "" {
		t.Errorf("the verdict on another generation counts: %+v", got)
	}
	// A leader that cannot reach the server takes the word of the one before.
	c.Tell(t.Context(), []ruleset.Verdict{told("apirule:orders.shop:0", "no answer", ruleset.ServerUnreachable)})
	if got := c.verdicts.of(of); got.reason != ruleset.ServerUnreachable {
		t.Errorf("%+v", got)
	}
	of.Status.Conditions = []metav1.Condition{{Type: gateway.Ready, Status: metav1.ConditionTrue, Reason: "InForce", ObservedGeneration: 2}}
	if got := c.verdicts.of(of); got.reason != ruleset.InForce {
		t.Errorf("%+v", got)
	}
	c.verdicts.forget(types.NamespacedName{Namespace: "shop", Name: "orders"})
	if got := c.verdicts.of(of); got.reason != "" {
		t.Errorf("%+v", got)
	}
}

// held is a cluster with one APIRule.
type held struct {
	client.Client

	of     *gateway.APIRule
	writes int
}

func (h *held) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	h.of.DeepCopyInto(into.(*gateway.APIRule))
	return nil
}

func (h *held) Status() client.SubResourceWriter { return statusOf{held: h} }

type statusOf struct {
	client.SubResourceWriter

	*held
}

func (s statusOf) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	s.writes++
	o.(*gateway.APIRule).DeepCopyInto(s.of)
	return nil
}

// Who begins to lead leaves statuses as they are until it knows better, also where it cannot reach the server.
func TestStatusesStayUntilTheFirstVerdict(t *testing.T) {
	of := described(t, scoped)
	of.Generation = 3
	of.Status.Conditions = []metav1.Condition{{Type: gateway.Ready, Status: metav1.ConditionTrue, Reason: "InForce", ObservedGeneration: 3}}
	h := &held{of: of}
	c := &Controller{Options: options(None), Kube: h, Events: &events.FakeRecorder{}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Resync: time.Minute}
	reconcile := func(writes int, reason string) {
		t.Helper()
		if _, err := c.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(of)}); err != nil {
			t.Fatal(err)
		}
		if got := meta.FindStatusCondition(h.of.Status.Conditions, gateway.Ready); h.writes != writes || got.Reason != reason || got.ObservedGeneration != h.of.Generation {
			t.Errorf("after %d writes the status says %+v", h.writes, got)
		}
	}
	reconcile(0, "InForce")
	c.Tell(t.Context(), []ruleset.Verdict{{Offer: ruleset.Offer{Owner: of}, Reason: ruleset.ServerUnreachable, Message: "no answer"}})
	reconcile(1, "InForce") // in the controller's own words
	h.of.Generation++
	reconcile(2, "Pending")
}
