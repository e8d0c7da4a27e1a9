package chart

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/yamldoc"
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
	c.addRules(at, []any{inlineRules + base64.StdEncoding.EncodeToString([]byte(content))})
}

// inlineRules is what an address begins with that holds rules itself.
const inlineRules = "inline://"

// addRules adds places where rules are read.
func (c *Conversion) addRules(at string, repositories []any) {
	const path = "access.rules.repositories"
	all, _ := c.get("config." + path).([]any)
	all = slices.Clone(all)
	for i, one := range repositories {
		where := at
		if len(repositories) > 1 {
			where = fmt.Sprintf("%s[%d]", at, i)
		}
		if inlined, ok := strings.CutPrefix(textOf(one), inlineRules); ok && !c.showable(where, inlined) {
			continue
		}
		if reveals(one) || asks("url", nil, one) {
			c.leaveSecret(path, where)
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return
	}
	before := c.from["config."+path]
	remove(c.tree, strings.Split("config."+path, "."))
	c.configure(path, at, all)
	if before != "" {
		c.from["config."+path] = before + ", " + at // so that a later remark names both
	}
}

// showable tells whether rules hold no secret, and says so where they do, or where nobody can tell.
func (c *Conversion) showable(at, encoded string) bool {
	content, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		c.leave(at, "what follows "+inlineRules+" is not base64")
		return false
	}
	rules, err := yamldoc.NewReader(content).Next()
	list, isList := texts(rules).([]any)
	if err != nil || !isList {
		c.leave(at, "it is no list of rules, in JSON or YAML")
		return false
	}
	if hides(nil, list) {
		c.leave(at, "a rule in it holds a secret, or what looks like one, and what is below config is a ConfigMap: store these rules by the admin API, with `gatehouse rules apply`")
		return false
	}
	return true
}

// oathkeeperDoors opens the proxy, which Oathkeeper always has.
func oathkeeperDoors(c *Conversion, _ map[string]any) {
	if !c.has("doors.proxy.enabled") {
		c.set("doors.proxy.enabled", true, "oathkeeper")
	}
}
