package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// sharedMethods gives the rule's methods in upper case, each once.
func (c *compiler) sharedMethods() []string {
	m := &c.rule.Match
	key := fmt.Sprintf("%q %q %t", m.Methods, m.FullMethod, m.AllowHTTPGet)
	list, known := c.methods[key]
	if known {
		return list
	}
	before := len(c.faults)
	if list = c.readMethods(); len(c.faults) == before { // a fault is each rule's own
		c.methods[key] = list
	}
	return list
}

// maxMethods is how many methods a rule may name: each is compared with those of all rules that are near, and there are some forty.
const maxMethods = 100

func (c *compiler) readMethods() []string {
	m := c.rule.Match
	if m.FullMethod != "" {
		if len(m.Methods) > 0 {
			c.fault("match.methods", "does not go with match.full_method: calls by gRPC are POST")
		}
		if m.AllowHTTPGet {
			return []string{"GET", "POST"}
		}
		return []string{"POST"}
	}
	if len(m.Methods) > maxMethods {
		c.fault("match.methods", "has %d methods, and may have %d", len(m.Methods), maxMethods)
		return nil
	}
	var methods []string
	for i, name := range m.Methods {
		upper := strings.ToUpper(name)
		if upper == "" || strings.Trim(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			c.fault(fmt.Sprintf("match.methods[%d]", i), "%q is not an HTTP method", name)
		}
		if !slices.Contains(methods, upper) {
			methods = append(methods, upper)
		}
	}
	return methods
}

// read reads what the rule says about scheme, host and path.
func (c *compiler) read() []*pattern.Reading {
	m := c.rule.Match
	switch {
	case m.URL != "" && (len(m.Hosts) > 0 || m.Path != "" || m.FullMethod != "" || m.Authority != ""):
		c.fault("match.url", "does not go with hosts, path, authority or full_method: write one or the other")
	case m.FullMethod != "" && (len(m.Hosts) > 0 || m.Path != ""):
		c.fault("match.full_method", "does not go with hosts and path: write one or the other")
	case m.FullMethod != "":
		scheme := "<https?>"
		if c.options.Config.MatchingStrategy == "glob" {
			scheme = "<{http,https}>"
		}
		return c.one("match.full_method", func() (*pattern.Reading, error) {
			return c.patterns.URL(scheme + "://" + m.Authority + "/" + strings.TrimPrefix(m.FullMethod, "/"))
		})
	case m.Authority != "" || m.AllowHTTPGet:
		c.fault("match.full_method", "is missing: authority and allow_http_get are for rules about gRPC")
	case m.URL != "":
		return c.one("match.url", func() (*pattern.Reading, error) { return c.patterns.URL(m.URL) })
	case len(m.Hosts) == 0 && m.Path == "":
		c.fault("match.url", "is missing: write match.url, or match.hosts and match.path; <https?>://<[^/]+>/<.*> is for all requests")
	case len(m.Hosts) == 0:
		return c.one("match.path", func() (*pattern.Reading, error) { return c.patterns.Template("", m.Path) })
	}
	var all []*pattern.Reading
	for i, host := range m.Hosts {
		if err := pattern.CheckHost(host); err != nil {
			c.fault(fmt.Sprintf("match.hosts[%d]", i), "%s", err)
			continue
		}
		all = append(all, c.one("match.path", func() (*pattern.Reading, error) { return c.patterns.Template(host, m.Path) })...)
	}
	return all
}

// one reads one pattern.
func (c *compiler) one(path string, read func() (*pattern.Reading, error)) []*pattern.Reading {
	p, err := read()
	if err != nil {
		c.fault(path, "%s", err)
		return nil
	}
	c.boundPattern(path, p.Weight(), p.Backtracks())
	return []*pattern.Reading{p}
}

// upstream reads where the proxy sends requests; a rule for the decision doors needs no upstream.
func (c *compiler) upstream() *url.URL {
	text := c.rule.Upstream.URL
	if text == "" {
		return nil
	}
	key := fmt.Sprint(c.rule.FromAPI(), text) // which decides what it is bound by
	if u := c.upstreams[key]; u != nil {
		return u
	}
	before := len(c.faults)
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
		c.fault("upstream.url", "must be an http, https or h2c URL with a host, such as http://backend:8080")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		c.fault("upstream.url", "must not have a query, a fragment or a user")
	default:
		c.boundUpstream(u)
	}
	if len(c.faults) == before {
		c.upstreams[key] = u
	}
	return u
}
