// Package ruleset keeps, for each tenant, one set of access rules on a Gatehouse server as Kubernetes resources describe it.
//
// It owns what of all that is offered is in force: which namespaces may claim which hosts, who wins of two that match the same
// requests, and that one faulty rule keeps no other from being in force. It does not own the resources: each kind of them is a
// Source, which lists what it offers and is told what became of it. Rule (package ruleset itself, rules.go) is one; another kind is
// another Source in the list Sets.Sources.
//
//	Source.Offers ──▶ tenant and host policy ──▶ the compiler of the server ──▶ PUT /admin/rules?set=…, whole ──▶ Source.Tell
//	                       refused: TenantRefused,    left out: InvalidRule,        left out: RuleRejected
//	                       HostRefused, HostTaken     RuleConflict
//
// A set is sent in one request, with If-Match, and only when it is not what the server has. It is sent by nobody but the leader, never
// before every source was listed, and never smaller than before while the kind of a source is being taken out of the cluster.
package ruleset
