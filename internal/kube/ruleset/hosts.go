package ruleset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

// policy says which namespaces may claim which hosts.
type policy struct {
	entries  map[string][]string // namespaces by host: a name, "*.example.com" or "*"
	unlisted string
}

// add lists a host; namespaces that are listed already stay.
func (p *policy) add(host string, namespaces []string, from string) error {
	name := canonicalHost(host)
	bare := strings.TrimPrefix(name, "*.")
	if strings.Contains(host, ":") || name != everyHost && len(validation.IsDNS1123Subdomain(bare)) > 0 {
		return fmt.Errorf("%shost %q: write a name, *.example.com for all hosts below it, or * for every host; without a port", from, host)
	}
	if len(namespaces) == 0 {
		return fmt.Errorf("%shost %s: names no namespace", from, host)
	}
	if err := kube.CheckNamespaces(namespaces); err != nil {
		return fmt.Errorf("%shost %s: %w", from, host, err)
	}
	if p.entries == nil {
		p.entries = map[string][]string{}
	}
	p.entries[name] = append(p.entries[name], namespaces...)
	return nil
}

// canonicalHost gives a host of the configuration or of a pattern in one form: in lower case, without port and final dot, and with one
// star for any number of labels. So *.example.com is never less than what a pattern means by it.
func canonicalHost(host string) string {
	host = strings.ToLower(host)
	if at := strings.LastIndexByte(host, ':'); at >= 0 && strings.Trim(host[at+1:], "0123456789") == "" {
		host = host[:at]
	}
	host = strings.TrimSuffix(host, ".")
	if rest, ok := strings.CutPrefix(host, "**"); ok && (rest == "" || rest[0] == '.') {
		host = "*" + rest
	}
	return host
}

// wide reports whether a host is more than one.
func wide(host string) bool { return strings.HasPrefix(host, "*") }

// everyHost is the entry of namespaces that may claim whatever has no entry of its own. It takes nothing from the others.
const everyHost = "*"

// entry finds the most specific entry that covers all of a host, but for everyHost.
func (p *policy) entry(host string) (name string, found bool) {
	if _, ok := p.entries[host]; ok && host != everyHost {
		return host, true
	}
	for below := strings.TrimPrefix(host, "*."); ; {
		_, rest, more := strings.Cut(below, ".")
		if !more {
			break
		}
		if _, ok := p.entries["*."+rest]; ok {
			return "*." + rest, true
		}
		below = rest
	}
	return "", false
}

// may reports whether an entry names the namespace.
func (p *policy) may(namespace, entry string) bool { return kube.Fits(p.entries[entry], namespace) }

// within finds an entry for some of the hosts that a wide one stands for which does not name the namespace: who may claim many hosts takes
// none of those that are given to others. It is empty where there is none.
func (p *policy) within(namespace, host string) string {
	for _, name := range slices.Sorted(maps.Keys(p.entries)) {
		if name != everyHost && name != host && (host == everyHost || strings.HasSuffix(name, host[1:])) && !p.may(namespace, name) {
			return name
		}
	}
	return ""
}

// owners are the hosts that were given to who came first, with the rule that did.
type owners map[string]*item

// namespaces are those that the hosts were given to.
func (o owners) namespaces() map[string]string {
	all := make(map[string]string, len(o))
	for host, of := range o {
		all[host] = of.Owner.GetNamespace()
	}
	return all
}

// claim says why an offer may not claim a host; the reason is empty where it may.
func (p *policy) claim(namespace, host string, given owners) (Reason, string) {
	if wide(host) {
		if other := p.within(namespace, host); other != "" {
			return HostRefused, fmt.Sprintf("the pattern is for %s, and namespace %s may not claim %s among them: write hosts out, or have whoever runs the controller allow it with --host '%s=%[2]s'",
				hostWords(host), namespace, hostWords(other), other)
		}
	}
	if name, listed := p.entry(host); listed {
		if p.may(namespace, name) {
			return "", ""
		}
		return HostRefused, fmt.Sprintf("namespace %s may not claim %s: whoever runs the controller can allow it with --host '%s=%[1]s'", namespace, hostWords(host), name)
	}
	switch {
	case p.unlisted == Any || p.may(namespace, everyHost):
		return "", ""
	case p.unlisted == Refuse:
		return HostRefused, fmt.Sprintf("namespace %s may not claim %s: whoever runs the controller can allow it with --host '%s=%[1]s'", namespace, hostWords(host), host)
	case wide(host):
		return HostRefused, fmt.Sprintf("the pattern is for %s, and namespace %s may claim single hosts only: write the host out, or have whoever runs the controller allow it with --host '%s=%[2]s'",
			hostWords(host), namespace, host)
	}
	if owner := given[host]; owner != nil && owner.Owner.GetNamespace() != namespace {
		return HostTaken, fmt.Sprintf("the host %s belongs to namespace %s, whose rule %s had it first: take another host, or have whoever runs the controller give it away with --host %[1]s=%s",
			host, owner.Owner.GetNamespace(), owner.Rule.ID, namespace)
	}
	return "", ""
}

// give remembers who came first.
func (p *policy) give(of *item, host string, given owners) {
	if _, listed := p.entry(host); !listed && p.unlisted == FirstCome && given[host] == nil {
		given[host] = of
	}
}

// hostWords names hosts in a sentence.
func hostWords(host string) string {
	switch {
	case host == everyHost:
		return "every host (an expression such as <.*> that can match a slash may end the host: write <[^/]+>)"
	case wide(host):
		return "all hosts below " + strings.TrimPrefix(host, "*.")
	default:
		return "the host " + host
	}
}
