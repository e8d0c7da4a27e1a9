package apirule

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

var (
	_ ruleset.Source = (*Controller)(nil)
	_ ruleset.Runner = (*Controller)(nil)
)

// Kind implements ruleset.Source.
func (c *Controller) Kind() client.Object { return &gateway.APIRule{} }

// TenantOf implements ruleset.Source.
func (c *Controller) TenantOf(o client.Object) string {
	if of, ok := o.(*gateway.APIRule); ok {
		return of.Spec.Tenant
	}
	return ""
}

// Owns implements ruleset.Source.
func (*Controller) Owns(id string) bool { return strings.HasPrefix(id, idPrefix) }

// Objects implements ruleset.Source.
func (c *Controller) Objects(ctx context.Context) (all []client.Object, err error) {
	var list gateway.APIRuleList
	// Nobody changes what is listed.
	if err := c.Kube.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if of := &list.Items[i]; of.DeletionTimestamp == nil {
			all = append(all, of)
		}
	}
	return all, nil
}

// Offers implements ruleset.Source.
func (c *Controller) Offers(o client.Object) (offers []ruleset.Offer) {
	of, ok := o.(*gateway.APIRule)
	if !ok {
		return nil
	}
	offer := ruleset.Offer{Owner: of, Tenant: of.Spec.Tenant, Said: said(of)}
	outcome, err := c.Options.Translate(of)
	if err != nil {
		offer.Fault, offer.Hosts = err.Error(), c.Options.claimed(&of.Spec)
		return append(offers, offer)
	}
	for _, offer.Rule = range outcome.Rules {
		offers = append(offers, offer)
	}
	return offers
}

// said is what the status says of the APIRule's rules.
func said(of *gateway.APIRule) ruleset.Reason {
	switch reason := ruleset.Said(of.Status.Conditions, gateway.Ready, of.Generation); reason {
	case reasonKindMissing, reasonOccupied, reasonRouteFailed: // which stand there once nothing is wrong with the rules
		return ruleset.InForce
	default:
		return reason
	}
}

// Tell implements ruleset.Source.
func (c *Controller) Tell(_ context.Context, told []ruleset.Verdict) {
	merged := map[types.NamespacedName]verdict{}
	for _, t := range told {
		o := t.Offer.Owner
		key := types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
		v, known := merged[key]
		if !known {
			v = verdict{uid: o.GetUID(), generation: o.GetGeneration(), reason: ruleset.InForce}
		}
		v.add(&t)
		merged[key] = v
	}
	c.verdicts.put(merged)
}

// verdict is what became of all rules of an APIRule.
type verdict struct {
	uid        types.UID
	generation int64
	reason     ruleset.Reason // InForce when all are, else that of the first that is not, of those first whose host or tenant is refused; empty when nothing was told yet
	message    string
}

// add adds what became of one more rule.
func (v *verdict) add(t *ruleset.Verdict) {
	if t.Reason == ruleset.InForce {
		return
	}
	if v.reason == ruleset.InForce || refusal(t.Reason) && !refusal(v.reason) {
		v.reason = t.Reason
	}
	text := t.Message
	if at := strings.LastIndexByte(t.Offer.Rule.ID, ':'); at >= 0 {
		text = fmt.Sprintf("rules[%s]: %s", t.Offer.Rule.ID[at+1:], t.Message)
	}
	// What is said of the host or the server is said once, and not of each rule.
	if !strings.Contains(v.message, t.Message) {
		if v.message != "" {
			v.message += "; "
		}
		v.message += text
	}
}

// verdicts are kept for Reconcile, which is woken when they change.
type verdicts struct {
	mu    sync.Mutex
	by    map[types.NamespacedName]verdict
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// wakes takes the queue of the controller, once it runs.
func (v *verdicts) wakes(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = queue
	return nil
}

func (v *verdicts) put(all map[types.NamespacedName]verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.by == nil {
		v.by = map[types.NamespacedName]verdict{}
	}
	for key, next := range all {
		if v.by[key] == next {
			continue
		}
		v.by[key] = next
		v.enqueue(key)
	}
}

// enqueue has an APIRule looked at. Before there is a queue, all of them still will be.
func (v *verdicts) enqueue(key types.NamespacedName) {
	if v.queue != nil {
		v.queue.Add(reconcile.Request{NamespacedName: key})
	}
}

// wake has an APIRule looked at again.
func (v *verdicts) wake(key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.enqueue(key)
}

// of is what became of the rules of an APIRule as it is now.
func (v *verdicts) of(of *gateway.APIRule) verdict {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.by[types.NamespacedName{Namespace: of.Namespace, Name: of.Name}]
	if found.uid != of.UID || found.generation != of.Generation {
		found = verdict{}
	}
	if found.reason == ruleset.ServerUnreachable && said(of) == ruleset.InForce {
		found.reason, found.message = ruleset.InForce, "" // whoever led before has sent the rules
	}
	return found
}

func (v *verdicts) forget(key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.by, key)
}
