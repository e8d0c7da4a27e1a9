package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// production are the examples that run in production.
func production(t *testing.T) []string {
	return slices.DeleteFunc(exampleNames(t), func(n string) bool { return !strings.HasPrefix(n, "production-") && !strings.HasPrefix(n, "people-") })
}

// Each example is rendered, the server takes the configuration that comes of it, and twice gives the same.
func TestExamples(t *testing.T) {
	for _, name := range exampleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustRender(t, example(t, name))
			again, err := render(example(t, name), false)
			if err != nil {
				t.Fatal(err)
			}
			if r.manifests != again.manifests {
				t.Error("rendered twice it is another")
			}
			for range 3 {
				upgraded, err := render(example(t, name), true)
				if err != nil {
					t.Fatal(err)
				}
				if upgraded.manifests != r.manifests {
					t.Error("an upgrade with the same values changes something")
				}
			}
			file := filepath.Join(t.TempDir(), "gatehouse.yaml")
			if err := os.WriteFile(file, []byte(r.configuration()), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, status := gatehouse(t, "", "config", "validate", "-c", file); status != 0 {
				t.Errorf("the server refuses the configuration: %s", out)
			}
		})
	}
}

// In production `gatehouse harden` finds nothing that is medium or worse; where everything is set that it asks for, nothing at all.
func TestHarden(t *testing.T) {
	for _, name := range production(t) {
		worst := "medium"
		if name == "production-hardened.yaml" {
			worst = "info"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustRender(t, example(t, name))
			if out, status := gatehouse(t, r.manifests, "harden", "--manifests", "-", "--fail-on", worst); status != 0 {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
	if out, status := gatehouse(t, mustRender(t, values{}).manifests, "harden", "--manifests", "-"); status != 1 || !strings.Contains(out, "profile-development") {
		t.Errorf("the development profile passes: status %d\n%s", status, out)
	}
}

// podsOf gives the pods of all objects: their specs, labels and where they are.
func podsOf(r *rendered) map[string]object {
	all := map[string]object{}
	for _, o := range r.objects {
		path := map[string][]any{
			"Pod": {}, "Deployment": {"spec", "template"}, "StatefulSet": {"spec", "template"}, "Job": {"spec", "template"},
			"CronJob": {"spec", "jobTemplate", "spec", "template"},
		}[o.kind()]
		if path == nil {
			continue
		}
		template, _ := o.at(path...).(map[string]any)
		all[o.kind()+" "+o.name()] = template
	}
	return all
}

// containersOf gives the containers of a pod, those that run first too.
func containersOf(pod object) []object {
	var all []object
	for _, kind := range []string{"initContainers", "containers"} {
		list, _ := pod.at("spec", kind).([]any)
		for _, c := range list {
			all = append(all, c.(map[string]any))
		}
	}
	return all
}

// S2-16, S2-17: what Pod Security calls restricted, and a read-only root, hold for each pod, Jobs and the database too.
func TestPodsAreRestricted(t *testing.T) {
	for _, name := range exampleNames(t) {
		for where, pod := range podsOf(mustRender(t, example(t, name))) {
			is := func(of object, what string, want string, path ...any) {
				if got := of.text(path...); got != want {
					t.Errorf("%s, %s: %s is %q", name, where, what, got)
				}
			}
			is(pod, "runAsNonRoot", "true", "spec", "securityContext", "runAsNonRoot")
			is(pod, "seccompProfile", "RuntimeDefault", "spec", "securityContext", "seccompProfile", "type")
			if user := pod.text("spec", "securityContext", "runAsUser"); user == "" || user == "0" {
				t.Errorf("%s, %s: runs as %q", name, where, user)
			}
			token := "false"
			if strings.Contains(where, "make-secrets") || strings.Contains(where, "controller") || strings.HasSuffix(where, "-release") {
				token = "true"
			}
			is(pod, "automountServiceAccountToken", token, "spec", "automountServiceAccountToken")
			for _, c := range containersOf(pod) {
				is(c, "allowPrivilegeEscalation", "false", "securityContext", "allowPrivilegeEscalation")
				is(c, "readOnlyRootFilesystem", "true", "securityContext", "readOnlyRootFilesystem")
				is(c, "capabilities.drop", "[ALL]", "securityContext", "capabilities", "drop")
				for _, path := range [][]any{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
					if c.text(append([]any{"resources"}, path...)...) == "" {
						t.Errorf("%s, %s: container %s has no %v", name, where, c.text("name"), path)
					}
				}
			}
		}
	}
}

// The controller shows its certificate, and with it what it has to say, over TLS alone, in development too.
func TestControllerTrustsTheAdminListener(t *testing.T) {
	for profile := range profiles {
		given := read(t, minimal(profile, "bundled"))
		given["controller"] = values{"enabled": true}
		args := mustRender(t, given).find("Deployment", release+"-controller").text("spec", "template", "spec", "containers", 0, "args")
		for _, want := range []string{"--hydra-url=https://gatehouse-admin.iam.svc:4445", "--tls-trust-store=/run/secrets/admin-ca/ca.crt", "--client-cert=/run/secrets/admin-client/tls.crt", "--client-key=/run/secrets/admin-client/tls.key"} {
			if !strings.Contains(args, want) {
				t.Errorf("%s: no %s among %s", profile, want, args)
			}
		}
	}
}

// The order without hands: what a hook needs is made by a lighter one, and nothing that hooks need waits for the release.
func TestHooksBringWhatTheyNeed(t *testing.T) {
	for _, name := range exampleNames(t) {
		r := mustRender(t, example(t, name))
		weight := func(o object) string { return o.text("metadata", "annotations", "helm.sh/hook-weight") }
		for _, job := range r.ofKind("Job") {
			if job.text("metadata", "annotations", "helm.sh/hook") == "" {
				continue
			}
			want := "pre-install,pre-upgrade"
			if strings.HasSuffix(job.name(), "-release") {
				want = "post-delete"
			}
			if got := strings.TrimSuffix(job.text("metadata", "annotations", "helm.sh/hook"), ",pre-rollback"); got != want {
				t.Errorf("%s: %s is a hook of %s", name, job.name(), got)
			}
			volumes, _ := job.at("spec", "template", "spec", "volumes").([]any)
			for _, v := range volumes {
				if config := object(v.(map[string]any)).text("configMap", "name"); config != "" {
					if o := r.find("ConfigMap", config); o == nil || len(weight(o)) < len(weight(job)) || weight(o) <= weight(job) {
						t.Errorf("%s: %s needs the ConfigMap %s, which is made later", name, job.name(), config)
					}
				}
			}
			if account := job.text("spec", "template", "spec", "serviceAccountName"); account != "" {
				for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding"} {
					if o := r.find(kind, account); o == nil || weight(o) != "-30" {
						t.Errorf("%s: %s needs the %s %s", name, job.name(), kind, account)
					}
				}
			}
			if got := job.text("spec", "ttlSecondsAfterFinished"); got == "" {
				t.Errorf("%s: %s stays for ever", name, job.name())
			}
		}
	}
}

// S2-08: with a Secret of yours nothing secret is rendered; W24: nothing is in the environment as text.
func TestNoSecretIsRendered(t *testing.T) {
	for _, name := range exampleNames(t) {
		r := mustRender(t, example(t, name))
		if all := r.ofKind("Secret"); len(all) != 0 {
			t.Errorf("%s renders a Secret", name)
		}
		for where, pod := range podsOf(r) {
			for _, c := range containersOf(pod) {
				env, _ := c.at("env").([]any)
				for _, e := range env {
					e := object(e.(map[string]any))
					if value := e.text("value"); value != "" && !strings.HasSuffix(e.text("name"), "_FILE") && regexp.MustCompile(`SECRET|PASSWORD|KEY|TOKEN`).MatchString(e.text("name")) {
						t.Errorf("%s, %s: %s is %q", name, where, e.text("name"), value)
					}
				}
			}
		}
	}
	given := mustRender(t, read(t, "secrets: {system: 0123456789abcdefgh, cookie: 123456789abcdefghi}"))
	if strings.Count(given.manifests, "0123456789abcdefgh") != 1 {
		t.Error("a given secret is not in its Secret alone")
	}
}

// W08, W09: no template makes anything by chance, or asks the cluster for what decides what is rendered.
func TestTemplatesLeaveNothingToChance(t *testing.T) {
	chance := regexp.MustCompile(`\b(rand(AlphaNum|Alpha|Numeric|Ascii|Bytes|Int)|gen(CA|SelfSignedCert|SignedCert|PrivateKey)\w*|uuidv4|shuffle|now|htpasswd|bcrypt)\b`)
	files, err := filepath.Glob(filepath.Join(chartPath, "templates", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range regexp.MustCompile(`(?s)\{\{.*?\}\}`).FindAllString(string(content), -1) {
			if strings.Contains(action, "/*") || strings.Contains(action, `"`) && !chance.MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(action, "")) {
				continue
			}
			if found := chance.FindString(action); found != "" {
				t.Errorf("%s calls %s", filepath.Base(file), found)
			}
		}
	}
}

// Changed configuration and given secrets replace pods; what does not concern a pod leaves it alone.
func TestChangesReachPods(t *testing.T) {
	base := minimal("production", "postgres")
	template := func(text string) string {
		d := mustRender(t, read(t, text)).find("Deployment", release)
		return d.text("spec", "template", "metadata", "annotations") + d.text("spec", "template", "spec", "volumes", 0)
	}
	before := template(base)
	for text, changes := range map[string]bool{
		"config: {log: {level: debug}}\n":                  true,
		"admin: {key: {generate: true}}\n":                 false,
		"networkPolicy: {enabled: true, outside: false}\n": false,
		"replicaCount: 5\n":                                false,
	} {
		if got := template(base+text) != before; got != changes {
			t.Errorf("%s replaces pods: %v", text, got)
		}
	}
	if template(strings.Replace(base, "name: own}", "name: own, version: two}", 1)) == before {
		t.Error("secretConfig.version replaces no pods")
	}
	given := "secrets: {system: 0123456789abcdefgh, cookie: 123456789abcdefghi}\n"
	if template(given) == template(strings.ReplaceAll(given, "cdefghi", "cdefghj")) {
		t.Error("a new secret replaces no pods")
	}
}
