package harden

import (
	"slices"
	"strconv"
)

func workloadChecks() []Check {
	return []Check{
		{
			ID: "workload-one-replica", Severity: Medium, Title: "A workload has one replica",
			Why: "A machine that fails, or an upgrade, interrupts every login.", How: "Set replicas to 2 or more, or let a HorizontalPodAutoscaler have minReplicas of 2.", Settings: []string{"spec.replicas"}, Reference: "NIST SP 800-34 §3.4.2",
			find: workloads("workload-one-replica", func(c *Cluster, p pod, say func(string, ...any)) {
				if n := c.replicas(p); n < 2 {
					say("has replicas: %d", n)
				}
			}),
		},
		{
			ID: "disruption-budget-missing", Severity: Low, Title: "All replicas of a workload may be taken away at once",
			Why: "An upgrade of the cluster does so.", How: "Add a PodDisruptionBudget that selects its pods, with maxUnavailable: 1.", Settings: []string{"PodDisruptionBudget"}, Reference: "NIST SP 800-34 §3.4.2",
			find: workloads("disruption-budget-missing", func(c *Cluster, p pod, say func(string, ...any)) {
				if !slices.ContainsFunc(c.ofKind("PodDisruptionBudget"), func(o object) bool { return o.selects(p, "spec", "selector") }) {
					say("is selected by no PodDisruptionBudget")
				}
			}),
		},
		{
			ID: "network-policy-missing", Severity: High, Title: "Everything in the cluster reaches a pod",
			Why: "One compromised pod is enough to try the admin listener and the databases.", How: "Add a NetworkPolicy that selects its pods and lets in the ingress controller, proxies and monitoring.", Settings: []string{"NetworkPolicy"}, Reference: "CIS Kubernetes Benchmark 5.3.2, " + guide + ": network separation",
			find: pods("network-policy-missing", func(f *Facts, p pod, say func(string, ...any)) {
				if !slices.ContainsFunc(f.Cluster.ofKind("NetworkPolicy"), func(o object) bool {
					types := o.tree.list("spec", "policyTypes")
					return o.selects(p, "spec", "podSelector") && (len(types) == 0 || slices.Contains(types, any("Ingress")))
				}) {
					say("is selected by no NetworkPolicy for what comes in")
				}
			}),
		},
	}
}

// workloads asks about Deployments and StatefulSets.
func workloads(id string, ask func(c *Cluster, p pod, say func(format string, a ...any))) func(*Facts) verdict {
	return pods(id, func(f *Facts, p pod, say func(string, ...any)) {
		if p.kind == "Deployment" || p.kind == "StatefulSet" {
			ask(f.Cluster, p, say)
		}
	})
}

// replicas gives how many pods a workload has at least.
func (c *Cluster) replicas(p pod) int {
	for _, scaler := range c.ofKind("HorizontalPodAutoscaler") {
		target := scaler.tree.group("spec", "scaleTargetRef")
		if scaler.namespace == p.namespace && target.text("kind") == p.kind && target.text("name") == p.name {
			return number(scaler.tree.text("spec", "minReplicas"))
		}
	}
	return number(p.tree.text("spec", "replicas"))
}

// number reads a number of replicas; what is not written is 1.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 1
	}
	return n
}

// selects tells whether the selector at a path of an object selects a pod.
func (o object) selects(p pod, path ...string) bool {
	selector, there := o.tree.at(path...).(map[string]any)
	if !there || o.namespace != p.namespace {
		return false
	}
	for name, value := range tree(selector).texts("matchLabels") {
		if p.labels[name] != value {
			return false
		}
	}
	for _, e := range tree(selector).each("matchExpressions") {
		value, there := p.labels[e.text("key")]
		listed := slices.Contains(e.list("values"), any(value))
		if !map[string]bool{"In": there && listed, "NotIn": !there || !listed, "Exists": there, "DoesNotExist": !there}[e.text("operator")] {
			return false
		}
	}
	return true
}
