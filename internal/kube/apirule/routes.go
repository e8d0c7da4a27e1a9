package apirule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gatehouse-iam/gatehouse/internal/access/engine"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// routes are the objects that send the host's requests.
func (o *Options) routes(p *plan, f *faults) []*unstructured.Unstructured {
	switch o.Route {
	case VirtualService:
		return o.virtualService(p, f)
	case HTTPRoute:
		return o.httpRoute(p, f)
	case Ingress:
		return o.ingress(p, f)
	case None:
	}
	return nil
}

// defaultTimeout is how long a VirtualService waits for an answer, in seconds, as Kyma's do.
const defaultTimeout = 180

// everySidecar is what Istio calls all proxies within the mesh in the place of a gateway.
const everySidecar = "mesh"

func (o *Options) virtualService(p *plan, f *faults) []*unstructured.Unstructured {
	if p.of.Spec.Gateway == everySidecar {
		f.add("gateway %s means every proxy within the mesh, and would redirect what other namespaces send: name a Gateway, as namespace/name", everySidecar)
	}
	var cors map[string]any
	if p.cors != nil {
		cors = istioCORS(p.cors, f)
	}
	var entries []any
	for i := range p.doors {
		entries = append(entries, o.virtualServiceEntry(p, i, cors))
	}
	return []*unstructured.Unstructured{object(virtualServiceKind, p.of.Namespace, p.of, map[string]any{
		"hosts": []any{p.host}, "gateways": []any{p.of.Spec.Gateway}, "http": entries,
	})}
}

// past reports whether a door's requests may go to the service past the gateway: when it is open to everybody, and is for one path, or for
// every path where no door is closed. A route compares paths as they were sent, and a service may read another path out of them than the
// route did: /public/..;/admin and /public/..%2Fadmin are below /public, and to some services they are /admin. The gateway refuses such
// spellings. So a part of a service that is open never leads past it, since the rest of the service need not be. Fields by which some
// services read another path or method are taken off on the way past, as the gateway does.
func (p *plan) past(i int) bool {
	d := &p.doors[i]
	whole := d.same && d.reach == reach{} && !slices.ContainsFunc(p.doors, func(other door) bool { return !other.open })
	return d.open && (d.reach.exact || whole)
}

// virtualServiceEntry sends one rule's requests.
func (o *Options) virtualServiceEntry(p *plan, i int, cors map[string]any) map[string]any {
	d := &p.doors[i]
	host, port := o.Proxy, int64(o.ProxyPort)
	if p.past(i) {
		host, port = fmt.Sprintf("%s.%s.svc.cluster.local", d.service.Name, d.service.Namespace), int64(d.service.Port)
	}
	uri := map[string]any{"regex": d.pattern}
	timeout := int32(defaultTimeout)
	if d.timeout != 0 {
		timeout = d.timeout
	}
	matches := []any{map[string]any{"uri": uri, "method": map[string]any{"regex": "^(" + strings.Join(methods(d), "|") + ")$"}}}
	request := map[string]any{"set": map[string]any{"x-forwarded-host": p.host}}
	if p.past(i) {
		request["remove"] = unsent()
	}
	headers := map[string]any{"request": request}
	entry := map[string]any{
		"route":   destinations(host, port),
		"timeout": fmt.Sprintf("%ds", timeout), "headers": headers,
	}
	if cors != nil {
		// The mesh answers what browsers ask beforehand, if a route fits it: by its method none would.
		matches = append(matches, map[string]any{
			"uri": uri, "method": map[string]any{"exact": "OPTIONS"},
			"headers": map[string]any{"origin": map[string]any{}, "access-control-request-method": map[string]any{}},
		})
		entry["corsPolicy"] = cors
	}
	if p.of.Spec.CorsPolicy != nil { // what the service says of it does not count any more
		headers["response"] = map[string]any{"remove": []any{
			"access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "access-control-allow-credentials",
			"access-control-expose-headers", "access-control-max-age",
		}}
	}
	entry["match"] = matches
	return entry
}

// unsent are the header fields that no client may send to a service.
func unsent() (names []any) {
	for _, name := range engine.Removed() {
		names = append(names, strings.ToLower(name))
	}
	return names
}

func destinations(host string, port int64) []any {
	return []any{map[string]any{"destination": map[string]any{"host": host, "port": map[string]any{"number": port}}}}
}

func methods(d *door) (all []string) {
	for _, m := range d.rule.Methods {
		all = append(all, string(m))
	}
	return all
}

// ingress sends all that rules reach to the gateway: it stands beside it, and reaches no other namespace.
func (o *Options) ingress(p *plan, f *faults) []*unstructured.Unstructured {
	if p.cors != nil {
		f.add("corsPolicy has no place in an Ingress: leave it out, and say it with annotations of the ingress controller, or in the service")
	}
	name, namespace := o.proxy()
	backend := map[string]any{"service": map[string]any{"name": name, "port": map[string]any{"number": int64(o.ProxyPort)}}}
	var paths []any
	for _, r := range p.reaches() {
		path, kind := r.text, "Prefix"
		if r.exact {
			kind = "Exact"
		} else if path == "" {
			path = "/"
		}
		paths = append(paths, map[string]any{"path": path, "pathType": kind, "backend": backend})
	}
	spec := map[string]any{"rules": []any{map[string]any{"host": p.host, "http": map[string]any{"paths": paths}}}}
	if o.IngressClass != "" {
		spec["ingressClassName"] = o.IngressClass
	}
	if o.IngressTLSSecret != "" {
		spec["tls"] = []any{map[string]any{"hosts": []any{p.host}, "secretName": o.IngressTLSSecret}}
	}
	u := object(ingressKind, namespace, p.of, spec)
	annotations := u.GetAnnotations()
	maps.Copy(annotations, o.IngressAnnotations)
	u.SetAnnotations(annotations)
	return []*unstructured.Unstructured{u}
}

// reaches are those of all doors, but for those that another one has.
func (p *plan) reaches() (all []reach) {
	for i := range p.doors {
		if r := p.doors[i].reach; !slices.ContainsFunc(all, func(other reach) bool { return other.covers(r) }) {
			all = append(slices.DeleteFunc(all, r.covers), r)
		}
	}
	return all
}

// istioCORS is a policy as Istio has it.
func istioCORS(c *gateway.CorsPolicy, f *faults) map[string]any {
	policy := map[string]any{}
	var origins []any
	for i, of := range c.AllowOrigins {
		for kind, text := range of {
			if kind != "exact" && kind != "prefix" && kind != "regex" {
				f.add("corsPolicy.allowOrigins[%d]: %q is none of exact, prefix and regex", i, kind)
			}
			origins = append(origins, map[string]any{kind: text})
		}
		if len(of) != 1 {
			f.add("corsPolicy.allowOrigins[%d] must have one of exact, prefix and regex", i)
		}
	}
	for name, list := range map[string][]any{
		"allowOrigins": origins, "allowMethods": anys(c.AllowMethods), "allowHeaders": anys(c.AllowHeaders), "exposeHeaders": anys(c.ExposeHeaders),
	} {
		if len(list) > 0 {
			policy[name] = list
		}
	}
	if c.AllowCredentials != nil {
		policy["allowCredentials"] = *c.AllowCredentials
	}
	if c.MaxAge != nil {
		policy["maxAge"] = c.MaxAge.Duration.String()
	}
	return policy
}

func anys(texts []string) (all []any) {
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}
