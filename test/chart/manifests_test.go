package chart

import (
	"fmt"
	"net/netip"
	"os"
	"path"
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
			r := mustRender(t, example(t, name))
			again := mustRender(t, example(t, name))
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
			if strings.Contains(where, "make-secrets") || strings.Contains(where, "controller") {
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

// labelsMatch tells whether a selector that has nothing but labels, and lists of them, selects labels.
func labelsMatch(selector, labels object) bool {
	wanted, _ := selector.at("matchLabels").(map[string]any)
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	expressions, _ := selector.at("matchExpressions").([]any)
	for _, e := range expressions {
		e := object(e.(map[string]any))
		in, _ := e.at("values").([]any)
		if e.text("operator") != "In" || !slices.Contains(in, labels[e.text("key")]) {
			return false
		}
	}
	return true
}

// S2-24, W25: each pod is in a policy for both directions, and none but a proxy without a key reaches the metadata address.
func TestEveryPodHasAPolicy(t *testing.T) {
	metadata := netip.MustParseAddr("169.254.169.254")
	cases := map[string]values{"workload identity": read(t, minimal("production", "cloudsql"))}
	for _, name := range exampleNames(t) {
		cases[name] = example(t, name)
	}
	for name, given := range cases {
		r := mustRender(t, given)
		for where, pod := range podsOf(r) {
			labels, _ := pod.at("metadata", "labels").(map[string]any)
			both := false
			for _, p := range r.ofKind("NetworkPolicy") {
				selector, _ := p.at("spec", "podSelector").(map[string]any)
				both = both || labelsMatch(selector, labels) && p.text("spec", "policyTypes") == "[Ingress Egress]"
			}
			if !both {
				t.Errorf("%s: %s is in no NetworkPolicy", name, where)
			}
		}
		for _, p := range r.ofKind("NetworkPolicy") {
			if reached := reaches(p, metadata); reached != (name == "workload identity" && p.name() == "gatehouse-cloudsql") {
				t.Errorf("%s: the policy %s lets the metadata address be reached: %v", name, p.name(), reached)
			}
		}
	}
}

// reaches tells whether a policy lets pods reach an address.
func reaches(policy object, address netip.Addr) bool {
	rules, _ := policy.at("spec", "egress").([]any)
	for _, rule := range rules {
		peers, _ := object(rule.(map[string]any)).at("to").([]any)
		if len(peers) == 0 {
			return true
		}
		for _, peer := range peers {
			block, ok := object(peer.(map[string]any)).at("ipBlock").(map[string]any)
			if !ok || !netip.MustParsePrefix(block["cidr"].(string)).Contains(address) {
				continue
			}
			excepted, _ := block["except"].([]any)
			if !slices.ContainsFunc(excepted, func(e any) bool { return netip.MustParsePrefix(e.(string)).Contains(address) }) {
				return true
			}
		}
	}
	return false
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
			if got := strings.TrimSuffix(job.text("metadata", "annotations", "helm.sh/hook"), ",pre-rollback"); got != "pre-install,pre-upgrade" {
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

// S0-07, S2-12: the Job that makes secrets may touch those by name, and nothing else may touch any.
func TestRightsAreOnNamedSecrets(t *testing.T) {
	r := mustRender(t, example(t, "production-bundled.yaml"))
	if len(r.ofKind("ClusterRole")) != 0 {
		t.Error("there are rights on the whole cluster")
	}
	for _, role := range r.ofKind("Role") {
		if got := role.text("rules", 0, "resourceNames"); role.name() != "gatehouse-make-secrets" || got != "[gatehouse-secrets gatehouse-admin-clients gatehouse-postgresql gatehouse-admin-tls]" || role.at("rules", 1) != nil {
			t.Errorf("%s: %v", role.name(), role.at("rules"))
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

func TestNotes(t *testing.T) {
	for name, tc := range map[string]struct {
		values values
		has    []string
		lacks  string
	}{
		"development": {values{}, []string{"development profile", "in memory: lost with the pod", "Not ready for production", "no backups", "/gatehouse clients create"}, "ADMIN LISTENER"},
		"bundled":     {example(t, "production-bundled.yaml"), []string{"production profile", "PostgreSQL in the cluster", "is one pod", "backup.drill.enabled", "admin keys create"}, "in memory"},
		"hardened":    {example(t, "production-hardened.yaml"), []string{"postgres at db-a.example.com", "helm -n iam test"}, "Not ready"},
		"exposed": {read(t, minimal("production", "postgres")+"ingress: {enabled: true, admin: {host: admin.example.com, acknowledge: strangers may try keys}}"),
			[]string{"THE ADMIN LISTENER IS BEHIND THE INGRESS"}, "bundled"},
	} {
		notes := mustRender(t, tc.values).notes
		for _, want := range tc.has {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: nothing of %q in\n%s", name, want, notes)
			}
		}
		if strings.Contains(notes, tc.lacks) {
			t.Errorf("%s: %q in\n%s", name, tc.lacks, notes)
		}
	}
}

// rulesOf gives what an object allows, line by line: a group, a resource, a name of one or none, and a verb.
func rulesOf(o object) []string {
	var all []string
	rules, _ := o.at("rules").([]any)
	for _, r := range rules {
		r := object(r.(map[string]any))
		list := func(name string) []string {
			items, _ := r.at(name).([]any)
			var texts []string
			for _, item := range items {
				texts = append(texts, fmt.Sprint(item))
			}
			return texts
		}
		names := list("resourceNames")
		if len(names) == 0 {
			names = []string{"*"}
		}
		for _, group := range list("apiGroups") {
			for _, resource := range list("resources") {
				for _, name := range names {
					for _, verb := range list("verbs") {
						all = append(all, strings.Join([]string{group, resource, name, verb}, " "))
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The controller may the same whether the chart installs it or the manifests in deploy/controller do: everywhere, or in each namespace that
// it watches, and beside that with its lease.
func TestControllersRightsAreTheSame(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(repository, "deploy/controller/account.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(string(content))
	if err != nil {
		t.Fatal(err)
	}
	byHand := &rendered{objects: objects}
	const name = "gatehouse-controller"
	everywhere, lease := rulesOf(byHand.find("ClusterRole", name)), rulesOf(byHand.find("Role", name+"-leader"))
	if len(everywhere) < 8 || len(lease) < 4 {
		t.Fatalf("deploy/controller allows %v and %v", everywhere, lease)
	}
	compare := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s:\nthe chart             %s\ndeploy/controller has %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	r := mustRender(t, read(t, "controller: {enabled: true}"))
	compare("everywhere", rulesOf(r.find("ClusterRole", name+"-"+namespace)), everywhere)
	compare("the lease", rulesOf(r.find("Role", name)), lease)
	r = mustRender(t, read(t, "controller: {enabled: true, watchNamespaces: [shop, billing]}"))
	if r.find("ClusterRole", name+"-"+namespace) != nil {
		t.Error("a ClusterRole is there though namespaces are named")
	}
	seen := 0
	for _, role := range r.ofKind("Role") {
		if ns := role.text("metadata", "namespace"); slices.Contains([]string{"shop", "billing"}, ns) {
			seen++
			compare("in "+ns, rulesOf(role), everywhere)
		}
	}
	if seen != 2 {
		t.Errorf("%d of two namespaces have a Role", seen)
	}
}

// For APIRules the controller gets the rights on the kind of route that is chosen, and on no other.
func TestRightsOnRoutes(t *testing.T) {
	kinds := []string{"apirules", "virtualservices", "httproutes", "referencegrants", "ingresses"}
	for route, want := range map[string][]string{
		"": nil, "none": {"apirules"}, "virtualservice": {"apirules", "virtualservices"}, "httproute": {"apirules", "httproutes", "referencegrants"}, "ingress": {"apirules", "ingresses"},
	} {
		r := mustRender(t, read(t, "doors: {proxy: {enabled: true}}\ncontroller: {enabled: true, apiRules: {route: '"+route+"', defaultDomain: example.com}}"))
		var got []string
		for _, role := range append(r.ofKind("ClusterRole"), r.ofKind("Role")...) {
			for _, right := range rulesOf(role) {
				if resource := strings.Fields(right)[1]; slices.Contains(kinds, resource) && !slices.Contains(got, resource) {
					got = append(got, resource)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("route %q: rights on %v", route, got)
		}
		if asked := strings.Contains(r.manifests, "--apirule-route="+route) && strings.Contains(r.manifests, "--default-domain-name=example.com"); asked != (route != "") {
			t.Errorf("route %q: the controller is asked for it: %v", route, asked)
		}
	}
}

// No rule and no APIRule leads to a Service of this release, where requests would go round or reach what administrates; values add others.
func TestRulesDoNotLeadHere(t *testing.T) {
	const doors = "doors: {proxy: {enabled: true}, decisions: {enabled: true}, extAuthz: {enabled: true}}\n"
	for _, name := range []string{release, "a-name-of-mine"} {
		for _, mode := range []string{"memory", "bundled", "cloudsql"} {
			route := "none"
			if mode == "bundled" {
				route = `""` // Rules alone
			}
			r := mustRender(t, read(t, minimal("development", mode)+doors+"fullnameOverride: "+name+"\ncontroller: {enabled: true, apiRules: {route: "+route+", blockedServices: [ledger.bank]}}"))
			args, _ := r.find("Deployment", name+"-controller").at("spec", "template", "spec", "containers", 0, "args").([]any)
			var blocked []string
			for _, a := range args {
				if patterns, ok := strings.CutPrefix(a.(string), "--service-blocklist="); ok {
					blocked = strings.Split(patterns, ",")
				}
			}
			services := []string{"ledger.bank", "kubernetes.default", "kube-dns.kube-system"}
			for _, s := range r.ofKind("Service") {
				services = append(services, s.name()+"."+s.text("metadata", "namespace"))
			}
			if len(services) < 7 {
				t.Errorf("%s: the Services are %v", mode, services)
			}
			for _, s := range services {
				if !slices.ContainsFunc(blocked, func(p string) bool { hit, err := path.Match(p, s); return hit && err == nil }) {
					t.Errorf("%s, %s: a rule may lead to %s: blocked are %v", name, mode, s, blocked)
				}
			}
		}
	}
}

// A gateway speaks to each listener as the listener does, and learns whose certificate to expect.
func TestGatewaySpeaksTLS(t *testing.T) {
	const routed = "gateway: {enabled: true, parentRefs: [{name: public}]%s}\ndoors: {proxy: {enabled: true, url: 'https://apps.example.com/'}}\n"
	for name, tc := range map[string]struct{ values, targets, authority string }{
		"a public certificate":      {minimal("production", "postgres") + fmt.Sprintf(routed, ""), "gatehouse gatehouse-proxy", "wellKnownCACertificates System"},
		"an authority of one's own": {minimal("production", "postgres") + fmt.Sprintf(routed, ", backendTLS: {caConfigMap: ca}"), "gatehouse gatehouse-proxy", "caCertificateRefs [map[group: kind:ConfigMap name:ca]]"},
		"told elsewhere":            {minimal("production", "postgres") + fmt.Sprintf(routed, ", backendTLS: {enabled: false}"), "", ""},
		"no certificate":            {"url: http://id.example.com/\n" + fmt.Sprintf(routed, ""), "", ""},
	} {
		r := mustRender(t, read(t, tc.values))
		var targets []string
		var authority string
		for _, p := range r.ofKind("BackendTLSPolicy") {
			for _, ref := range list(p, "spec", "targetRefs") {
				if r.find(ref.text("kind"), ref.text("name")) == nil {
					t.Errorf("%s: there is no %s %s", name, ref.text("kind"), ref.text("name"))
				}
				targets = append(targets, ref.text("name"))
			}
			for _, key := range []string{"wellKnownCACertificates", "caCertificateRefs"} {
				if value := p.text("spec", "validation", key); value != "" {
					authority += key + " " + value
				}
			}
			if got := p.text("spec", "validation", "hostname"); got != "id.example.com" {
				t.Errorf("%s: the certificate is expected to be for %s", name, got)
			}
		}
		if strings.Join(targets, " ") != tc.targets || authority != tc.authority {
			t.Errorf("%s: %v by %q", name, targets, authority)
		}
		if routes := r.ofKind("HTTPRoute"); len(routes) != 2 || routes[1].text("spec", "hostnames") != "[apps.example.com]" {
			t.Errorf("%s: routes %v", name, routes)
		}
	}
}
