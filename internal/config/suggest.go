package config

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// renamed gives the place of keys that Ory's servers know under another name, for those who bring a configuration along.
func renamed(path string) string {
	switch path {
	case "ttl":
		return "oauth.lifespans"
	case "strategies":
		return "oauth.access_token_strategy and oauth.scope_strategy"
	case "urls.self", "urls.self.issuer":
		return "oauth.issuer"
	case "serve.tls", "serve.cookies":
		return "serve.public"
	case "oidc":
		return "oauth"
	case "access_rules":
		return "access.rules.repositories and access.matching_strategy"
	case "serve.api":
		return "serve.decisions"
	case "serve.proxy.port", "serve.proxy.host":
		return "serve.proxy.address"
	case "serve.proxy.trust_forwarded_headers":
		return "serve.proxy.trusted_proxies"
	case "serve.prometheus":
		return "a path of serve.admin"
	}
	return ""
}

// suggest gives the end of the sentence about an unknown key: the key that was most likely meant, or those there are.
func (d *decoder) suggest(parent, name string, siblings []field) string {
	full := join(parent, name)
	if to := renamed(full); to != "" {
		return "; in Gatehouse that is " + to
	}
	names := make([]string, len(siblings))
	for i, f := range siblings {
		names[i] = f.key
	}
	if best := spell.Nearest(name, names); best != "" {
		return "; did you mean " + join(parent, best) + "?"
	}
	var ends []string
	for _, k := range d.all {
		if k.path == name || strings.HasSuffix(k.path, "."+name) {
			ends = append(ends, k.path)
		}
	}
	switch {
	case len(ends) > 0 && len(ends) <= 3:
		return "; did you mean " + strings.Join(ends, " or ") + "?"
	case len(names) <= 12:
		return "; known here are " + strings.Join(names, ", ")
	}
	return ""
}
