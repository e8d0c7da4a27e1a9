package chart

import (
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// place is a namespace of a real API server into which the chart is rendered as Helm does that installs.
type place struct {
	*testing.T
	*cluster
	namespace string
}

func newPlace(t *testing.T, name string) *place {
	t.Helper()
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t, c, name}
	p.create("Namespace", name, nil)
	p.create("ServiceAccount", "default", nil) // where controllers run they make it
	return p
}

func (p *place) create(kind, name string, data map[string]any) {
	p.Helper()
	o := object{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name}}
	if kind != "Namespace" {
		o["metadata"].(map[string]any)["namespace"] = p.namespace
	}
	if data != nil {
		o["stringData"] = data
	}
	if err := p.Create(p.Context(), &unstructured.Unstructured{Object: o}); err != nil {
		p.Fatal(err)
	}
}

func (p *place) render(given values) (*rendered, error) {
	return renderAs(engine.New(p.config), given, common.ReleaseOptions{Name: release, Namespace: p.namespace, IsInstall: true, Revision: 1})
}

// A Secret that is not there is told of at once: where a Job waits for it before the release, in the place of an installation, else in the notes.
func TestMissingSecretsAreSaid(t *testing.T) {
	p := newPlace(t, "missing")
	given := example(t, "production-postgres.yaml")
	given["extraEnv"] = []any{values{"name": "A", "valueFrom": values{"secretKeyRef": values{"name": "extra", "key": "a"}}},
		values{"name": "B", "valueFrom": values{"secretKeyRef": values{"name": "free", "key": "a", "optional": true}}}}
	_, err := p.render(given)
	for _, want := range []string{
		"the Secret gatehouse-database is not in namespace missing: make it, with password", "gatehouse-database-ca is not in namespace missing: make it, with ca.crt", "gatehouse-dba is not in",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "gatehouse-smtp") {
		t.Errorf("what only pods wait for is refused: %v", err)
	}
	for _, name := range []string{"gatehouse-database", "gatehouse-dba"} {
		p.create("Secret", name, map[string]any{"password": "x"})
	}
	p.create("Secret", "gatehouse-database-ca", map[string]any{"another.crt": "x"})
	if _, err := p.render(given); err == nil || !strings.Contains(err.Error(), "the Secret gatehouse-database-ca in namespace missing lacks ca.crt") || strings.Contains(err.Error(), "gatehouse-dba") {
		t.Errorf("a key is missing: %v", err)
	}
	given["database"].(map[string]any)["tls"].(map[string]any)["caKey"] = "another.crt"
	r, err := p.render(given)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gatehouse-secrets", "gatehouse-smtp", "gatehouse-tls", "gatehouse-backup", "extra"} {
		if !strings.Contains(r.notes, "Pods wait: the Secret "+name+" is not in namespace missing") {
			t.Errorf("the notes say nothing of %s:\n%s", name, r.notes)
		}
	}
	if strings.Contains(r.notes, "Secret free") || strings.Contains(mustRender(t, given).notes, "Pods wait") {
		t.Error("what may be missing, or cannot be looked for, is said to be missing")
	}
}

// The Secrets that a server reads when it starts replace its pods when they change, as far as Helm can see that.
func TestChangedSecretsReplacePods(t *testing.T) {
	p := newPlace(t, "changed")
	watched := map[string]bool{"gatehouse-secrets": true, "gatehouse-smtp": true, "extra": true, "geoip": true, "gatehouse-tls": false, "gatehouse-backup": false}
	for name := range watched {
		p.create("Secret", name, map[string]any{"system": "a", "cookie": "b", "uri": "c", "a": "d"})
	}
	given := example(t, "production-cloudsql.yaml")
	given["extraEnv"] = []any{values{"name": "A", "valueFrom": values{"secretKeyRef": values{"name": "extra", "key": "a"}}}}
	given["geoip"] = values{"existingSecret": "geoip"}
	annotations := func() string {
		r, err := p.render(given)
		if err != nil {
			t.Fatal(err)
		}
		return r.find("Deployment", release).text("spec", "template", "metadata", "annotations")
	}
	before := annotations()
	if annotations() != before {
		t.Error("pods are replaced though nothing changed")
	}
	for name, replaces := range watched {
		of := &unstructured.Unstructured{Object: object{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": p.namespace}}}
		if err := p.Patch(p.Context(), of, client.RawPatch("application/merge-patch+json", []byte(`{"stringData": {"a": "another"}}`))); err != nil {
			t.Fatal(err)
		}
		after := annotations()
		if (after != before) != replaces {
			t.Errorf("%s replaces pods: %v", name, !replaces)
		}
		before = after
	}
}

// What pods show of given secrets is another for each installation, and no digest that one could try guesses against at once.
func TestGivenSecretsAreNotTold(t *testing.T) {
	given := read(t, "secrets: {system: 0123456789abcdefgh, cookie: 123456789abcdefghi}")
	shown := func(releaseName, in string) string {
		r, err := renderAs(engine.Engine{}, given, common.ReleaseOptions{Name: releaseName, Namespace: in, IsInstall: true, Revision: 1})
		if err != nil {
			t.Fatal(err)
		}
		return r.find("Deployment", releaseName).text("spec", "template", "metadata", "annotations", "gatehouse.dev/secrets-given")
	}
	all := []string{shown("gatehouse", "a"), shown("gatehouse", "b"), shown("gatehouse-two", "a")}
	slices.Sort(all)
	if len(slices.Compact(all)) != 3 || len(all[0]) != 16 {
		t.Errorf("two installations show the same: %v", all)
	}
	if !slices.Contains(all, shown("gatehouse", "a")) {
		t.Error("rendered twice it is another")
	}
}

// Access rules that ask for countries find room for the databases, and MaxMind's key where a Secret has it.
func TestGeoIP(t *testing.T) {
	for text, size := range map[string]string{
		"": "128Mi", "doors: {decisions: {enabled: true}}": "512Mi", "doors: {extAuthz: {enabled: true}}": "512Mi",
		"geoip: {existingSecret: maxmind, existingSecretKey: k}": "512Mi", "database: {mode: sqlite}\ndoors: {proxy: {enabled: true}}": "",
	} {
		r := mustRender(t, read(t, text))
		server := r.find("Deployment", release)
		for _, v := range list(server, "spec", "template", "spec", "volumes") {
			if v.text("name") == "data" && v.text("emptyDir", "sizeLimit") != size {
				t.Errorf("%s: the data has %s", text, v.text("emptyDir", "sizeLimit"))
			}
		}
		// A pod may write as much as its containers' limits say together, its volumes included (and another 128Mi below /tmp).
		if limit := server.text("spec", "template", "spec", "containers", 0, "resources", "limits", "ephemeral-storage"); size != "" && limit != map[string]string{"128Mi": "256Mi", "512Mi": "768Mi"}[size] {
			t.Errorf("%s: %s of data, and a limit of %s", text, size, limit)
		}
		maxmind := strings.Contains(text, "geoip")
		if got := secretsOf(podsOf(r)["Deployment gatehouse"])["server"]; strings.Contains(got, "maxmind:k") != maxmind {
			t.Errorf("%s: the server has %s", text, got)
		}
		if got := r.config(t).text("access", "geoip", "source"); (got == "maxmind") != maxmind {
			t.Errorf("%s: databases come from %q", text, got)
		}
	}
}
