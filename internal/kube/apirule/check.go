package apirule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// faults are all that is wrong with an APIRule.
type faults []string

// Error says all of it in one message.
func (f faults) Error() string { return strings.Join(f, "; ") }

func (f *faults) add(format string, a ...any) { *f = append(*f, fmt.Sprintf(format, a...)) }

// host is the name under which the service is reached, with its domain.
func (o *Options) host(spec *gateway.APIRuleSpec, f *faults) string {
	host := spec.Host
	if host == "" && spec.Service != nil {
		host = spec.Service.Host
	}
	host = strings.ToLower(host)
	switch {
	case host == "":
		f.add("host is missing")
		return ""
	case !strings.Contains(host, ".") && o.DefaultDomain == "":
		f.add("host %s has no domain, and the controller adds none: write it whole", host)
	case !strings.Contains(host, "."):
		host += "." + o.DefaultDomain
	}
	if len(host) > validation.DNS1123SubdomainMaxLength {
		f.add("host has %d characters, and at most %d are permitted", len(host), validation.DNS1123SubdomainMaxLength)
	}
	if strings.ContainsAny(host, "[]<>/:") { // the schema's pattern, which is Kyma's, lets a bracket in
		f.add("host %q is no name of a host", host)
	}
	below := func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
	if below("svc") || slices.ContainsFunc(o.clusterDomains(), below) {
		f.add("host %s is a name of the cluster's own, which is its Service's: take one that the cluster does not give", host)
	}
	if len(o.Domains) > 0 && !slices.ContainsFunc(o.Domains, below) {
		f.add("host %s is of none of the domains that the controller allows: %s", host, strings.Join(o.Domains, ", "))
	}
	return host
}

// clusterDomains are the domains of the cluster's own names: the usual one, and the one that the gateway's proxy is addressed by.
func (o *Options) clusterDomains() []string {
	domains := []string{"cluster.local"}
	if _, domain, found := strings.Cut(strings.ToLower(o.Proxy), ".svc."); found {
		domains = append(domains, domain)
	}
	return domains
}

// claimed is the host of an APIRule that makes no sense otherwise; none where it is the host that does not.
func (o *Options) claimed(spec *gateway.APIRuleSpec) []string {
	var f faults
	if host := o.host(spec, &f); len(f) == 0 {
		return []string{host}
	}
	return nil
}

// service is where a rule's requests go.
func (o *Options) service(of *gateway.APIRule, r *gateway.Rule, at string, f *faults) (s gateway.Backend) {
	switch {
	case r.Service != nil:
		s = *r.Service
	case of.Spec.Service != nil:
		s = *of.Spec.Service
	default:
		f.add("%s has no service, and the APIRule has none for all", at)
		return s
	}
	if s.Namespace == "" {
		s.Namespace = of.Namespace
	}
	if len(validation.IsDNS1123Label(s.Name)) > 0 || len(validation.IsDNS1123Label(s.Namespace)) > 0 {
		f.add("%s: %q in namespace %q is no name of a Service", at, s.Name, s.Namespace)
	}
	if o.Blocked.Has(s.Name, s.Namespace) {
		f.add("%s: the controller lets no APIRule lead to service %s in namespace %s", at, s.Name, s.Namespace)
	}
	return s
}

// pattern is a rule's path as a regular expression that begins with a slash.
func (o *Options) pattern(text, at string, f *faults) string {
	if text == ".*" || text == "/*" { // for which there is no other sense
		text = "/.*"
	}
	if !strings.HasPrefix(text, "/") {
		f.add("%s.path %q must begin with a slash: write /(a|b) and not (/a|/b)", at, text)
	}
	switch literal, _ := literalStart(text); {
	case alternatives(text):
		f.add("%s.path %q must put its alternatives into brackets: write /(a|b) and not /a|/b", at, text)
	case strings.HasPrefix(text, "/") && literal == "":
		f.add("%s.path %q must begin with a slash that has to be there", at, text)
	}
	if strings.ContainsAny(text, "<>") {
		f.add("%s.path %q must not have < or >", at, text)
	}
	if _, err := regexp.Compile(text); o.Route == VirtualService && err != nil {
		f.add("%s.path %q is no regular expression that Istio knows: %v", at, text, err)
	}
	return text
}

// twice finds paths that stand in two rules with one method.
func twice(spec *gateway.APIRuleSpec, f *faults) {
	first := map[[2]string]int{}
	for i := range spec.Rules {
		for _, m := range spec.Rules[i].Methods {
			key := [2]string{spec.Rules[i].Path, string(m)}
			if before, ok := first[key]; ok {
				f.add("rules[%d] has path %s with method %s, which rules[%d] has: leave the method out of one of them", i, key[0], m, before)
				continue
			}
			first[key] = i
		}
	}
}
