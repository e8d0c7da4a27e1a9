package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A key called n is no boolean, and a text of digits no number, whichever YAML reads them.
func TestTrapsOfYAML(t *testing.T) {
	r := mustRender(t, read(t, minimal("production", "postgres")+`
  user: "007"
  passwordKey: "n"
  names: {management: "1e3", oauth: "yes", activity: "null", flow: "0x10"}
  parameters: {"n": "10", application_name: "on"}
podLabels: {"y": "true", "n": "1"}
podAnnotations: {"off": "2026-11-23"}
secretConfig: {create: false, name: own, version: "1"}
`))
	c := r.config(t)
	for path, want := range map[string]any{"user": "007", "names": map[string]any{"management": "1e3", "oauth": "yes", "activity": "null", "flow": "0x10"}, "parameters": map[string]any{"n": "10", "application_name": "on"}} {
		got, _ := json.Marshal(c.at("databases", "postgres", path))
		wanted, _ := json.Marshal(want)
		if string(got) != string(wanted) {
			t.Errorf("%s is %s, want %s", path, got, wanted)
		}
	}
	d := r.find("Deployment", release)
	for path, want := range map[string]string{"y": "true", "n": "1"} {
		if got, _ := d.at("spec", "template", "metadata", "labels", path).(string); got != want {
			t.Errorf("label %s is %v", path, d.at("spec", "template", "metadata", "labels", path))
		}
	}
	if got, _ := d.at("spec", "template", "metadata", "annotations", "off").(string); got != "2026-11-23" {
		t.Error("an annotation is no text")
	}
	if !strings.Contains(r.manifests, `{key: "n", path: password}`) {
		t.Error("the key n of a Secret is not quoted")
	}
}

// textsOf gives the paths of values that are texts.
func textsOf(path []string, v any) [][]string {
	var all [][]string
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, textsOf(append(slices.Clone(path), key), v[key])...)
		}
	case string:
		all = append(all, path)
	}
	return all
}

// No text among the values becomes anything but a text: it ends no line, begins no object, and is no boolean or number.
func TestTextsInjectNothing(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(chartPath, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const hostile = "x\"'\n---\nkind: Injected\nmetadata: {name: injected}\n#: {{ }} }] \\"
	for _, path := range textsOf(nil, read(t, string(content))) {
		t.Run(strings.Join(path, "."), func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{hostile, "on"} {
				for _, base := range []string{"production-hardened.yaml", "production-cloudsql.yaml"} {
					given := example(t, base)
					set(given, path, text)
					r, err := render(given, false)
					if err != nil {
						if !strings.Contains(err.Error(), "cannot be installed") && !strings.Contains(err.Error(), "don't meet the specifications") {
							t.Errorf("%q with %s: %v", text, base, err)
						}
						continue
					}
					for _, o := range r.objects {
						if o.kind() == "Injected" || misread(o, text) {
							t.Errorf("%q with %s: it is no text in %s %s", text, base, o.kind(), o.name())
						}
					}
				}
			}
		})
	}
}

// set sets the value at a path.
func set(at values, path []string, to any) {
	for _, key := range path[:len(path)-1] {
		below, ok := at[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			at[key] = below
		}
		at = below
	}
	at[path[len(path)-1]] = to
}

// named are fields of objects that are texts, always.
var named = []string{"name", "namespace", "secretName", "storageClassName", "ingressClassName", "image", "host", "priorityClassName", "timeZone", "serviceAccountName", "claimName", "key"}

// misread tells whether such a field holds something else.
func misread(v any, text string) bool {
	switch v := v.(type) {
	case object:
		return misread(map[string]any(v), text)
	case map[string]any:
		for key, below := range v {
			if _, isText := below.(string); slices.Contains(named, key) && !isText {
				if _, isMap := below.(map[string]any); !isMap {
					return true
				}
			}
			if misread(below, text) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return misread(one, text) })
	}
	return false
}
