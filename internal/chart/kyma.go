package chart

import (
	"fmt"
	"slices"
)

// persistences are where Kyma's overrides have had the group.
var persistences = []string{"persistence", "global.ory.hydra.persitance", "global.ory.hydra.persistence"}

func kymaTable() table {
	t := oryTable("deployment.").with(rows(`hydra ! hydra
oathkeeper ! oathkeeper
kratos ! kratos
postgresql.*,global.postgresql,gcloud.* - Gatehouse keeps data of its own in its databases, and the chart installs what database.mode asks for
gcloud-sqlproxy.* - the proxy is as database.cloudsql says
postgresql.enabled,gcloud.enabled,gcloud.saJson =
postgresql.persistence.size > database.bundled.size text
postgresql.persistence.storageClass > database.bundled.storageClass text
gcloud-sqlproxy.cloudsql.instance.instanceName,gcloud-sqlproxy.cloudsql.instance.project,gcloud-sqlproxy.cloudsql.instance.region,gcloud-sqlproxy.cloudsql.instance.port =
gcloud-sqlproxy.existingSecret,gcloud-sqlproxy.existingSecretKey =`,
		map[string]handle{"hydra": under(kymaHydra), "oathkeeper": under(oathkeeperTable), "kratos": under(kratosTable)}))
	for _, p := range persistences {
		for _, key := range []string{"enabled", "postgresql.enabled", "gcloud.enabled", "gcloud.saJson", "user", "password", "dbUrl", "dbName", "dbType", "secretName", "secretKey"} {
			t[p+"."+key] = row{verb: isSo} // kymaDatabase reads them together
		}
	}
	return t
}

// kymaHydra are the settings of Hydra in Kyma, which says elsewhere where the data is.
func kymaHydra() table {
	return hydraTable().with(rows(`hydra.config ! config
hydra.autoMigrate ! migrate
hydra.dangerousForceHttp - addresses and ports of listeners are the chart's
hydra.dangerousAllowInsecureRedirectUrls - see config.oauth.clients.plain_redirect_schemes`,
		map[string]handle{"migrate": migrating, "config": configuration(func() table {
			return hydraConfig().with(rows("dsn - persistence says where the data is", nil))
		})}))
}

// migrating says whether the schema is brought up to date without hands.
func migrating(c *Conversion, at string, v any) {
	b, ok := truth.of(v)
	if !ok {
		c.leave(at, "it is neither true nor false")
		return
	}
	c.set("database.autoMigrate", b, at)
	if b == false {
		c.set("database.migrationJob", false, at)
	}
}

// kymaDatabase reads what says together where the data is.
func kymaDatabase(c *Conversion, tree map[string]any) {
	if lookup(tree, "oathkeeper.oathkeeper") != nil {
		oathkeeperDoors(c, tree)
	}
	g, at := map[string]any{}, persistences[2]
	for _, p := range persistences {
		if group, ok := lookup(tree, p).(map[string]any); ok {
			merge(g, group)
			at = p
		}
	}
	on := func(v any) bool { b, _ := truth.of(v); return b == true }
	bundled := on(lookup(g, "postgresql.enabled")) || on(lookup(tree, "postgresql.enabled"))
	google := on(lookup(g, "gcloud.enabled")) || on(lookup(tree, "gcloud.enabled"))
	details := []string{"user", "password", "dbUrl", "dbName", "dbType", "secretName", "secretKey"}
	switch {
	case !on(g["enabled"]):
		if len(g) > 0 || len(c.dbs) == 0 {
			c.embed(at+".enabled", "memory")
			c.leaveAll(g, at, "in memory there is no database", details)
		}
	case bundled:
		c.profile = "production"
		c.set("database.mode", "bundled", at+".postgresql.enabled")
		c.leaveAll(g, at, "postgresql.enabled asks for a database in the cluster, which has a user and passwords of its own", append(details, "gcloud"))
	default:
		d := kymaDetails(c, g, at, google)
		if google {
			kymaProxy(c, tree, g, at)
		}
		c.place(d)
	}
}

func (c *Conversion) leaveAll(group map[string]any, at, why string, names []string) {
	for _, name := range names {
		if !empty(group[name]) {
			c.leave(at+"."+name, why)
		}
	}
}

// kymaDetails are those of a database of the user's.
func kymaDetails(c *Conversion, g map[string]any, at string, google bool) database {
	say := func(name string) string { s, _ := scalar(g[name]); return s }
	d := database{at: at, logical: "oauth", mode: say("dbType"), user: say("user"), names: all(say("dbName")), secret: say("secretName"), key: say("secretKey")}
	if d.mode == "" {
		d.mode = "postgres"
	}
	if !slices.Contains([]string{"postgres", "mysql", "cockroach"}, d.mode) {
		c.leave(at+".dbType", "it is none of postgres, mysql and cockroach")
		d.mode = "postgres"
	}
	switch {
	case d.secret == "":
		d.password = at + ".password"
	case say("password") != "":
		c.leave(at+".password", "secretName says in which Secret it is")
	}
	if !google {
		d.host, d.port = hostAndPort(say("dbUrl"))
		if d.host == "" {
			d.host = "database.example.com"
			c.decide = append(c.decide, fmt.Sprintf("database.host: %s.dbUrl does not say where the database is. Replace database.example.com.", at))
		}
		return d
	}
	if say("dbUrl") != "" {
		c.leave(at+".dbUrl", "the address is that of the proxy, which the chart installs")
	}
	d.mode, d.mysql = "cloudsql", d.mode == "mysql"
	return d
}

// kymaProxy are the settings of the proxy of Cloud SQL.
func kymaProxy(c *Conversion, tree, g map[string]any, at string) {
	const proxy = "gcloud-sqlproxy"
	kind := "postgres"
	if s, _ := scalar(g["dbType"]); s == "mysql" {
		kind = s
	}
	c.set("database.cloudsql.type", kind, at+".dbType")
	for theirs, ours := range map[string]string{"instanceName": "instanceName", "project": "project", "region": "region"} {
		if s, ok := scalar(lookup(tree, proxy+".cloudsql.instance."+theirs)); ok {
			c.set("database.cloudsql."+ours, s, proxy+".cloudsql.instance."+theirs)
		}
	}
	if port := lookup(tree, proxy+".cloudsql.instance.port"); port != nil {
		c.to("database.cloudsql.port", whole, proxy+".cloudsql.instance.port", port)
	}
	switch name, _ := scalar(lookup(tree, proxy+".existingSecret")); {
	case name != "":
		c.set("database.cloudsql.existingSecret", name, proxy+".existingSecret")
		if key, ok := scalar(lookup(tree, proxy+".existingSecretKey")); ok {
			c.set("database.cloudsql.existingSecretKey", key, proxy+".existingSecretKey")
		}
	case !empty(lookup(g, "gcloud.saJson")) || !empty(lookup(tree, "gcloud.saJson")):
		c.set("database.cloudsql.existingSecret", "gatehouse-gcp", at+".gcloud.saJson")
		c.need("gatehouse-gcp", "sa.json", "what "+at+".gcloud.saJson says")
	}
}
