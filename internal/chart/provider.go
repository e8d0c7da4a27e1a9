package chart

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	signIn = "selfservice.methods.oidc"
	// providerSecrets is the Secret with the secrets of the clients that the server is at providers, and where pods have it.
	providerSecrets = "gatehouse-providers"
	providerFiles   = "/run/secrets/providers"
)

// providerID is what the server takes as the name of a provider, which is then the key of a Secret.
var providerID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// providers has where people sign in. The secrets of the clients there become files of a Secret.
func providers(c *Conversion, at string, v any) {
	list, ok := v.([]any)
	if !ok {
		c.leave(at, "it is no list")
	}
	items, _ := c.schema.at(signIn + ".config.providers")["items"].(map[string]any)
	var carried []any
	for i, one := range list {
		if m := c.provider(items, fmt.Sprintf("%s[%d]", at, i), one); m != nil {
			carried = append(carried, m)
		}
	}
	if len(carried) == 0 {
		return
	}
	c.set("config."+signIn+".config.providers", carried, at)
	if slices.ContainsFunc(c.secrets, func(s *needed) bool { return s.name == providerSecrets }) {
		c.tree["extraVolumes"] = []any{map[string]any{"name": "providers", "secret": map[string]any{"secretName": providerSecrets}}}
		c.tree["extraVolumeMounts"] = []any{map[string]any{"name": "providers", "mountPath": providerFiles, "readOnly": true}}
	}
}

// provider is one provider as it is called here; nil where the server does not know it.
func (c *Conversion) provider(s schema, at string, v any) map[string]any {
	from, _ := v.(map[string]any)
	id, kind := textOf(from["id"]), textOf(from["provider"])
	if known, _ := s.at("provider")["enum"].([]any); !slices.Contains(known, any(kind)) || !providerID.MatchString(id) {
		c.leave(at, "it is none of the providers that Gatehouse knows, of which generic is each that has OpenID Connect Discovery, or its id is more than letters, digits, - and _")
		return nil
	}
	m := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(from)) {
		switch below := s.at(key); {
		case below == nil:
			c.leave(at+"."+key, "Gatehouse has no such setting")
		case key == "client_secret" && !empty(from[key]):
			m["client_secret_file"] = providerFiles + "/" + id
			c.need(providerSecrets, id, "what "+at+"."+key+" says")
		case hides(below, from[key]):
			c.leaveSecret(signIn+".config.providers", at+"."+key)
		case !empty(from[key]):
			m[key] = fit(below, from[key])
		}
	}
	return m
}

// noProviders takes out that people sign in at providers where none is known: the server would not start.
func (c *Conversion) noProviders() {
	const enabled = "config." + signIn + ".enabled"
	if c.get(enabled) == true && !c.has("config."+signIn+".config.providers") {
		c.leave(c.from[enabled], "no provider was carried over")
		delete(c.from, enabled)
		remove(c.tree, strings.Split(enabled, "."))
	}
}
