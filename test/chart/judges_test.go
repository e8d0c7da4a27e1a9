package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/client-go/discovery"
)

// everything is what an installation may be: each example, and each profile with each kind of database that it allows.
func everything(t *testing.T) map[string]values {
	t.Helper()
	cases := map[string]values{}
	for _, name := range exampleNames(t) {
		cases[name] = example(t, name)
	}
	for mode := range servers {
		for profile := range profiles {
			if profile+mode != "productionmemory" {
				cases[profile+" "+mode] = read(t, minimal(profile, mode))
			}
		}
	}
	cases["single namespaces"] = read(t, "doors: {proxy: {enabled: true}}\ncontroller: {enabled: true, watchNamespaces: [iam, default], apiRules: {route: ingress, formerly: [virtualservice, httproute]}}")
	cases["a lab that is backed up"] = read(t, "database: {mode: sqlite, sqlite: {storageClass: fast}}\nbackup: {enabled: true, prune: true, recipients: [age1xyz], destinations: [{name: a, s3: {bucket: a}}], drill: {enabled: true, identitySecret: i}}")
	return cases
}

// What the API server says of itself is the judge of each manifest, for those who have no API server at hand: kubeconform with its schemas,
// in which no field is unknown.
func TestKubeconform(t *testing.T) {
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The API server describes a kind that was installed a while after it knows it.
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if err := c.writeSchemas(dir); err != nil {
			t.Fatal(err)
		}
		missing := undescribed(dir)
		if len(missing) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the API server does not describe %v", missing)
		}
	}
	v, err := validator.New([]string{dir + "/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	judge := func(manifests string) (faults []string, valid int) {
		for _, r := range v.Validate("rendered", io.NopCloser(strings.NewReader(manifests))) {
			switch r.Status {
			case validator.Valid:
				valid++
			case validator.Error, validator.Invalid, validator.Skipped:
				faults = append(faults, fmt.Sprint(r.Err))
			case validator.Empty:
			}
		}
		return faults, valid
	}
	for name, given := range everything(t) {
		r := mustRender(t, given)
		faults, valid := judge(r.manifests)
		for _, f := range faults {
			t.Errorf("%s: %s", name, f)
		}
		if valid < 5 {
			t.Errorf("%s: %d objects were judged", name, valid)
		}
	}
	wrong := strings.Replace(mustRender(t, values{}).manifests, "serviceAccountName:", "serviceAcountName:", 1)
	wrong = strings.Replace(wrong, "      restartPolicy: Never", "      restartPolicies: Never", 1)
	if faults, _ := judge(wrong); len(faults) == 0 {
		t.Error("a field that nobody knows is not found")
	}
}

// undescribed are the kinds of other projects whose schema is in no file.
func undescribed(dir string) (missing []string) {
	for _, kinds := range others {
		for kind := range kinds {
			if _, err := os.Stat(filepath.Join(dir, kind+"-v1.json")); err != nil {
				missing = append(missing, kind)
			}
		}
	}
	return missing
}

// writeSchemas writes the schema of each kind that the API server knows into a file of its own, and forbids what it does not describe.
func (c *cluster) writeSchemas(dir string) error {
	client, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return err
	}
	groups, err := client.OpenAPIV3().Paths()
	if err != nil {
		return err
	}
	for _, group := range groups {
		raw, err := group.Schema("application/json")
		if err != nil {
			return err
		}
		var document struct {
			Components struct {
				Schemas map[string]map[string]any `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(raw, &document); err != nil {
			return err
		}
		for _, s := range document.Components.Schemas {
			closed(s)
		}
		for name, s := range document.Components.Schemas {
			if err := writeSchema(dir, name, s, document.Components.Schemas); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeSchema writes the schema of the kind that is described there, if it is one.
func writeSchema(dir, name string, of map[string]any, all map[string]map[string]any) error {
	kinds, _ := of["x-kubernetes-group-version-kind"].([]any)
	if len(kinds) != 1 {
		return nil // options of many kinds
	}
	k := object(kinds[0].(map[string]any))
	file := strings.ToLower(k.text("kind"))
	if g := k.text("group"); g != "" {
		file += "-" + strings.Split(g, ".")[0]
	}
	content, err := json.Marshal(map[string]any{"$ref": "#/components/schemas/" + name, "components": map[string]any{"schemas": all}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, strings.ToLower(file+"-"+k.text("version"))+".json"), content, 0o600)
}

// closed forbids what a schema does not describe.
func closed(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if s["properties"] != nil && s["additionalProperties"] == nil && s["x-kubernetes-preserve-unknown-fields"] == nil {
			s["additionalProperties"] = false
		}
		for _, below := range s {
			closed(below)
		}
	case []any:
		for _, below := range s {
			closed(below)
		}
	}
}

// accepted are the checks of kube-score that objects do not pass: which objects, "" for all, and why that is right.
var accepted = map[string]struct{ objects, why string }{
	"container-image-pull-policy":              {"", "a tag of a release is one image for ever, and a node that has it starts pods while the registry is away; image.pullPolicy says otherwise"},
	"deployment-has-host-podantiaffinity":      {"", "pods are spread over zones and nodes by topologySpreadConstraints, which still has them run where nodes are few"},
	"container-security-context-user-group-id": {"StatefulSet gatehouse-postgresql", "the image's files belong to its user 70"},
	"deployment-strategy":                      {"Deployment gatehouse", "on SQLite there is one pod, and a second one beside it cannot open its volume"},
	"deployment-replicas":                      {"Deployment gatehouse", "on SQLite there is one pod"},
}

// scored is what kube-score says of one object.
type scored struct {
	TypeMeta struct {
		Kind string `json:"kind"`
	} `json:"type_meta"`
	ObjectMeta struct {
		Name string `json:"name"`
	} `json:"object_meta"`
	Checks []struct {
		Check struct {
			ID string `json:"id"`
		} `json:"check"`
		Grade    int  `json:"grade"`
		Skipped  bool `json:"skipped"`
		Comments []struct {
			Path    string `json:"path"`
			Summary string `json:"summary"`
		} `json:"comments"`
	} `json:"checks"`
}

// In production kube-score finds nothing of weight but what is accepted by name, and what is accepted is found.
func TestKubeScore(t *testing.T) {
	found := map[string]bool{}
	for name, given := range everything(t) {
		if given["profile"] != "production" {
			continue
		}
		for _, o := range kubeScore(t, mustRender(t, given).manifests) {
			for _, c := range o.Checks {
				const almostOK = 7
				if c.Skipped || c.Grade >= almostOK || c.Grade == 0 {
					continue
				}
				found[c.Check.ID] = true
				if a := accepted[c.Check.ID]; a.why == "" || a.objects != "" && a.objects != o.TypeMeta.Kind+" "+o.ObjectMeta.Name {
					t.Errorf("%s: %s %s: %s %v", name, o.TypeMeta.Kind, o.ObjectMeta.Name, c.Check.ID, c.Comments)
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(accepted)) {
		if !found[id] {
			t.Errorf("%s is accepted and never found", id)
		}
	}
}

// scoring is kube-score of the version of tools/go.mod, which go builds and keeps.
var scoring = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-modfile=tools/go.mod", "-n", "kube-score")
	cmd.Dir, cmd.Stderr = repository, os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

// kubeScore has it judge manifests.
func kubeScore(t *testing.T, manifests string) []scored {
	t.Helper()
	path, err := scoring()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "score", "--output-format", "json", "--kubernetes-version", "v1.36", "-")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(manifests), &out, &said
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	var all []scored
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), said.String())
	}
	return all
}
