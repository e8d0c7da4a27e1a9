package apirule

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

const (
	// mostMatches is how many matches a rule of an HTTPRoute has, in every version of the Gateway API.
	mostMatches = 8
	// mostEntries is how many rules an HTTPRoute has.
	mostEntries = 16
	gatewayAPI  = "gateway.networking.k8s.io"
)

// httpRoute is an HTTPRoute, and the permission to lead into the gateway's namespace. Unlike a VirtualService it has no order: the longer
// path wins, then the method. So paths go past the gateway only where no earlier rule could mean them.
func (o *Options) httpRoute(p *plan, f *faults) []*unstructured.Unstructured {
	parent := gatewayName(p.of.Spec.Gateway, p.of.Namespace)
	if o.ParentGateway != "" {
		parent = gatewayName(o.ParentGateway, p.of.Namespace)
	}
	if parent[1] == "" {
		f.add("gateway %q names no Gateway: write namespace/name", p.of.Spec.Gateway)
	}
	entries := o.entries(p, f)
	if len(entries) > mostEntries {
		f.add("the rules need %d rules of an HTTPRoute, which has at most %d: divide them among several APIRules", len(entries), mostEntries)
	}
	name, namespace := o.proxy()
	route := object(httpRouteKind, p.of.Namespace, p.of, map[string]any{
		"parentRefs": []any{map[string]any{"group": gatewayAPI, "kind": "Gateway", "namespace": parent[0], "name": parent[1]}},
		"hostnames":  []any{p.host}, "rules": entries,
	})
	if namespace == p.of.Namespace {
		return []*unstructured.Unstructured{route}
	}
	return []*unstructured.Unstructured{route, object(grantKind, namespace, p.of, map[string]any{
		"from": []any{map[string]any{"group": gatewayAPI, "kind": "HTTPRoute", "namespace": p.of.Namespace}},
		"to":   []any{map[string]any{"group": "", "kind": "Service", "name": name}},
	})}
}

// entries are the rules of an HTTPRoute.
func (o *Options) entries(p *plan, f *faults) (all []any) {
	var filters []any
	if p.cors != nil {
		filters = []any{map[string]any{"type": "CORS", "cors": gatewayCORS(p.cors, f)}}
	}
	add := func(matches []any, timeout int32, filters, backends []any) {
		entry := map[string]any{"matches": matches, "backendRefs": backends}
		if timeout > 0 {
			entry["timeouts"] = map[string]any{"request": fmt.Sprintf("%ds", timeout)}
		}
		if filters != nil {
			entry["filters"] = filters
		}
		all = append(all, entry)
	}
	name, namespace := o.proxy()
	for _, g := range p.towardsGateway() {
		for chunk := range slices.Chunk(g.reaches, mostMatches) {
			var matches []any
			for _, r := range chunk {
				matches = append(matches, map[string]any{"path": r.match()})
			}
			add(matches, g.timeout, filters, backends(name, namespace, int64(o.ProxyPort)))
		}
	}
	past := []any{map[string]any{"type": "RequestHeaderModifier", "requestHeaderModifier": map[string]any{"remove": unsent()}}}
	for i := range p.doors {
		if d := &p.doors[i]; p.direct(i) {
			var matches []any
			for _, method := range methods(d) {
				matches = append(matches, map[string]any{"path": d.reach.match(), "method": method})
			}
			add(matches, d.timeout, past, backends(d.service.Name, d.service.Namespace, int64(d.service.Port)))
		}
	}
	return all
}

func backends(name, namespace string, port int64) []any {
	return []any{map[string]any{"group": "", "kind": "Service", "name": name, "namespace": namespace, "port": port, "weight": int64(1)}}
}

// direct reports whether a door's requests go to the service: when they may go past the gateway, an HTTPRoute can say exactly its paths, and
// no earlier rule could mean one of them. Where a policy for other origins is added, what browsers ask beforehand must find a route too.
func (p *plan) direct(i int) bool {
	d := &p.doors[i]
	if !p.past(i) || !d.same || p.cors != nil {
		return false
	}
	for j := range i {
		if share(p.doors[j].rule, d.rule) && p.doors[j].reach.covers(d.reach) {
			return false
		}
	}
	return true
}

// group are reaches of one timeout.
type group struct {
	timeout int32
	reaches []reach
}

// towardsGateway are the reaches of all doors that lead to the gateway. None is left out because another covers it: it may be what keeps
// its paths from a longer one that leads past the gateway.
func (p *plan) towardsGateway() (all []group) {
	timeouts := map[reach]int32{}
	var order []reach
	for i := range p.doors {
		if p.direct(i) {
			continue
		}
		d := &p.doors[i]
		timeout, known := timeouts[d.reach]
		if !known {
			order = append(order, d.reach)
		}
		timeouts[d.reach] = max(timeout, d.timeout)
	}
	for _, r := range order {
		at := slices.IndexFunc(all, func(g group) bool { return g.timeout == timeouts[r] })
		if at < 0 {
			at, all = len(all), append(all, group{timeout: timeouts[r]})
		}
		all[at].reaches = append(all[at].reaches, r)
	}
	return all
}

// match is how the Gateway API writes a reach.
func (r reach) match() map[string]any {
	switch {
	case r.exact:
		return map[string]any{"type": "Exact", "value": r.text}
	case r.text == "":
		return map[string]any{"type": "PathPrefix", "value": "/"}
	}
	return map[string]any{"type": "PathPrefix", "value": r.text}
}

// gatewayName reads namespace/name, name.namespace with or without more, or a name in the own namespace.
func gatewayName(text, own string) (namespaceAndName [2]string) {
	if namespace, name, ok := strings.Cut(text, "/"); ok {
		return [2]string{namespace, name}
	}
	name, rest, ok := strings.Cut(text, ".")
	if !ok {
		return [2]string{own, name}
	}
	namespace, _, _ := strings.Cut(rest, ".")
	return [2]string{namespace, name}
}

// gatewayCORS is a policy as the Gateway API's filter has it.
func gatewayCORS(c *gateway.CorsPolicy, f *faults) map[string]any {
	var origins []string
	for i, of := range c.AllowOrigins {
		switch {
		case len(of) == 1 && of["exact"] != "":
			origins = append(origins, of["exact"])
		case len(of) == 1 && (of["regex"] == ".*" || of["prefix"] == "*"):
			origins = append(origins, "*")
		default:
			f.add("corsPolicy.allowOrigins[%d]: an HTTPRoute knows exact origins, and regex .* for all", i)
		}
	}
	policy := map[string]any{"maxAge": int64(5)}
	for name, list := range map[string][]string{
		"allowOrigins": origins, "allowMethods": c.AllowMethods, "allowHeaders": c.AllowHeaders, "exposeHeaders": c.ExposeHeaders,
	} {
		if len(list) > 0 {
			policy[name] = anys(list)
		}
	}
	if c.AllowCredentials != nil {
		policy["allowCredentials"] = *c.AllowCredentials
	}
	if c.MaxAge != nil {
		policy["maxAge"] = int64(math.Ceil(c.MaxAge.Seconds()))
	}
	return policy
}
