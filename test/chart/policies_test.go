package chart

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
)

// endpoint is a pod, or where pods has none an address outside of the cluster, as the policies of a network see it.
type endpoint struct {
	namespace string
	labels    object
	address   netip.Addr
}

// target is a port of an endpoint.
type target struct {
	endpoint
	number int
	// name is the port's name in the pod, "" where it has none.
	name     string
	protocol string
}

// mayTalk tells whether the policies let somebody open a connection: those of who asks and those of who is asked, each where it is a pod.
// A network of whom no policy of a direction speaks lets everything through.
func mayTalk(r *rendered, from endpoint, to target) bool {
	return lets(r, "Egress", from, to.endpoint, to) && lets(r, "Ingress", to.endpoint, from, to)
}

// lets tells whether the policies of a pod let a peer through in a direction.
func lets(r *rendered, direction string, pod, peer endpoint, to target) bool {
	if pod.labels == nil {
		return true
	}
	rulesKey, peersKey := "egress", "to"
	if direction == "Ingress" {
		rulesKey, peersKey = "ingress", "from"
	}
	isolated := false
	for _, p := range r.ofKind("NetworkPolicy") {
		selector, _ := p.at("spec", "podSelector").(map[string]any)
		types, _ := p.at("spec", "policyTypes").([]any)
		if p.text("metadata", "namespace") != pod.namespace || !labelsMatch(selector, pod.labels) || !slices.Contains(types, any(direction)) {
			continue
		}
		isolated = true
		for _, rule := range list(p, "spec", rulesKey) {
			if anyOf(list(rule, "ports"), func(port object) bool { return portFits(port, to) }) &&
				anyOf(list(rule, peersKey), func(o object) bool { return peerFits(o, p.text("metadata", "namespace"), peer) }) {
				return true
			}
		}
	}
	return !isolated
}

// list gives the objects of a list.
func list(o object, path ...any) []object {
	items, _ := o.at(path...).([]any)
	var all []object
	for _, item := range items {
		all = append(all, item.(map[string]any))
	}
	return all
}

// anyOf tells whether one of the objects fits; where none is named, all do.
func anyOf(of []object, fits func(object) bool) bool {
	return len(of) == 0 || slices.ContainsFunc(of, fits)
}

func portFits(port object, to target) bool {
	if protocol := port.text("protocol"); protocol != "" && protocol != to.protocol {
		return false
	}
	is := port.text("port")
	if end, err := strconv.Atoi(port.text("endPort")); err == nil {
		first, _ := strconv.Atoi(is)
		return first <= to.number && to.number <= end
	}
	return is == "" || is == strconv.Itoa(to.number) || is == to.name
}

func peerFits(peer object, namespace string, is endpoint) bool {
	if block, ok := peer.at("ipBlock").(map[string]any); ok {
		within := func(cidr any) bool { return netip.MustParsePrefix(cidr.(string)).Contains(is.address) }
		excepted, _ := block["except"].([]any)
		return within(block["cidr"]) && !slices.ContainsFunc(excepted, within)
	}
	if is.labels == nil {
		return false
	}
	if spaces, ok := peer.at("namespaceSelector").(map[string]any); ok {
		if !labelsMatch(spaces, object{"kubernetes.io/metadata.name": is.namespace}) {
			return false
		}
	} else if is.namespace != namespace {
		return false
	}
	pods, _ := peer.at("podSelector").(map[string]any)
	return labelsMatch(pods, is.labels)
}

// network is who there is around a release: its own pods by their component, and strangers.
func network(r *rendered) (map[string]endpoint, map[string]target) {
	pod := func(namespace, address string, labels object) endpoint {
		return endpoint{namespace, labels, netip.MustParseAddr(address)}
	}
	from := map[string]endpoint{
		"ingress controller": pod("ingress-nginx", "10.244.1.1", object{"app": "nginx"}), "Prometheus": pod("monitoring", "10.244.1.2", object{"app": "prometheus"}),
		"a stranger": pod("shop", "10.244.1.3", object{"app": "shop"}), "a neighbour": pod(namespace, "10.244.1.4", object{"app": "other"}),
		"the internet": {address: netip.MustParseAddr("203.0.113.9")},
	}
	to := map[string]target{
		"DNS":          {pod("kube-system", "10.244.0.2", object{"k8s-app": "kube-dns"}), 53, "dns", "UDP"},
		"an API":       {endpoint{address: netip.MustParseAddr("10.0.0.1")}, 6443, "", "TCP"},
		"metadata":     {endpoint{address: netip.MustParseAddr("169.254.169.254")}, 80, "", "TCP"},
		"HTTPS":        {endpoint{address: netip.MustParseAddr("203.0.113.9")}, 443, "", "TCP"},
		"intranet":     {endpoint{address: netip.MustParseAddr("10.9.8.7")}, 443, "", "TCP"},
		"mail":         {endpoint{address: netip.MustParseAddr("203.0.113.9")}, 465, "", "TCP"},
		"a database":   {endpoint{address: netip.MustParseAddr("10.20.0.5")}, 5432, "", "TCP"},
		"another pod":  {from["a stranger"], 8080, "", "TCP"},
		"a pod nearby": {from["a neighbour"], 8080, "", "TCP"},
	}
	for _, p := range podsOf(r) {
		labels, _ := p.at("metadata", "labels").(map[string]any)
		component := object(labels).text("app.kubernetes.io/component")
		from[component] = pod(namespace, "10.244.2."+strconv.Itoa(len(from)), labels)
		for _, c := range containersOf(p) {
			for _, port := range list(c, "ports") {
				number, _ := strconv.Atoi(port.text("containerPort"))
				to[component+" "+port.text("name")] = target{from[component], number, port.text("name"), "TCP"}
			}
		}
	}
	return from, to
}

// Each pair that must talk may, and no other: between pods of the release, from and to strangers, and with what is outside.
func TestWhoMayTalkToWhom(t *testing.T) {
	bundled := example(t, "production-bundled.yaml")
	bundled["controller"] = values{"enabled": true}
	cases := map[string]struct {
		given   values
		allowed map[string][]string
	}{
		"development": {values{}, map[string][]string{
			"server": {"DNS", "HTTPS"}, "make-secrets": {"DNS", "an API", "HTTPS", "intranet"}, "test": {"DNS", "server public", "server admin"},
			"a stranger": {"server public"}, "a neighbour": {"server public"}, "ingress controller": {"server public"}, "Prometheus": {"server public"},
			"the internet": {"server public"},
		}},
		"bundled": {bundled, map[string][]string{
			"server":       {"DNS", "HTTPS", "mail", "postgresql postgresql"},
			"make-secrets": {"DNS", "an API", "HTTPS", "intranet"}, "database": {"DNS", "postgresql postgresql"}, "backup": {"DNS", "HTTPS", "postgresql postgresql"},
			"controller": {"DNS", "an API", "HTTPS", "intranet", "server admin"}, "release": {"DNS", "an API", "HTTPS", "intranet"}, "test": {"DNS", "server public", "server admin"},
			"a stranger": {"server public"}, "a neighbour": {"server public"}, "ingress controller": {"server public"}, "Prometheus": {"server public"},
			"the internet": {"server public"},
		}},
		"hardened": {example(t, "production-hardened.yaml"), map[string][]string{
			"server": {"DNS", "HTTPS", "mail", "a database"}, "make-secrets": {"DNS", "an API"}, "database": {"DNS", "a database"},
			"backup": {"DNS", "HTTPS", "a database"}, "drill": {"DNS", "HTTPS"}, "controller": {"DNS", "an API", "server admin"}, "release": {"DNS", "an API"},
			"test": {"DNS", "server public", "server admin"}, "ingress controller": {"server public"}, "Prometheus": {"server admin", "controller metrics"},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := mustRender(t, tc.given)
			from, to := network(r)
			for who, asks := range from {
				for whom, asked := range to {
					of, ours := asks.labels["app.kubernetes.io/component"]
					if _, its := asked.labels["app.kubernetes.io/component"]; !ours && !its || ours && of == asked.labels["app.kubernetes.io/component"] {
						continue // the release says nothing of strangers among themselves
					}
					if got, want := mayTalk(r, asks, asked), slices.Contains(tc.allowed[who], whom); got != want {
						t.Errorf("%s to %s: %v, want %v", who, whom, got, want)
					}
				}
			}
		})
	}
}

// labelsMatch tells whether a selector that has nothing but labels, and lists of them, selects labels.
func labelsMatch(selector, labels object) bool {
	wanted, _ := selector.at("matchLabels").(map[string]any)
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	expressions, _ := selector.at("matchExpressions").([]any)
	for _, e := range expressions {
		e := object(e.(map[string]any))
		in, _ := e.at("values").([]any)
		if e.text("operator") != "In" || !slices.Contains(in, labels[e.text("key")]) {
			return false
		}
	}
	return true
}

// S2-24, W25: each pod is in a policy for both directions, and none but a proxy without a key reaches the metadata address.
func TestEveryPodHasAPolicy(t *testing.T) {
	metadata := netip.MustParseAddr("169.254.169.254")
	cases := map[string]values{"workload identity": read(t, minimal("production", "cloudsql"))}
	for _, name := range exampleNames(t) {
		cases[name] = example(t, name)
	}
	for name, given := range cases {
		r := mustRender(t, given)
		for where, pod := range podsOf(r) {
			labels, _ := pod.at("metadata", "labels").(map[string]any)
			both := false
			for _, p := range r.ofKind("NetworkPolicy") {
				selector, _ := p.at("spec", "podSelector").(map[string]any)
				both = both || labelsMatch(selector, labels) && p.text("spec", "policyTypes") == "[Ingress Egress]"
			}
			if !both {
				t.Errorf("%s: %s is in no NetworkPolicy", name, where)
			}
		}
		for _, p := range r.ofKind("NetworkPolicy") {
			if reached := reaches(p, metadata); reached != (name == "workload identity" && p.name() == "gatehouse-cloudsql") {
				t.Errorf("%s: the policy %s lets the metadata address be reached: %v", name, p.name(), reached)
			}
		}
	}
}

// reaches tells whether a policy lets pods reach an address.
func reaches(policy object, address netip.Addr) bool {
	rules, _ := policy.at("spec", "egress").([]any)
	for _, rule := range rules {
		peers, _ := object(rule.(map[string]any)).at("to").([]any)
		if len(peers) == 0 {
			return true
		}
		for _, peer := range peers {
			block, ok := object(peer.(map[string]any)).at("ipBlock").(map[string]any)
			if !ok || !netip.MustParsePrefix(block["cidr"].(string)).Contains(address) {
				continue
			}
			excepted, _ := block["except"].([]any)
			if !slices.ContainsFunc(excepted, func(e any) bool { return netip.MustParsePrefix(e.(string)).Contains(address) }) {
				return true
			}
		}
	}
	return false
}
