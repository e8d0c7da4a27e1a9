package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stepsOf names the containers of a Job's pod, which run to their end one after another.
func stepsOf(pod object) string {
	var names []string
	for _, c := range containersOf(pod) {
		names = append(names, c.text("name"))
	}
	return strings.Join(names, " ")
}

// S4-21: pods of the server wait for the Job that makes their user and their schema, instead of being restarted until it has; also where
// all manifests are applied at once. They wait with the databases' password alone.
func TestServersWaitForTheirDatabases(t *testing.T) {
	job := map[string]string{"memory": "", "sqlite": "", "bundled": "provision migrate", "postgres": "migrate", "mysql": "migrate", "cockroach": "migrate", "cloudsql": "migrate"}
	for mode, steps := range job {
		for more, change := range map[string]func(string) string{
			"": func(s string) string { return s },
			"\n  migrationJob: false": func(s string) string {
				return strings.TrimSpace(strings.TrimSuffix(s, "migrate"))
			},
			"\n  provisioning: {enabled: true, user: dba, existingSecret: dba}":                        func(s string) string { return "provision " + strings.TrimPrefix(s, "provision ") },
			"\n  migrationJob: false\n  provisioning: {enabled: true, user: dba, existingSecret: dba}": func(string) string { return "provision" },
		} {
			if strings.Contains(more, "provisioning") && slices.Contains([]string{"memory", "sqlite", "bundled"}, mode) {
				continue
			}
			steps := change(steps)
			r := mustRender(t, read(t, strings.TrimSuffix(minimal("production", mode), "\n")+more+"\nconfig: {harden: {accept: [{check: database-in-memory, reason: a test}]}}\n"))
			got, waits := "", object(nil)
			for where, pod := range podsOf(r) {
				if strings.HasPrefix(where, "Job gatehouse-database") {
					got = stepsOf(pod)
				}
				if where == "Deployment gatehouse" && len(list(pod, "spec", "initContainers")) > 0 {
					waits = list(pod, "spec", "initContainers")[0]
				}
			}
			if got != steps {
				t.Errorf("%s%s: the Job has the steps %q, want %q", mode, more, got, steps)
			}
			if wanted := mode != "memory" && mode != "sqlite"; (waits != nil) != wanted {
				t.Errorf("%s%s: pods wait: %v", mode, more, !wanted)
			} else if !wanted {
				continue
			}
			if free, want := strings.Contains(waits.text("args"), "--allow-pending"), strings.Contains(more, "migrationJob"); free != want {
				t.Errorf("%s%s: any schema is good enough: %v", mode, more, free)
			}
			for _, m := range list(waits, "volumeMounts") {
				if name := m.text("name"); name != "config" && name != "database" && name != "database-ca" {
					t.Errorf("%s%s: who waits has %s", mode, more, name)
				}
			}
		}
	}
}

// The server's own configuration is enough for waiting, without the secrets and certificates that it names.
func TestWaitingTakesTheServersConfiguration(t *testing.T) {
	for _, name := range exampleNames(t) {
		r := mustRender(t, example(t, name))
		waits := list(r.find("Deployment", release), "spec", "template", "spec", "initContainers")
		if len(waits) == 0 {
			continue
		}
		text := strings.NewReplacer("/run/secrets/", t.TempDir()+"/").Replace(r.configuration())
		file := filepath.Join(t.TempDir(), "gatehouse.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{}
		for _, a := range waits[0].at("args").([]any) {
			args = append(args, strings.NewReplacer("/etc/gatehouse/gatehouse.yaml", file, "1h", "1ms").Replace(a.(string)))
		}
		// Nothing answers, so it waits in vain: for a database, and for nothing else.
		if out, status := gatehouse(t, "", args...); status != 1 || !strings.HasPrefix(out, "waiting: databases.management: ") {
			t.Errorf("%s: status %d, %s", name, status, out)
		}
	}
}

// A Job that came with a former revision has ended, and may have failed: each upgrade has one of its own. `helm template` gives one name.
func TestEachUpgradePreparesTheBundledDatabase(t *testing.T) {
	given := example(t, "production-bundled.yaml")
	names := map[string]bool{}
	for _, revision := range []int{1, 1, 2, 3} {
		r, err := renderRevision(given, revision)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range r.ofKind("Job") {
			if o.text("metadata", "labels", "app.kubernetes.io/component") == "database" {
				names[o.name()] = true
			}
		}
	}
	if len(names) != 3 {
		t.Errorf("three revisions have the Jobs %v", names)
	}
}

// What a server in development has is copied by its key, which was made with it, and nothing has to be there for that which comes with the
// release: a certificate of cert-manager, above all.
func TestCopyCallsTheServerThatIsLeft(t *testing.T) {
	for from, authority := range map[string]bool{"http://gatehouse-admin.iam.svc:4445": false, "https://gatehouse-admin.iam.svc:4445": true} {
		for _, name := range []string{"production-bundled.yaml", "production-postgres.yaml", "production-hardened.yaml"} {
			given := example(t, name)
			database, _ := given["database"].(map[string]any)
			if database == nil {
				database = values{}
				given["database"] = database
			}
			database["copyFrom"] = from
			r := mustRender(t, given)
			for where, pod := range podsOf(r) {
				if !strings.HasPrefix(where, "Job gatehouse-database") {
					continue
				}
				volumes := pod.text("spec", "volumes")
				if !strings.Contains(volumes, "secretName:gatehouse-admin-key") {
					t.Errorf("%s: the copy has no key", name)
				}
				if got := strings.Contains(volumes, "name:admin-ca") || strings.Contains(pod.text("spec", "initContainers"), "--ca-file"); got != authority {
					t.Errorf("%s from %s: the copy has an authority: %v", name, from, got)
				}
			}
		}
	}
}
