package chart

import (
	"iter"
	"maps"
	"strings"
)

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// finish decides what follows from all that was read, and asks for what none of it said.
func (c *Conversion) finish() {
	if c.profile == "" {
		c.profile = "production"
	}
	c.tree["profile"] = c.profile
	for _, path := range []string{"url", "doors.proxy.url"} {
		if host := c.hosts[path]; host[0] != "" && !c.has(path) {
			c.set(path, host[0], host[1])
		}
	}
	mode, _ := c.get("database.mode").(string)
	c.onePod()
	c.noProviders()
	if c.profile == "production" {
		switch mode {
		case "":
			c.decide = append(c.decide, "database: none of the files says where data is. This installs a PostgreSQL in the cluster; set database.mode for one of yours.")
		case "postgres", "mysql", "cockroach", "cloudsql":
			c.pinSecrets()
		}
	}
	c.completeSecrets()
	if c.profile == "production" {
		c.production()
	}
}

// embedded tells whether the data is in the server's own pod.
func (c *Conversion) embedded() bool {
	mode, _ := c.get("database.mode").(string)
	return mode == "memory" || mode == "sqlite" || mode == "" && c.profile != "production"
}

// onePod takes out what an embedded database cannot have.
func (c *Conversion) onePod() {
	if !c.embedded() {
		return
	}
	for _, path := range []string{"replicaCount", "autoscaling"} {
		if c.has(path) {
			delete(c.tree, path)
			for ours, theirs := range c.from {
				if within(ours, path) {
					c.leave(theirs, "without a database server there is one pod")
				}
			}
		}
	}
}

// ownSecret is the Secret of the server's own secrets.
const ownSecret = "gatehouse-secrets"

// pinSecrets has the server's secrets come from a Secret: several installations may share a database, and need the same.
func (c *Conversion) pinSecrets() {
	c.tree["secretConfig"] = map[string]any{"create": false, "name": ownSecret}
}

// completeSecrets asks for each file that pods mount of that Secret, and that no setting says.
func (c *Conversion) completeSecrets() {
	if c.has("secretConfig") {
		for _, key := range []string{"system", "cookie"} {
			c.need(ownSecret, key, "16 characters or more, as `openssl rand -base64 32` prints")
		}
	}
}

// production fills in what the production profile asks for.
func (c *Conversion) production() {
	if u, _ := c.get("url").(string); !strings.HasPrefix(u, "https://") {
		if u != "" {
			c.leave(c.from["url"], "production is reached over https")
		}
		c.tree["url"] = "https://id.example.com/"
		c.decide = append(c.decide, "url: none of the files says under which https address people and applications reach the server. Replace https://id.example.com/.")
	}
	if !c.has("certificate") && !c.has("tlsTerminatedBy") {
		const name = "gatehouse-tls"
		c.tree["certificate"] = map[string]any{"existingSecret": name}
		c.need(name, "tls.crt", "the certificate for the host of url; tls.key its key")
	}
	if c.get("metrics.serviceMonitor.enabled") == true {
		const name = "gatehouse-metrics"
		put(c.tree, []string{"metrics", "serviceMonitor", "keySecret"}, name)
		c.need(name, "key", "what `gatehouse admin keys create --name prometheus --role viewer --only metrics --expires never` prints")
	}
	if !c.has("backup") {
		c.decide = append(c.decide, "backup: there are no backups before backup.enabled, recipients and destinations are set.")
	}
	if c.get("doors.proxy.enabled") == true && !strings.HasPrefix(textOf(c.get("doors.proxy.url")), "https://") {
		put(c.tree, []string{"doors", "proxy", "url"}, "https://apps.example.com/")
		c.decide = append(c.decide, "doors.proxy.url: none of the files says under which https address applications are reached. Replace https://apps.example.com/.")
	}
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}
