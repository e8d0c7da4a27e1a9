package ruleset

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

// Services are patterns of Services that nothing may lead to: name.namespace, as of path.Match.
type Services []string

// Validate says which of them is no pattern.
func (s Services) Validate() error {
	var faults []error
	for _, pattern := range s {
		if _, err := path.Match(pattern, ""); err != nil || !strings.Contains(pattern, ".") {
			faults = append(faults, fmt.Errorf("%q names no Service: write name.namespace, with * as of shell patterns", pattern))
		}
	}
	return errors.Join(faults...)
}

// Has reports whether a Service is among them.
func (s Services) Has(name, namespace string) bool {
	return kube.Fits(s, name+"."+namespace)
}

// hasHost reports whether a host may lead to one of them: name, name.namespace, name.namespace.svc and so on, as the cluster's DNS has it, also
// below that, where single pods of a Service are. Which namespace is meant by a bare name is the server's business, so it is any; but
// where all Services of a namespace are blocked, not every bare name is one of them.
func (s Services) hasHost(host string) bool {
	if ascii, err := idna.Lookup.ToASCII(host); err == nil { // as whoever connects does, so that letters and dots of other scripts hide nothing
		host = ascii
	}
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	if len(labels) == 1 {
		return slices.ContainsFunc(s, func(pattern string) bool {
			name, _, _ := strings.Cut(pattern, ".")
			return name != "*" && kube.Fits([]string{name}, labels[0])
		})
	}
	for at, label := range append(labels, "svc") { // which may be left out
		if label == "svc" && at >= 2 && s.Has(labels[at-2], labels[at-1]) {
			return true
		}
	}
	return false
}

// blocks reports whether a rule leads to one of them, and to which host.
func (s Services) blocks(r *access.Rule) (host string, blocked bool) {
	u, err := url.Parse(r.Upstream.URL)
	if err != nil || u.Hostname() == "" {
		return "", false // refused for that, or there is none
	}
	return u.Hostname(), s.hasHost(u.Hostname())
}
