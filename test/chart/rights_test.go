package chart

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
	byHand := &rendered{}
	for _, file := range []string{"account.yaml", "apirules.yaml", "deleted-namespaces.yaml"} {
		content, err := os.ReadFile(filepath.Join(repository, "deploy/controller", file))
		if err != nil {
			t.Fatal(err)
		}
		objects, err := decode(string(content))
		if err != nil {
			t.Fatal(err)
		}
		byHand.objects = append(byHand.objects, objects...)
	}
	const name = "gatehouse-controller"
	everywhere, lease := rulesOf(byHand.find("ClusterRole", name)), rulesOf(byHand.find("Role", name+"-leader"))
	definitions := rulesOf(byHand.find("ClusterRole", name+"-definitions"))
	const ofRules, ofAPIRules = "apiextensions.k8s.io customresourcedefinitions rules.oathkeeper.ory.sh get", "apiextensions.k8s.io customresourcedefinitions apirules.gateway.kyma-project.io get"
	compare := func(what string, got, want []string) {
		t.Helper()
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s:\nthe chart             %s\ndeploy/controller has %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	compare("definitions", []string{ofAPIRules, ofRules}, definitions)
	if len(everywhere) < 8 || len(lease) < 4 {
		t.Fatalf("deploy/controller allows %v and %v", everywhere, lease)
	}
	r := mustRender(t, read(t, "controller: {enabled: true}"))
	compare("everywhere", rulesOf(r.find("ClusterRole", name+"-"+namespace)), append(slices.Clone(everywhere), ofRules))
	compare("the lease", rulesOf(r.find("Role", name)), lease)
	r = mustRender(t, read(t, "controller: {enabled: true, watchNamespaces: [shop, billing], clusterRole: false}"))
	if r.find("ClusterRole", name+"-"+namespace) != nil || r.find("ClusterRoleBinding", name+"-"+namespace) != nil {
		t.Error("a ClusterRole is there though namespaces are named, and none shall be")
	}
	seen := 0
	for _, role := range r.ofKind("Role") {
		if ns := role.text("metadata", "namespace"); role.name() == name+"-clients" && slices.Contains([]string{"shop", "billing"}, ns) {
			seen++
			compare("in "+ns, rulesOf(role), everywhere)
		}
	}
	if seen != 2 {
		t.Errorf("%d of two namespaces have a Role", seen)
	}

	// With APIRules, and what lets a watched namespace go that is deleted: the same by hand, but that the chart names the namespaces.
	const routes = ", apiRules: {route: none}}"
	r = mustRender(t, read(t, "controller: {enabled: true"+routes))
	apiRules := slices.Concat(everywhere, definitions, rulesOf(byHand.find("ClusterRole", name+"-apirules")))
	compare("with APIRules", rulesOf(r.find("ClusterRole", name+"-"+namespace)), apiRules)
	r = mustRender(t, read(t, "controller: {enabled: true, watchNamespaces: [shop, billing]"+routes))
	deleted := slices.DeleteFunc(rulesOf(byHand.find("ClusterRole", name+"-deleted-namespaces")), func(right string) bool { return right == " namespaces * get" })
	deleted = slices.Concat(deleted, definitions, []string{" namespaces shop get", " namespaces billing get"})
	compare("for deleted namespaces", rulesOf(r.find("ClusterRole", name+"-"+namespace)), deleted)
	for _, right := range deleted {
		if !strings.HasSuffix(right, " get") && !strings.HasSuffix(right, " list") && !strings.HasSuffix(right, " patch") || strings.Contains(right, " secrets ") {
			t.Errorf("where single namespaces are watched, everywhere is allowed: %s", right)
		}
	}
}

// ofComponent gives the objects that are labelled with a component.
func (r *rendered) ofComponent(name string) []object {
	return slices.DeleteFunc(slices.Clone(r.objects), func(o object) bool {
		return o.text("metadata", "labels", "app.kubernetes.io/component") != name
	})
}

// The Job that lets resources go after the release may do that where the controller may, and look for the controller; its rights come and go
// with it. It does nothing where manifests are applied while there is a controller.
func TestJobThatLetsGo(t *testing.T) {
	const name = "gatehouse-release"
	letsGo := []string{"hydra.ory.sh oauth2clients * get", "hydra.ory.sh oauth2clients * list", "hydra.ory.sh oauth2clients * patch"}
	const shops = ", watchNamespaces: [billing, shop]"
	for watched, where := range map[string][]string{"": {""}, shops: {""}, shops + ", clusterRole: false": {"billing", "shop"}} {
		r := mustRender(t, read(t, "controller: {enabled: true"+watched+"}"))
		args := []string{"release", "--unless=" + namespace + "/gatehouse-controller"}
		if strings.HasPrefix(watched, shops) {
			args = append(args, "--namespace=billing", "--namespace=shop")
		}
		var seen []string
		for _, o := range r.ofComponent("release") {
			if got := o.text("metadata", "annotations", "helm.sh/hook"); got != "post-delete" {
				t.Errorf("%s %s is a hook of %q", o.kind(), o.name(), got)
			}
			if !strings.HasSuffix(o.kind(), "Role") || o.name() == name {
				continue
			}
			ns := o.text("metadata", "namespace")
			seen = append(seen, ns)
			if got := rulesOf(o); !slices.Equal(got, letsGo) {
				t.Errorf("%s %s in %q allows %v", o.kind(), o.name(), ns, got)
			}
			bound := false
			for _, b := range r.ofKind(o.kind() + "Binding") {
				bound = bound || b.text("metadata", "namespace") == ns && b.text("roleRef", "name") == o.name() && b.text("subjects", 0, "name") == name
			}
			if !bound {
				t.Errorf("%s %s in %q is not the Job's", o.kind(), o.name(), ns)
			}
		}
		slices.Sort(seen)
		if !slices.Equal(seen, where) {
			t.Errorf("with %q it may let go in %q", watched, seen)
		}
		if got, want := rulesOf(r.find("Role", name)), []string{"apps deployments gatehouse-controller get"}; !slices.Equal(got, want) {
			t.Errorf("beside that it may %v", got)
		}
		if got := r.find("Job", name).text("spec", "template", "spec", "containers", 0, "args"); got != fmt.Sprint(args) {
			t.Errorf("with %q it is called with %s", watched, got)
		}
	}
	if all := mustRender(t, values{}).ofComponent("release"); len(all) != 0 {
		t.Errorf("without a controller there is %v", all)
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
