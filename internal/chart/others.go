package chart

import (
	"maps"
	"slices"
)

func openzroTable() table {
	t := ingressTable("management.ingress.", "url").with(rows(`management.config.dataStoreEncryptionKey ! key
management.replicaCount > replicaCount whole
management.resources > resources object
management.nodeSelector > nodeSelector labels
management.tolerations > tolerations array
management.affinity > affinity object
management.persistentVolume.size,dex.persistence.size > database.sqlite.size text
management.persistentVolume.storageClass,dex.persistence.storageClass > database.sqlite.storageClass text
management.config.geoLite,management.geoLite ! geo
dex.enabled,dex.persistence.enabled =
dex.* - who may sign in is Gatehouse's own business: see docs/people.md
management.*,signal,relay,dashboard,cluster,coturn,grpcProxy - it belongs to another product's networking: Gatehouse has nothing like it
serviceMonitor.enabled > metrics.serviceMonitor.enabled truth
networkPolicy.enabled > networkPolicy.enabled truth
imagePullSecrets > imagePullSecrets array
nameOverride,fullnameOverride - a release beside the old one needs names of its own
global.image,image.* - the image is Gatehouse's: see image.repository
postgres.overrides.*,mysql.overrides.* - set database.users, with a Secret for each`,
		map[string]handle{"key": ownSecrets("system"), "geo": under(geoLite)}))
	for _, engine := range []string{"postgres", "mysql"} {
		for _, key := range []string{
			"enabled", "host", "port", "username", "password", "existingSecret", "existingSecretPasswordKey", "sslMode", "tls", "databases.management", "databases.flow", "databases.activity", "databases.dex",
			"provisioning.enabled", "provisioning.username", "provisioning.password", "provisioning.existingSecret",
		} {
			t[engine+"."+key] = row{verb: isSo} // openzroDatabase reads them together
		}
	}
	return t
}

// geoLite are the settings of the database of places.
func geoLite() table {
	return rows(`licenseKey.existingSecret ! secret
licenseKey.existingSecretKey =
licenseKey.value ! value
mirror,mirrorURL >> access.geoip.mirror
enabled ! enabled`, map[string]handle{
		"secret": func(c *Conversion, at string, v any) { maxmind(c, at, textOf(v)) },
		"value":  func(c *Conversion, at string, _ any) { c.vary("access.geoip.license_key", at); maxmindSource(c, at) },
		"enabled": func(c *Conversion, at string, v any) {
			if b, ok := truth.of(v); ok && b == false {
				c.configure("access.geoip.source", at, "off")
			}
		},
	})
}

func maxmindSource(c *Conversion, at string) {
	c.configure("access.geoip.source", at, "maxmind")
	c.decide = append(c.decide, "config.access.geoip.account_id: MaxMind wants the number of the account beside the licence key.")
}

// maxmind takes the licence key from a Secret.
func maxmind(c *Conversion, at, name string) {
	key := "licenseKey"
	for _, where := range []string{"management.config.geoLite", "management.geoLite"} {
		if s := textOf(lookup(c.input["openzro"], where+".licenseKey.existingSecretKey")); s != "" {
			key = s
		}
	}
	env, _ := c.tree["extraEnv"].([]any)
	c.tree["extraEnv"] = append(env, map[string]any{
		"name": variable("access.geoip.license_key"), "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": name, "key": key}},
	})
	maxmindSource(c, at)
}

// openzroDatabase reads what says together where the data is.
func openzroDatabase(c *Conversion, tree map[string]any) {
	on := func(path string) bool { b, _ := truth.of(lookup(tree, path)); return b == true }
	engine := "postgres"
	switch {
	case on("postgres.enabled") && on("mysql.enabled"):
		c.leave("mysql.enabled", "postgres.enabled is true, and there is one database server")
	case on("mysql.enabled"):
		engine = "mysql"
	case !on("postgres.enabled"):
		c.embed("postgres.enabled", "sqlite")
		return
	}
	say := func(key string) string { s, _ := scalar(lookup(tree, engine+"."+key)); return s }
	d := database{
		at: engine, logical: "management", mode: engine, host: say("host"), user: say("username"), secret: say("existingSecret"),
		key: say("existingSecretPasswordKey"), names: map[string]string{}, password: engine + ".password",
	}
	d.host, d.port = hostAndPort(d.host)
	if port, ok := whole.of(lookup(tree, engine+".port")); ok {
		d.port, _ = port.(int)
	}
	if d.user == "" {
		d.user = "openzro"
	}
	// Where it is not written, openZro's own name.
	for ours, theirs := range map[string][2]string{"management": {"management", "openzro"}, "oauth": {"dex", "dex"}, "activity": {"activity", "openzro_activity"}, "flow": {"flow", "openzro_flow"}} {
		if d.names[ours] = say("databases." + theirs[0]); d.names[ours] == "" {
			d.names[ours] = theirs[1]
		}
	}
	c.place(d)
	for _, key := range []string{"sslMode", "tls"} {
		if mode := say(key); mode != "" {
			c.encryption(engine+"."+key, engine, mode)
		}
	}
	openzroProvisioning(c, engine, on(engine+".provisioning.enabled"), say)
}

// openzroProvisioning carries over who makes the databases.
func openzroProvisioning(c *Conversion, engine string, enabled bool, say func(string) string) {
	at := engine + ".provisioning"
	if !enabled {
		return
	}
	c.set("database.provisioning.enabled", true, at+".enabled")
	user := say("provisioning.username")
	if user == "" {
		user = say("username")
	}
	c.set("database.provisioning.user", user, at+".username")
	secret := say("provisioning.existingSecret")
	if secret == "" {
		secret = "gatehouse-dba"
		c.need(secret, "password", "the password in "+at+".password")
	}
	c.set("database.provisioning.existingSecret", secret, at)
}

var tryOutFlags = []string{"--dev", "--swagger", "--demo", "--create-default-tenant", "--create-default-workspaces"}

func cloudentityTable() table {
	t := workloadTable("", "", "ingress.", "url").with(rows(`secretConfig.create,config.create,certificate.create,certificate.key =
secretConfig.name ! name
secretConfig.data ! data
config.name - what it holds is below config with us
config.data ! config
certificate.cert ! certificate
certificate.existingSecret,certificate.name > certificate.existingSecret text
certManager.enabled > certificate.certManager.enabled truth
certManager.issuerRef > certificate.certManager.issuerRef object
certManager.duration > certificate.certManager.duration text
certManager.renewBefore > certificate.certManager.renewBefore text
certManager.* - the chart asks for an ECDSA key for the host of url
args,extraArgs ! arguments
image.name - the image is Gatehouse's: see image.repository
serverURL > url text
workers - the server does it itself
faas,nodes,fission - functions of users do not run here
cockroachdb,redis-cluster,timescaledb,elastic - these parts are installed apart, and are no part of this chart`,
		map[string]handle{"name": givenConfig, "data": configSecrets, "config": under(cloudentityConfig), "certificate": certificate, "arguments": arguments}))
	inner := maps.Clone(t)
	return t.with(table{"acp": {verb: does, do: under(func() table { return inner })}})
}

// cloudentityConfig is the configuration of Cloudentity's server.
func cloudentityConfig() table {
	return rows(`server.url > url text
sql.url ! dsn
redis.addrs >> cache.redis.addresses
redis.password >> cache.redis.password
redis.* - set config.cache.redis
logging.level >> log.level
system.secret ! system
secrets ! cookie
* - Gatehouse has no such setting`, map[string]handle{
		"dsn":    func(c *Conversion, at string, v any) { c.address("management", "cockroach", at, v) },
		"system": ownSecrets("system"), "cookie": ownSecrets("cookie"),
	})
}

// givenConfig has the name of a Secret with all that is secret.
func givenConfig(c *Conversion, at string, _ any) {
	c.leave(at, "Gatehouse's Secret has the keys system and cookie, one secret a line: make gatehouse-secrets")
	c.pinSecrets()
}

// configSecrets has all that is secret as values.
func configSecrets(c *Conversion, at string, v any) {
	m, _ := v.(map[string]any)
	known := map[string]handle{"system": ownSecrets("system"), "secrets": ownSecrets("cookie"), "redis": func(c *Conversion, at string, _ any) { c.vary("cache.redis.password", at) }}
	for _, key := range slices.Sorted(keys(m)) {
		if do := known[key]; do != nil {
			do(c, at+"."+key, m[key])
		} else {
			c.leave(at+"."+key, "Gatehouse has no such setting")
		}
	}
}

// certificate has a certificate in values, beside its key.
func certificate(c *Conversion, at string, _ any) {
	c.set("certificate.existingSecret", "gatehouse-tls", at)
	c.need("gatehouse-tls", "tls.crt", "what "+at+" says; tls.key what certificate.key says")
}

// arguments has flags of another program.
func arguments(c *Conversion, at string, v any) {
	list, _ := v.([]any)
	for _, one := range list {
		flag, _ := scalar(one)
		if slices.Contains(tryOutFlags, flag) {
			c.leave(at+" "+flag, "it is for trying out, and Gatehouse has no such flag: see docs/hardening.md")
		}
	}
	c.leave(at, "flags of another program mean nothing to this one")
}
