package chart

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secretsOf gives what each container gets of Secrets, as NAME:KEY, with * for all keys; mounted or in its environment.
func secretsOf(pod object) map[string]string {
	mountable := map[string][]string{}
	for _, v := range list(pod, "spec", "volumes") {
		name := v.text("secret", "secretName")
		if name == "" {
			continue
		}
		keys := []string{"*"}
		if items := list(v, "secret", "items"); len(items) > 0 {
			keys = nil
			for _, i := range items {
				keys = append(keys, i.text("key"))
			}
		}
		for _, key := range keys {
			mountable[v.text("name")] = append(mountable[v.text("name")], name+":"+key)
		}
	}
	all := map[string]string{}
	for _, c := range containersOf(pod) {
		var got []string
		for _, m := range list(c, "volumeMounts") {
			got = append(got, mountable[m.text("name")]...)
		}
		for _, e := range list(c, "env") {
			if name := e.text("valueFrom", "secretKeyRef", "name"); name != "" {
				got = append(got, name+":"+e.text("valueFrom", "secretKeyRef", "key"))
			}
		}
		for _, e := range list(c, "envFrom") {
			got = append(got, e.text("secretRef", "name")+":*")
		}
		slices.Sort(got)
		all[c.text("name")] = strings.Join(got, " ")
	}
	return all
}

// Each container has the Secrets that its command needs, and no other; and no pod has a volume of a Secret that none of its containers mounts.
func TestWhoHasWhichSecrets(t *testing.T) {
	bundled := example(t, "production-bundled.yaml")
	bundled["controller"] = values{"enabled": true}
	backup := bundled["backup"].(map[string]any)
	backup["prune"], backup["drill"] = true, values{"enabled": true, "identitySecret": "gatehouse-backup-identity"}
	const ours = "gatehouse-secrets:cookie gatehouse-secrets:system"
	for name, tc := range map[string]struct {
		given values
		want  map[string]string
	}{
		"development": {values{}, map[string]string{
			"Deployment gatehouse: server": "gatehouse-admin-key:admin " + ours, "Pod gatehouse-test: test": "gatehouse-admin-key:admin", "Job gatehouse-make-secrets: make-secrets": "",
		}},
		"SQLite with backups": {read(t, "database: {mode: sqlite}\nbackup: {enabled: true, prune: true, recipients: [age1xyz], destinations: [{name: a, directory: /backups}], existingSecret: s3}"), map[string]string{
			"Deployment gatehouse: server": "gatehouse-admin-key:admin " + ours, "Pod gatehouse-test: test": "gatehouse-admin-key:admin", "Job gatehouse-make-secrets: make-secrets": "",
			"CronJob gatehouse-backup: create": "gatehouse-admin-key:admin " + ours + " s3:*", "CronJob gatehouse-backup: prune": ours + " s3:*",
		}},
		"copied": {read(t, "database: {mode: bundled, copyFrom: 'http://old:4445'}"), map[string]string{
			"Deployment gatehouse: server": "gatehouse-admin-key:admin gatehouse-postgresql:ca.crt gatehouse-postgresql:password " + ours, "Deployment gatehouse: await-databases": "gatehouse-postgresql:ca.crt gatehouse-postgresql:password",
			"Job gatehouse-database: provision": "gatehouse-postgresql:admin-password gatehouse-postgresql:ca.crt gatehouse-postgresql:password", "Job gatehouse-database: migrate": "gatehouse-postgresql:ca.crt gatehouse-postgresql:password",
			"Job gatehouse-database: copy":                 "gatehouse-admin-key:admin gatehouse-postgresql:ca.crt gatehouse-postgresql:password " + ours,
			"StatefulSet gatehouse-postgresql: postgresql": "gatehouse-postgresql:admin-password gatehouse-postgresql:tls.crt gatehouse-postgresql:tls.key",
			"Pod gatehouse-test: test":                     "gatehouse-admin-key:admin",
			"Job gatehouse-make-secrets: make-secrets":     "",
		}},
		"bundled": {bundled, map[string]string{
			"Deployment gatehouse: server": "gatehouse-admin-clients:ca.crt gatehouse-admin-tls:ca.crt gatehouse-admin-tls:tls.crt gatehouse-admin-tls:tls.key gatehouse-postgresql:ca.crt gatehouse-postgresql:password " +
				ours + " gatehouse-smtp:uri gatehouse-tls:tls.crt gatehouse-tls:tls.key",
			"Deployment gatehouse: await-databases": "gatehouse-postgresql:ca.crt gatehouse-postgresql:password",
			"Job gatehouse-database: provision":     "gatehouse-postgresql:admin-password gatehouse-postgresql:ca.crt gatehouse-postgresql:password", "Job gatehouse-database: migrate": "gatehouse-postgresql:ca.crt gatehouse-postgresql:password",
			"StatefulSet gatehouse-postgresql: postgresql": "gatehouse-postgresql:admin-password gatehouse-postgresql:tls.crt gatehouse-postgresql:tls.key",
			"Deployment gatehouse-controller: controller":  "gatehouse-admin-clients:controller.crt gatehouse-admin-clients:controller.key gatehouse-admin-tls:ca.crt",
			"Pod gatehouse-test: test":                     "gatehouse-admin-clients:test.crt gatehouse-admin-clients:test.key gatehouse-admin-tls:ca.crt gatehouse-tls:ca.crt",
			"CronJob gatehouse-backup: create":             "gatehouse-backup:* gatehouse-postgresql:ca.crt gatehouse-postgresql:password " + ours,
			"CronJob gatehouse-backup: prune":              "gatehouse-backup:* " + ours,
			"CronJob gatehouse-drill: drill":               "gatehouse-backup-identity:backup.key gatehouse-backup:* " + ours,
			"Job gatehouse-release: release":               "",
			"Job gatehouse-make-secrets: make-secrets":     "",
		}},
		"Cloud SQL": {read(t, minimal("development", "cloudsql")), map[string]string{
			"Deployment gatehouse: server": "db:password gatehouse-admin-key:admin own:cookie own:system", "Deployment gatehouse: await-databases": "db:password", "Job gatehouse-database: migrate": "db:password",
			"Deployment gatehouse-cloudsql: proxy": "", "Pod gatehouse-test: test": "gatehouse-admin-key:admin", "Job gatehouse-make-secrets: make-secrets": "",
		}},
	} {
		got := map[string]string{}
		for where, pod := range podsOf(mustRender(t, tc.given)) {
			if strings.HasPrefix(where, "Job gatehouse-database-") {
				where = "Job gatehouse-database" // its name says what is in it
			}
			mounted := map[string]bool{}
			for _, c := range containersOf(pod) {
				for _, m := range list(c, "volumeMounts") {
					mounted[m.text("name")] = true
				}
			}
			for _, v := range list(pod, "spec", "volumes") {
				if !mounted[v.text("name")] {
					t.Errorf("%s: %s has the volume %s, which no container mounts", name, where, v.text("name"))
				}
			}
			for container, secrets := range secretsOf(pod) {
				got[fmt.Sprintf("%s: %s", where, container)] = secrets
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (- wanted, + rendered):\n%s", name, diff)
		}
	}
}

// commandOf is a command of the documentation that makes a Secret: its kind, its name and what it is made from.
var commandOf = regexp.MustCompile(`(?m)^kubectl -n iam create secret (tls|generic) (\S+)((?: --\S+)+)`)

// Of each Secret that an example names the documentation says how it is made, with every key that pods look for in it.
func TestSecretsOfTheExamplesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(repository + "/docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{"gatehouse-redis-client": {"*"}} // cert-manager's, as the example says
	for _, command := range commandOf.FindAllStringSubmatch(string(text), -1) {
		keys := []string{"tls.crt", "tls.key", "*", "ca.crt"} // the last one may be missing
		if command[1] == "generic" {
			keys = nil
			for flag := range strings.FieldsSeq(command[3]) {
				from, of, _ := strings.Cut(flag, "=")
				key, _, _ := strings.Cut(of, "=")
				keys = append(keys, map[string]string{"--from-file": key, "--from-env-file": "*"}[from])
			}
		}
		documented[command[2]] = keys
	}
	for _, name := range exampleNames(t) {
		r := mustRender(t, example(t, name))
		made := map[string]bool{}
		for _, o := range r.ofKind("Certificate") {
			made[o.text("spec", "secretName")] = true
		}
		if role := r.find("Role", "gatehouse-make-secrets"); role != nil {
			for _, of := range role.at("rules", 0, "resourceNames").([]any) {
				made[of.(string)] = true
			}
		}
		for where, pod := range podsOf(r) {
			for _, all := range secretsOf(pod) {
				for one := range strings.FieldsSeq(all) {
					if of, key, _ := strings.Cut(one, ":"); !made[of] && !slices.Contains(documented[of], key) {
						t.Errorf("%s: of %s, which %s takes, docs/kubernetes.md does not say how it is made", name, one, where)
					}
				}
			}
		}
	}
}
