package chart

import (
	"encoding/base64"
	"maps"
	"slices"
)

func oathkeeperTable() table {
	return oryTable("deployment.").with(ingressTable("ingress.proxy.", "doors.proxy.url"), rows(`oathkeeper.config ! config
oathkeeper.accessRules ! rules
oathkeeper.managedAccessRules,secret.enabled =
oathkeeper.mutatorIdTokenJWKs,secret.nameOverride,secret.mountPath,secret.filename - `+ownKeys+`
oathkeeper.configFileOverride,oathkeeper.accessRulesOverride,oathkeeper.helmTemplatedConfigEnabled - it is of a ConfigMap of the old release
demo - docs/doors.md has rules to try out
ingress.api - the decision API is for the cluster's own proxies
service.proxy.enabled > doors.proxy.enabled truth
service.api.enabled > doors.decisions.enabled truth
sidecar - the image is Gatehouse's: see image.repository`,
		map[string]handle{"config": configuration(oathkeeperConfig), "rules": rules}))
}

const ownKeys = "tokens are signed with this server's own keys, which rotate"

// oathkeeperConfig says what Oathkeeper's configuration is called here.
func oathkeeperConfig() table {
	return rows(`access_rules.repositories ! repositories
access_rules.matching_strategy >> access.matching_strategy
authenticators >> access.authenticators
authorizers >> access.authorizers
errors >> access.errors
mutators ! mutators
version =
serve.proxy.cors >> serve.proxy.cors
serve.proxy.timeout >> serve.proxy.timeouts
serve.api.cors >> serve.decisions.cors
serve.api.timeout >> serve.decisions.timeouts
serve.proxy.*,serve.api.* - addresses and ports of listeners are the chart's
serve.prometheus - metrics are at the admin listener
tracing.provider,tracing.providers.* - set config.tracing.endpoint`,
		map[string]handle{
			"mutators": mutators,
			"repositories": func(c *Conversion, at string, v any) {
				list, _ := v.([]any)
				c.addRules(at, slices.DeleteFunc(slices.Clone(list), func(one any) bool { return one == "file:///etc/rules/access-rules.json" }))
			},
		})
}

// mutators has the mutators, of which id_token may name a file with keys.
func mutators(c *Conversion, at string, v any) {
	if config, ok := lookup(map[string]any{"m": v}, "m.id_token.config").(map[string]any); ok && config["jwks_url"] != nil {
		c.leave(at+".id_token.config.jwks_url", ownKeys)
		all := maps.Clone(v.(map[string]any))
		token := maps.Clone(all["id_token"].(map[string]any))
		config = maps.Clone(config)
		delete(config, "jwks_url")
		token["config"], all["id_token"] = config, token
		v = all
	}
	c.configure("access.mutators", at, v)
}

// rules has rules as text, which this chart gives the server in its configuration.
func rules(c *Conversion, at string, v any) {
	content, ok := v.(string)
	if !ok {
		c.leave(at, "it is no text")
		return
	}
	c.addRules(at, []any{"inline://" + base64.StdEncoding.EncodeToString([]byte(content))})
}

// addRules adds places where rules are read.
func (c *Conversion) addRules(at string, repositories []any) {
	before, _ := c.get("config.access.rules.repositories").([]any)
	if len(before) > 0 {
		remove(c.tree, []string{"config", "access", "rules", "repositories"})
	}
	if len(repositories) > 0 {
		c.configure("access.rules.repositories", at, slices.Concat(before, repositories))
	}
}

// oathkeeperDoors opens the proxy, which Oathkeeper always has.
func oathkeeperDoors(c *Conversion, _ map[string]any) {
	if !c.has("doors.proxy.enabled") {
		c.set("doors.proxy.enabled", true, "oathkeeper")
	}
}
