package apirule

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// Route is the kind of resource that sends requests.
type Route string

// The kinds of routes.
const (
	// None makes no route: only the access rules.
	None Route = "none"
	// VirtualService is Istio's.
	VirtualService Route = "virtualservice"
	// HTTPRoute is the Gateway API's.
	HTTPRoute Route = "httproute"
	// Ingress is that of Kubernetes.
	Ingress Route = "ingress"
)

// Routes are all kinds of routes.
func Routes() []Route { return []Route{None, VirtualService, HTTPRoute, Ingress} }

// Options are what the operator of the controller decides about APIRules.
type Options struct {
	// Route is the kind of routes that are made.
	Route Route
	// Proxy is the gateway's proxy listener as the cluster's DNS knows it: name.namespace, with or without svc and the cluster's domain.
	Proxy string
	// ProxyPort is the port of its Service.
	ProxyPort int
	// DefaultDomain is added to hosts without a dot; without it they are refused.
	DefaultDomain string
	// Domains are those of which hosts must be, themselves or below. None is any.
	Domains []string
	// Blocked are Services to which no APIRule may lead.
	Blocked ruleset.Services
	// CORS is the policy of APIRules that have none; nil is none.
	CORS *gateway.CorsPolicy
	// ParentGateway is the namespace/name of the Gateway that HTTPRoutes belong to, whatever the APIRule says.
	ParentGateway string
	// IngressClass is the class of Ingresses; empty is the cluster's default.
	IngressClass string
	// IngressTLSSecret is the Secret beside the gateway with the certificate for all hosts; empty leaves TLS to the ingress controller.
	IngressTLSSecret string
	// IngressAnnotations are put onto each Ingress.
	IngressAnnotations map[string]string
}

// proxy is the Service of the proxy.
func (o *Options) proxy() (name, namespace string) {
	name, rest, _ := strings.Cut(o.Proxy, ".")
	namespace, _, _ = strings.Cut(rest, ".")
	return name, namespace
}

// GatewayNamespace is where the gateway's proxy is, and what must stand beside it.
func (o *Options) GatewayNamespace() string {
	_, namespace := o.proxy()
	return namespace
}

// Validate returns all that is wrong with the options, in words for whoever wrote them.
func (o *Options) Validate() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	switch o.Route {
	case None, VirtualService, HTTPRoute, Ingress:
	default:
		fault("the kind of routes is %q, and one of none, virtualservice, httproute and ingress is known", o.Route)
	}
	name, namespace := o.proxy()
	if o.Route != None && (len(validation.IsDNS1035Label(name)) > 0 || len(validation.IsDNS1123Label(namespace)) > 0) {
		fault("the address of the gateway's proxy must begin with name and namespace of its Service, as gatehouse.iam.svc.cluster.local does")
	}
	if o.Route != None && len(validation.IsValidPortNum(o.ProxyPort)) > 0 {
		fault("the port of the gateway's proxy must be 1 to 65535")
	}
	for _, domain := range append([]string{o.DefaultDomain}, o.Domains...) {
		if domain != "" && len(validation.IsDNS1123Subdomain(domain)) > 0 {
			fault("%q is no domain, such as example.com", domain)
		}
	}
	if o.ParentGateway != "" && !strings.Contains(o.ParentGateway, "/") {
		fault("%q names no Gateway: write namespace/name", o.ParentGateway)
	}
	if o.Route == Ingress && o.CORS != nil {
		fault("an Ingress has no place for a CORS policy: take it out, or make other routes")
	}
	return errors.Join(faults...)
}

// AllowOrigins sets the policy of APIRules that have none: origins as kind:text, with one of the kinds exact, prefix and regex. None is no
// policy.
func (o *Options) AllowOrigins(origins, methods, headers []string) error {
	if len(origins) == 0 {
		return nil
	}
	o.CORS = &gateway.CorsPolicy{AllowMethods: methods, AllowHeaders: headers}
	for _, origin := range origins {
		kind, text, ok := strings.Cut(origin, ":")
		if !ok || kind != "exact" && kind != "prefix" && kind != "regex" {
			return fmt.Errorf("%s: write exact:https://shop.example.com, prefix:… or regex:…", origin)
		}
		o.CORS.AllowOrigins = append(o.CORS.AllowOrigins, map[string]string{kind: text})
	}
	return nil
}
