package cluster

import (
	"net/http"
	"strings"
	"testing"
)

// refused fails the test unless a command of helm fails and says why.
func (s *space) refused(why string, args ...string) {
	s.Helper()
	out, err := s.try("", "helm", append([]string{"-n", s.name}, args...)...)
	if err == nil || !strings.Contains(out, why) {
		s.Errorf("helm %s: %v, nothing of %q in\n%s", strings.Join(args, " "), err, why, out)
	}
}

// orders is a client as a resource.
const orders = "{apiVersion: hydra.ory.sh/v1alpha1, kind: OAuth2Client, metadata: {name: orders}, spec: {grantTypes: [client_credentials], scope: read, secretName: orders}}"

// development installs the release of who tries it out, with an application, a token of it, and a person.
func (s *space) development(args ...string) (*server, application, string) {
	s.Helper()
	s.install(append(args, "-f", example("development.yaml"))...)
	r := s.newServer()
	a := r.register()
	r.administrate(http.StatusCreated, http.MethodPost, "/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]string{"email": "ada@example.com"}}, nil)
	return r, a, r.mustToken(a)
}

// pod is the name of the one pod of the server that answers.
func (s *space) pod() string {
	s.Helper()
	return s.kubectl("get", "pods", "-l", "app.kubernetes.io/component=server", "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}")
}

// From development to production: what the server in memory holds is copied before it is stopped, and nothing stops it before. Clients that are
// resources stay the same, too, and nobody is told meanwhile that a client is not known.
func TestDevelopmentToProduction(t *testing.T) {
	s := newSpace(t, "upgrade")
	old, application, token := s.development("--set", "controller.enabled=true")
	first := s.pod()
	s.apply(orders)
	s.kubectl("wait", "--for=condition=Ready", "oauth2client/orders", "--timeout="+patience.String())
	resource := s.client("orders")
	resources := old.mustToken(resource)
	s.productionSecrets()
	values := []string{"-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true", "--set", "controller.enabled=true"}
	upgrade := append([]string{"upgrade", "gatehouse", chartPath}, values...)

	s.refused("set database.copyFrom to "+old.admin+" for this upgrade", upgrade...)
	// A wrong address: the old server goes on, alone, and an upgrade that gives up the copy is refused.
	if out, err := s.try("", "helm", append([]string{"-n", s.name}, append(upgrade, "--set", "database.copyFrom=http://nobody."+s.name+".svc:4445")...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.eventually(func() (bool, string) {
		out, _ := s.try("", "kubectl", "-n", s.name, "get", "jobs", "-l", "app.kubernetes.io/component=database", "-o", "jsonpath={.items[*].status.failed}")
		return out == "1", "failed pods of the Job: " + out
	})
	old.keeps(application, token)
	s.refused("the copy from http://nobody."+s.name+".svc:4445 has not ended", upgrade...)

	l := old.put(resource)
	s.install(append(values, "--set", "database.copyFrom="+old.admin)...)
	if asked, _ := l.end(t, "switching"); asked == 0 {
		t.Error("nobody asked for a token")
	}
	for what := range l.failures {
		if strings.HasPrefix(what, answered) && what != answered+http.StatusText(http.StatusServiceUnavailable) {
			t.Errorf("clients were %s", what)
		}
	}
	s.noRestarts()
	r := s.newServer()
	r.keeps(application, token)
	r.keeps(resource, resources)
	s.kubectl("wait", "--for=condition=Ready", "oauth2client/orders", "--timeout="+patience.String())
	if now := s.client("orders"); now != resource {
		t.Errorf("the client of the resource is %s, and was %s", now.ID, resource.ID)
	}
	var people []map[string]any
	r.administrate(http.StatusOK, http.MethodGet, "/admin/identities", nil, &people)
	if len(people) != 1 {
		t.Errorf("of one person there are %d", len(people))
	}
	// Both the number of pods and their template changed, and there was never another pod with data of its own.
	if events := s.kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.reason} {.involvedObject.name}{'\\n'}{end}"); strings.Count(events, "Started "+first[:strings.LastIndex(first, "-")]) != 1 {
		t.Errorf("more than one pod of memory was started:\n%s", events)
	}
	s.refused("this release has bundled already: take it out", append(upgrade, "--set", "database.copyFrom="+old.admin)...)
	s.install(values...)
	r.keeps(application, token)

	// Back by Helm's own means the server would be an empty one.
	s.refused("have their data in database.mode bundled", "rollback", "gatehouse", "1", "--timeout", "2m")
	r.keeps(application, token)
}

// Without Helm nobody looks into the cluster: pods on empty databases wait beside the server that has the data, for as long as nothing is
// copied.
func TestSwitchWithoutHelm(t *testing.T) {
	s := newSpace(t, "gitops")
	old, application, token := s.development()
	s.productionSecrets()
	template := []string{"template", "gatehouse", chartPath, "-n", s.name, "--skip-tests", "-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true"}
	manifests, err := s.try("", "helm", template...)
	if err != nil {
		t.Fatalf("%v: %s", err, manifests)
	}
	apply := func(manifests string) {
		s.kubectl("delete", "job", "-l", "app.kubernetes.io/instance=gatehouse", "--ignore-not-found")
		// Under the name of who installed before, as with a tool that does both: what another has set would stay beside it.
		if out, err := s.try(manifests, "kubectl", "-n", s.name, "apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	apply(manifests)
	s.eventually(func() (bool, string) {
		// Of the pods that have no data of their own: the others have nothing to wait for, and kubectl ends with the first of them.
		out, _ := s.try("", "kubectl", "-n", s.name, "logs", "-l", "app.kubernetes.io/component=server,!gatehouse.dev/data", "-c", "await-databases", "--tail=5")
		return strings.Contains(out, "a server whose data is elsewhere answers at gatehouse-admin."+s.name+".svc:4445"), out
	})
	old.keeps(application, token)
	if manifests, err = s.try("", "helm", append(template, "--set", "database.copyFrom="+old.admin)...); err != nil {
		t.Fatalf("%v: %s", err, manifests)
	}
	apply(manifests)
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
	s.newServer().keeps(application, token)
}
