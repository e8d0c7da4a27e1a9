package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const (
	repository = "../.."
	chartPath  = repository + "/deploy/chart/gatehouse"
	examples   = repository + "/deploy/examples/kubernetes"
	release    = "gatehouse"
	namespace  = "iam"
)

// loadChart reads the chart from its directory, once.
var loadChart = sync.OnceValues(func() (*chart.Chart, error) {
	l, err := loader.Loader(chartPath)
	if err != nil {
		return nil, err
	}
	return l.Load()
})

// values is what a values file holds.
type values = map[string]any

// rendered is what Helm makes of the chart.
type rendered struct {
	// manifests are all objects, as `helm template` prints them.
	manifests string
	// objects are the same, decoded.
	objects []object
	// notes are what Helm prints after an installation.
	notes string
}

// render does what `helm template` does, and what an upgrade does where upgrade is set.
func render(given values, upgrade bool) (*rendered, error) {
	return renderAs(engine.Engine{}, given, common.ReleaseOptions{Name: release, Namespace: namespace, IsInstall: !upgrade, IsUpgrade: upgrade, Revision: 1})
}

// renderRevision does what an installation does, or the upgrade that makes a revision.
func renderRevision(given values, revision int) (*rendered, error) {
	return renderAs(engine.Engine{}, given, common.ReleaseOptions{Name: release, Namespace: namespace, IsInstall: revision == 1, IsUpgrade: revision > 1, Revision: revision})
}

func renderAs(by engine.Engine, given values, options common.ReleaseOptions) (*rendered, error) {
	c, err := loadChart()
	if err != nil {
		return nil, err
	}
	kube, err := common.ParseKubeVersion("v1.36.0")
	if err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *kube
	all, err := util.ToRenderValues(c, given, options, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := by.RenderWithContext(context.Background(), c, all)
	if err != nil {
		return nil, err
	}
	r := &rendered{}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case strings.HasSuffix(name, "NOTES.txt"):
			r.notes = files[name]
		case strings.TrimSpace(files[name]) != "":
			fmt.Fprintf(&text, "---\n# %s\n%s\n", name, files[name])
		}
	}
	r.manifests = text.String()
	r.objects, err = decode(r.manifests)
	return r, err
}

// renderings are what values were rendered to before, by the values in JSON: many tests look at the same from one side each.
var renderings sync.Map

// mustRender fails the test where the values cannot be rendered.
func mustRender(t *testing.T, given values) *rendered {
	t.Helper()
	key, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	before, there := renderings.Load(string(key))
	if !there {
		if before, err = render(given, false); err != nil {
			t.Fatal(err)
		}
		renderings.Store(string(key), before)
	}
	return before.(*rendered).copy()
}

// copy is the same, for who changes objects.
func (r *rendered) copy() *rendered {
	c := *r
	c.objects = make([]object, len(r.objects))
	for i, o := range r.objects {
		c.objects[i] = runtime.DeepCopyJSON(o)
	}
	return &c
}

// read reads values from YAML.
func read(t *testing.T, text string) values {
	t.Helper()
	v := values{}
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

// example reads a values file of deploy/examples/kubernetes.
func example(t *testing.T, name string) values {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(content))
}

// exampleNames are the values files of deploy/examples/kubernetes.
func exampleNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples in %s: %v", examples, err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths
}

// object is one manifest.
type object map[string]any

// decode splits manifests into objects. A key that is written twice is refused.
func decode(manifests string) ([]object, error) {
	var all []object
	for document := range strings.SplitSeq("\n"+manifests, "\n---") {
		var o object
		if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
	return all, nil
}

// at goes down a path; numbers lead into lists.
func (o object) at(path ...any) any {
	var v any = map[string]any(o)
	for _, key := range path {
		switch key := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			l, _ := v.([]any)
			if key >= len(l) {
				return nil
			}
			v = l[key]
		}
	}
	return v
}

func (o object) text(path ...any) string {
	if v := o.at(path...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func (o object) kind() string { return o.text("kind") }
func (o object) name() string { return o.text("metadata", "name") }

// find gives the object of a kind and name, nil where there is none.
func (r *rendered) find(kind, name string) object {
	for _, o := range r.objects {
		if o.kind() == kind && o.name() == name {
			return o
		}
	}
	return nil
}

// ofKind gives the objects of a kind.
func (r *rendered) ofKind(kind string) []object {
	var all []object
	for _, o := range r.objects {
		if o.kind() == kind {
			all = append(all, o)
		}
	}
	return all
}

// configuration is the server's configuration as it is written: that of the ConfigMap which its pods mount.
func (r *rendered) configuration() string {
	for _, v := range list(r.find("Deployment", release), "spec", "template", "spec", "volumes") {
		if v.text("name") == "config" {
			return r.find("ConfigMap", v.text("configMap", "name")).text("data", "gatehouse.yaml")
		}
	}
	return ""
}

// config is the server's configuration.
func (r *rendered) config(t *testing.T) object {
	t.Helper()
	var c object
	if err := yaml.UnmarshalStrict([]byte(r.configuration()), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
