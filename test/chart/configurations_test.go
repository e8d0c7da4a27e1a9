package chart

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// installed is a release as an API server has it, of which only what concerns configurations is there.
type installed struct {
	*testing.T
	*cluster
	namespace string
	revision  int
	objects   map[string]object
}

// upgrade does what Helm does: it renders while it can look into the cluster, applies, and deletes what is not rendered any more.
func (i *installed) upgrade(given values) *rendered {
	i.Helper()
	r, err := i.offered(given)
	if err != nil {
		i.Fatal(err)
	}
	i.revision++
	i.apply(r)
	return r
}

func (i *installed) apply(r *rendered) {
	i.Helper()
	before := i.objects
	i.objects = map[string]object{}
	for _, o := range r.objects {
		if k := o.kind(); k != "ConfigMap" && k != "Deployment" {
			continue
		}
		u := &unstructured.Unstructured{Object: o}
		if err := i.Apply(i.Context(), client.ApplyConfigurationFromUnstructured(u.DeepCopy()), client.FieldOwner("helm"), client.ForceOwnership); err != nil {
			i.Fatal(err)
		}
		i.objects[o.kind()+" "+o.name()] = o
	}
	for key, o := range before {
		if i.objects[key] == nil {
			if err := i.Delete(i.Context(), &unstructured.Unstructured{Object: o}); err != nil {
				i.Fatal(err)
			}
		}
	}
}

// configurations are those that there are, by their names.
func (i *installed) configurations() map[string]string {
	i.Helper()
	found := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMapList"}}
	if err := i.List(i.Context(), found, client.InNamespace(i.namespace), client.MatchingLabels{"app.kubernetes.io/component": "server"}); err != nil {
		i.Fatal(err)
	}
	all := map[string]string{}
	for _, o := range found.Items {
		all[o.GetName()] = object(o.Object).text("data", "gatehouse.yaml")
	}
	return all
}

// A pod mounts the configuration that it was made for as long as it may be there: an upgrade leaves the ones before it, of which there are
// never more than three, and no rollback misses its own.
func TestPodsKeepTheirConfiguration(t *testing.T) {
	i := newInstalled(t, "configurations")
	mounted := func() string {
		d := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}
		if err := i.Get(t.Context(), client.ObjectKey{Namespace: i.namespace, Name: release}, d); err != nil {
			t.Fatal(err)
		}
		return object(d.Object).text("spec", "template", "spec", "volumes", 0, "configMap", "name")
	}
	history := map[string]string{} // each name that was ever mounted, and what was in it
	var order []string
	var revisions []*rendered
	for _, level := range []string{"debug", "info", "warn", "error", "info", "info"} {
		given := values{"config": values{"log": values{"level": level}}}
		if len(revisions) == 3 {
			given["smtp"] = values{"fromName": "Gatehouse"}
		}
		revisions = append(revisions, i.upgrade(given))
		name, there := mounted(), i.configurations()
		if !strings.Contains(there[name], "level: "+level) {
			t.Errorf("%s: the pods mount %s of %v", level, name, there)
		}
		history[name] = there[name]
		order = append(slices.DeleteFunc(order, func(n string) bool { return n == name }), name)
		want := order[max(0, len(order)-4):]
		if got := slices.Sorted(maps.Keys(there)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: there are %v, want %v", level, got, want)
		}
		for n, text := range there {
			if text != history[n] {
				t.Errorf("%s: %s has become another", level, n)
			}
		}
	}
	for n := range slices.Backward(revisions) {
		i.apply(revisions[n]) // what `helm rollback` applies is what was rendered then
		if i.configurations()[mounted()] == "" {
			t.Errorf("rolled back to revision %d, %s is missing", n+1, mounted())
		}
	}
}

// Where nobody can look into a cluster, the manifests have this configuration alone, and who prunes does it when its pods are there.
func TestConfigurationWithoutACluster(t *testing.T) {
	r := mustRender(t, values{})
	var found []object
	for _, o := range r.ofKind("ConfigMap") {
		if o.text("metadata", "labels", "app.kubernetes.io/component") == "server" {
			found = append(found, o)
		}
	}
	if len(found) != 1 || found[0].text("immutable") != "true" || found[0].text("metadata", "annotations", "argocd.argoproj.io/sync-options") != "PruneLast=true" {
		t.Errorf("%v", found)
	}
}
