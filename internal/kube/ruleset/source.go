package ruleset

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Source is a kind of resource that yields access rules. Its methods are called by one goroutine for each tenant.
type Source interface {
	// Kind is an empty object of the kind: the sets of a tenant are made anew when an object of it comes, goes or changes its
	// generation.
	Kind() client.Object
	// TenantOf is the tenant that an object names; empty is the controller's own.
	TenantOf(o client.Object) string
	// Owns reports whether a rule of that id is of this kind of resource, whoever sent it.
	Owns(id string) bool
	// Objects lists all objects that are not being deleted, from the cache, in any order. Nobody changes them. An error leaves the sets on the
	// server as they are.
	Objects(ctx context.Context) ([]client.Object, error)
	// Offers gives what an object offers.
	Offers(o client.Object) []Offer
	// Tell says what became of offers of one tenant. It must not wait for the API server: statuses are written by somebody else.
	Tell(ctx context.Context, verdicts []Verdict)
}

// Runner is a Source that has work of its own, such as writing statuses. Add is called by the leader, once the cluster has
// the kind of the source.
type Runner interface {
	Add(m manager.Manager) error
}

// Offer is one rule that an object describes. An object may offer several.
type Offer struct {
	// Owner is the object: its namespace claims the rule's hosts, and its age decides between rules that match the same requests.
	Owner client.Object
	// Tenant is the one that the object names; empty is the controller's own.
	Tenant string
	// Said is what the object's status says of it as it is now, as of the function Said.
	Said Reason
	// Rule is the rule in the server's format, but for Tenant and Source. Its id must be one that no other object's rule has.
	Rule access.Rule
	// Fault says why there is no rule, where the object describes none that makes sense; else it is empty.
	Fault string
	// Hosts are those that the object claims although it has a Fault: who mistypes a setting does not lose a host by that.
	Hosts []string
}

// Said is the reason that a condition of an object's status gives for the generation that the object has now; empty where there is none.
func Said(conditions []metav1.Condition, condition string, generation int64) Reason {
	if c := meta.FindStatusCondition(conditions, condition); c != nil && c.ObservedGeneration == generation {
		return Reason(c.Reason)
	}
	return ""
}

// Verdict is what became of an offer.
type Verdict struct {
	Offer Offer
	// Reason is InForce, or why the server does not decide by the rule.
	Reason Reason
	// Message says more to people: of a rule that is not in force, what to do.
	Message string
}

// Reason is why a rule is in force or not, in the form of a condition's reason.
type Reason string

// The reasons of verdicts.
const (
	// InForce: the server decides by the rule.
	InForce Reason = "InForce"
	// InvalidRule: the rule makes no sense by itself.
	InvalidRule Reason = "InvalidRule"
	// RuleConflict: an older rule matches the same requests.
	RuleConflict Reason = "RuleConflict"
	// TenantRefused: the namespace may not name the tenant.
	TenantRefused Reason = "TenantRefused"
	// HostRefused: the namespace may not claim the host.
	HostRefused Reason = "HostRefused"
	// HostTaken: the host is another namespace's, which had it first.
	HostTaken Reason = "HostTaken"
	// UpstreamRefused: the rule leads to a Service that none may lead to.
	UpstreamRefused Reason = "UpstreamRefused"
	// RuleRejected: the server does not accept the rule.
	RuleRejected Reason = "RuleRejected"
	// NotInForce: the server took the rule, and does not decide by it yet.
	NotInForce Reason = "NotInForce"
	// ServerUnreachable: the server could not be told.
	ServerUnreachable Reason = "ServerUnreachable"
)
