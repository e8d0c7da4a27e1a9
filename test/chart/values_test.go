package chart

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// servers are what each kind of database needs besides its mode.
var servers = map[string]string{
	"memory":    "",
	"sqlite":    "",
	"bundled":   "",
	"postgres":  "host: db.example.com\n  existingSecret: db",
	"mysql":     "host: db.example.com\n  existingSecret: db",
	"cockroach": "host: db.example.com\n  existingSecret: db",
	"cloudsql":  "existingSecret: db\n  cloudsql: {instanceName: mydb, project: my-project, region: europe-west4}",
}

// profiles are what each profile needs besides a database.
var profiles = map[string]string{
	"development": "profile: development\n",
	"production":  "profile: production\nurl: https://id.example.com/\ncertificate: {existingSecret: tls}\n",
}

const ownSecrets = "secretConfig: {create: false, name: own}\n"

// minimal are the values of a profile and a kind of database that leave nothing out.
func minimal(profile, mode string) string {
	return profiles[profile] + ownSecrets + "database:\n  mode: " + mode + "\n  " + servers[mode] + "\n"
}

// Every profile with every kind of database is installed, or refused with a reason.
func TestCombinations(t *testing.T) {
	refused := map[string]string{"production memory": "database.mode memory loses everything"}
	dsn := map[string]string{"memory": "memory", "sqlite": "sqlite:///var/lib/gatehouse/"}
	for profile := range profiles {
		for mode := range servers {
			t.Run(profile+" "+mode, func(t *testing.T) {
				r, err := render(read(t, minimal(profile, mode)), false)
				if want := refused[profile+" "+mode]; want != "" {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%v, want %s", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c := r.config(t)
				if got := c.text("databases", "dsn"); got != dsn[mode] {
					t.Errorf("databases.dsn is %q", got)
				}
				group := map[string]string{"bundled": "postgres", "cloudsql": "postgres"}[mode]
				if group == "" {
					group = mode
				}
				if embedded := dsn[mode] != ""; embedded == (c.text("databases", group, "host") != "") {
					t.Errorf("databases is %v", c.at("databases"))
				}
				for name, of := range map[string]string{"StatefulSet gatehouse-postgresql": "bundled", "Deployment gatehouse-cloudsql": "cloudsql", "PersistentVolumeClaim gatehouse-data": "sqlite"} {
					kind, name, _ := strings.Cut(name, " ")
					if (r.find(kind, name) != nil) != (mode == of) {
						t.Errorf("%s %s is there or missing wrongly", kind, name)
					}
				}
				want := "1"
				if profile == "production" && dsn[mode] == "" {
					want = "2"
				}
				if got := r.find("Deployment", release).text("spec", "replicas"); got != want {
					t.Errorf("%s replicas, want %s", got, want)
				}
			})
		}
	}
}

// One message tells all that is wrong.
func TestFaults(t *testing.T) {
	production := minimal("production", "postgres")
	for name, tc := range map[string]struct {
		values string
		want   []string
	}{
		"nothing but the profile": {"profile: production", []string{"url is required", "certificate or tlsTerminatedBy is required"}},
		"a custom database beside the bundled one": {"database: {mode: bundled, host: db, existingSecret: x}", []string{
			"database.host and database.mode bundled exclude each other", "database.existingSecret and database.mode bundled exclude each other",
		}},
		"Cloud SQL beside another":             {"database: {mode: postgres, host: db, existingSecret: x, cloudsql: {instanceName: z}}", []string{"database.cloudsql.instanceName and database.mode postgres exclude each other"}},
		"a server without anything":            {"database: {mode: mysql}", []string{"database.host is required", "database.existingSecret is required", "secrets.system and secrets.cookie are required with database.mode mysql"}},
		"a host with a port":                   {"database: {mode: postgres, existingSecret: x, host: 'db:5433'}", []string{"database.host holds a port"}},
		"a host that is a URL":                 {"database: {mode: postgres, existingSecret: x, host: 'postgres://db'}", []string{"database.host is a URL"}},
		"Cloud SQL without anything":           {"database: {mode: cloudsql, autoMigrate: false}", []string{"cloudsql.instanceName is required", "cloudsql.project is required", "cloudsql.region is required", "database.autoMigrate has to be true", "secrets.system and secrets.cookie are required", "database.existingSecret is required"}},
		"a zone and a whole connection name":   {"database: {mode: cloudsql, existingSecret: x, cloudsql: {project: p, region: europe-west4-a, instanceName: 'p:europe-west4:mydb'}}", []string{"europe-west4-a is a zone: the region is europe-west4", "write its last part, mydb,"}},
		"replicas in memory":                   {"replicaCount: 3", []string{"replicaCount is 3, but with database.mode memory"}},
		"scaling on SQLite":                    {"database: {mode: sqlite}\nautoscaling: {enabled: true}", []string{"autoscaling.enabled and database.mode sqlite"}},
		"short secrets":                        {"secrets: {system: short, cookie: fifteen-charact}", []string{"secrets.system has fewer than 16", "secrets.cookie has fewer than 16"}},
		"one secret":                           {"secrets: {system: 0123456789abcdefgh}", []string{"secrets.cookie is required where the other one is given"}},
		"the same secret twice":                {"secrets: {system: 0123456789abcdefgh, cookie: 0123456789abcdefgh}", []string{"are the same"}},
		"secrets given twice":                  {ownSecrets + "secrets: {system: 0123456789abcdefgh, cookie: 123456789abcdefghi}", []string{"secrets and secretConfig.create: false exclude each other"}},
		"no name of a Secret":                  {"secretConfig: {create: false}", []string{"secretConfig.name is required"}},
		"a TLS mode of another database":       {minimal("development", "mysql") + "  tls: {mode: verify-full}", []string{"database.tls.mode is verify-full: with database.mode mysql it is one of true, false"}},
		"in the clear":                         {production + "  tls: {mode: disable}", []string{"database.tls.mode disable lets passwords and data cross the network in the clear"}},
		"plain http":                           {strings.Replace(production, "https:", "http:", 1), []string{"url is required in production: the https address"}},
		"TLS ends anywhere":                    {production + "tlsTerminatedBy: [0.0.0.0/0]", []string{"tlsTerminatedBy names everybody"}},
		"flags of others":                      {production + "extraArgs: [--dev, --swagger=true, --demo, --create-default-tenant, --create-default-workspaces]", []string{"--dev,", "--swagger,", "--demo,", "--create-default-tenant,", "--create-default-workspaces, for trying out, which production refuses"}},
		"what comes nearest to those flags":    {production + "config: {courier: {template_override_path: /t}, account: {override_path: /t}, tenants: [{id: default}]}", []string{"config.courier.template_override_path", "config.account.override_path", "config.tenants has the tenant default without hosts"}},
		"leaks":                                {production + "config: {log: {leak_sensitive_values: true}, courier: {show_bodies: always}}", []string{"config.log.leak_sensitive_values", "config.courier.show_bodies"}},
		"secrets in the configuration":         {"config: {secrets: {system: [x]}, courier: {smtp: {connection_uri: 'smtps://a:b@c'}}, cache: {redis: {password: x}}}", []string{"config.secrets.system is a secret", "smtp.existingSecret", "config.cache.redis.password is a secret"}},
		"what has a value of its own":          {"config: {profile: production, databases: {dsn: memory}}", []string{"config.databases is the chart's", "config.profile is the chart's"}},
		"a secret in a variable":               {"extraEnv: [{name: GATEHOUSE_SECRETS_SYSTEM, value: x}, {name: GATEHOUSE_PROFILE, value: production}]", []string{"extraEnv has GATEHOUSE_SECRETS_SYSTEM as text", "extraEnv has GATEHOUSE_PROFILE"}},
		"the admin listener for everybody":     {production + "ingress: {enabled: true, admin: {host: id.example.com}}", []string{"ingress.admin.host brings the admin listener", "ingress.admin.host is the public host"}},
		"a key without its certificate":        {"certificate: {key: x, certManager: {enabled: true}}", []string{"certificate.cert and certificate.key go together", "certificate.certManager.issuerRef.name is required", "url is required with certificate.certManager"}},
		"two certificates":                     {"admin: {certificate: {cert: a, key: b, existingSecret: c}}", []string{"admin.certificate comes from one place"}},
		"half of a backup":                     {"backup: {enabled: true, drill: {enabled: true}}", []string{"backup.recipients is required", "backup.destinations is required", "backup.drill.identitySecret is required"}},
		"a drill without backups":              {"backup: {drill: {enabled: true}}", []string{"backup.drill.enabled needs backup.enabled"}},
		"a secret in a destination":            {"backup: {enabled: true, recipients: [age1xyz], destinations: [{name: a, s3: {bucket: b, secret_access_key: c}}]}", []string{"backup.destinations: the key of a is a secret"}},
		"provisioning without anybody":         {minimal("development", "postgres") + "  provisioning: {enabled: true}", []string{"database.provisioning.user is required", "database.provisioning.existingSecret is required"}},
		"provisioning of nothing":              {"database: {provisioning: {enabled: true, user: a, existingSecret: b}}", []string{"database.provisioning.enabled has no meaning with database.mode memory"}},
		"neither migrates":                     {minimal("development", "postgres") + "  autoMigrate: false", []string{"database.autoMigrate: false and database.migrationJob: true contradict"}},
		"metrics without a key":                {production + "metrics: {serviceMonitor: {enabled: true}}", []string{"metrics.serviceMonitor.keySecret is required"}},
		"a proxy without an address":           {production + "doors: {proxy: {enabled: true}}", []string{"doors.proxy.url is required"}},
		"a gateway without a parent":           {"gateway: {enabled: true}", []string{"url and gateway.parentRefs are required"}},
		"a controller and a mesh":              {"controller: {enabled: true}\nadmin: {tlsTerminatedBy: [10.0.0.0/8]}", []string{"controller.enabled and admin.tlsTerminatedBy exclude each other"}},
		"a controller without a key":           {"controller: {enabled: true}\nadmin: {key: {generate: false}}\nconfig: {serve: {admin: {tls: {client_ca_file: /ca.crt}}}}", []string{"controller.enabled needs a key"}},
		"an authority by a variable":           {"controller: {enabled: true}\nadmin: {key: {generate: false}}\nextraEnv: [{name: GATEHOUSE_SERVE_ADMIN_TLS_CLIENT_CA_FILE, value: /ca.crt}]", []string{"controller.enabled needs a key"}},
		"routes that lead nowhere":             {"controller: {apiRules: {route: httproute}}", []string{"needs controller.enabled", "needs doors.proxy.enabled"}},
		"no right anywhere, and all to watch":  {"controller: {enabled: true, clusterRole: false}", []string{"controller.clusterRole false needs controller.watchNamespaces"}},
		"other origins at an Ingress":          {"controller: {enabled: true, apiRules: {route: ingress, corsOrigins: ['regex:.*']}}\ndoors: {proxy: {enabled: true}}", []string{"has no place in an Ingress"}},
		"a copy into memory":                   {"database: {copyFrom: 'http://old:4445'}", []string{"database.copyFrom has no meaning"}},
		"a copy with secrets not there before": {minimal("development", "postgres")[len(profiles["development"])+len(ownSecrets):] + "  copyFrom: http://old:4445\nsecrets: {system: 0123456789abcdefgh, cookie: 123456789abcdefghi}", []string{"database.copyFrom needs secrets that are there before"}},
		"a copy that nobody waits for":         {minimal("development", "postgres") + "  copyFrom: http://old:4445\n  migrationJob: false", []string{"database.copyFrom and database.migrationJob: false exclude each other"}},
		"users without Secrets":                {minimal("development", "postgres") + "  users: {flow: {user: x}}", []string{"database.users.flow needs user and existingSecret"}},
		"users of the bundled database":        {"database: {mode: bundled, users: {flow: {user: a, existingSecret: b}}}", []string{"database.users has no meaning with database.mode bundled"}},
		"fewer at most than at least":          {minimal("production", "postgres") + "autoscaling: {enabled: true, minReplicas: 9}", []string{"autoscaling.minReplicas is more than"}},
		"a TLS mode without a server of ours":  {"database: {mode: bundled, tls: {mode: require}}", []string{"database.tls.mode has no meaning with database.mode bundled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := render(read(t, tc.values), false)
			if err == nil {
				t.Fatal("is rendered")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("says nothing of %q:\n%v", want, err)
				}
			}
		})
	}
}

// What a reason accepts is rendered.
func TestAcceptedFaults(t *testing.T) {
	accept := func(check string) string { return "harden: {accept: [{check: " + check + ", reason: agreed}]}" }
	for check, text := range map[string]string{
		"database-in-the-clear": minimal("production", "postgres") + "  tls: {mode: disable}\nconfig: {" + accept("database-in-the-clear") + "}",
		"database-in-memory":    minimal("production", "memory") + "config: {" + accept("database-in-memory") + "}",
		"tenant-default":        minimal("production", "postgres") + "config: {tenants: [{id: default}], " + accept("tenant-default") + "}",
		"log-leaks":             minimal("production", "postgres") + "config: {log: {leak_sensitive_values: true}, " + accept("log-leaks") + "}",
		"templates-live":        minimal("production", "postgres") + "config: {account: {override_path: /t}, " + accept("templates-live") + "}",
	} {
		r, err := render(read(t, text), false)
		if err != nil {
			t.Errorf("%s: %v", check, err)
		} else if c := r.config(t); !strings.Contains(c.text("harden", "accept"), check) {
			t.Errorf("%s is not in the configuration: %v", check, c.at("harden"))
		}
	}
}

// Each variable of the server that holds a secret is taken from a Secret, or from a file, and not as text.
func TestNoSecretInVariables(t *testing.T) {
	printed, _ := gatehouse(t, "", "config", "schema")
	var schema map[string]any
	if err := json.Unmarshal([]byte(printed), &schema); err != nil {
		t.Fatal(err)
	}
	secrets := secretVariables(schema, "GATEHOUSE")
	if !slices.Contains(secrets, "GATEHOUSE_CACHE_REDIS_PASSWORD") || !slices.Contains(secrets, "GATEHOUSE_SECRETS_SYSTEM") {
		t.Fatalf("the configuration's secrets are %v", secrets)
	}
	secrets = append(secrets, "AWS_SECRET_ACCESS_KEY", "PGPASSWORD")
	text, taken := "extraEnv:\n", "extraEnv:\n"
	for _, name := range secrets {
		text += "- {name: " + name + ", value: x}\n"
		taken += "- {name: " + name + ", valueFrom: {secretKeyRef: {name: a, key: b}}}\n- {name: " + name + "_FILE, value: /run/x}\n"
	}
	_, err := render(read(t, text), false)
	if err == nil {
		t.Fatal("secrets pass as text")
	}
	for _, name := range secrets {
		if !strings.Contains(err.Error(), "extraEnv has "+name+" as text") {
			t.Errorf("%s passes as text", name)
		}
	}
	if _, err := render(read(t, taken), false); err != nil {
		t.Errorf("from Secrets and files: %v", err)
	}
}

// secretVariables are the variables that set what a schema calls secret.
func secretVariables(schema map[string]any, name string) (all []string) {
	items, _ := schema["items"].(map[string]any)
	if schema["writeOnly"] == true || items["writeOnly"] == true {
		return []string{name}
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, of := range properties {
		all = append(all, secretVariables(of.(map[string]any), name+"_"+strings.ToUpper(key))...)
	}
	return all
}
