package harden

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/yamldoc"
)

// annotation, followed by the id of a check, accepts what the check finds in an object; its value is the reason. On the template of a
// pod it counts for the pod.
const annotation = "gatehouse.dev/accept-"

// Cluster is what Kubernetes manifests say.
type Cluster struct {
	objects []object
	pods    []pod
}

// object is one document.
type object struct {
	kind, namespace, name string
	tree                  tree
	notes                 map[string]string // its annotations
}

// title names the object.
func (o object) title() string { return o.kind + " " + o.namespace + "/" + o.name }

// pod is what a document says of pods.
type pod struct {
	object
	labels     map[string]string
	spec       tree
	containers []container
}

// container is one of a pod's.
type container struct {
	tree
	name  string
	first bool // it ends before the others begin
}

// ConfigDocument is a configuration of Gatehouse that a ConfigMap holds.
type ConfigDocument struct {
	// Subject names the ConfigMap and the key in it.
	Subject string
	// Content is the document.
	Content []byte
	// Accepted is what the ConfigMap's annotations accept.
	Accepted []Acceptance
}

// mostManifests bounds what is read of manifests, in bytes.
const mostManifests = 32 << 20

// ReadManifests reads Kubernetes manifests: YAML documents or JSON, as `helm template` and `kubectl get -o yaml` print them. Documents
// that are no objects are refused.
func ReadManifests(in io.Reader) (*Cluster, error) {
	content, err := io.ReadAll(io.LimitReader(in, mostManifests+1))
	if err != nil {
		return nil, err
	}
	if len(content) > mostManifests {
		return nil, fmt.Errorf("the manifests are larger than %d MiB: check them in parts", mostManifests>>20)
	}
	c := &Cluster{}
	documents := yamldoc.NewReader(content)
	for n := 1; ; n++ {
		document, err := documents.Next()
		switch {
		case errors.Is(err, io.EOF) && len(c.objects) == 0:
			return nil, errors.New("there is no manifest: pipe in what `helm template` or `kubectl get -o yaml` prints")
		case errors.Is(err, io.EOF):
			return c, nil
		case err != nil:
			return nil, fmt.Errorf("document %d is not YAML: %w", n, err)
		case document == nil:
			continue
		}
		if err := c.add(document); err != nil {
			return nil, fmt.Errorf("document %d %w", n, err)
		}
	}
}

// add takes a document, or the items of a list of them.
func (c *Cluster) add(document any) error {
	t, ok := document.(map[string]any)
	if !ok || tree(t).text("kind") == "" {
		return errors.New("is no Kubernetes object: it has no kind")
	}
	if strings.HasSuffix(tree(t).text("kind"), "List") {
		for _, item := range tree(t).list("items") {
			if err := c.add(item); err != nil {
				return err
			}
		}
		return nil
	}
	o := object{kind: tree(t).text("kind"), name: tree(t).text("metadata", "name"), namespace: tree(t).text("metadata", "namespace"), tree: t}
	o.notes = tree(t).texts("metadata", "annotations")
	if o.namespace == "" {
		o.namespace = "default"
	}
	c.objects = append(c.objects, o)
	if p, ok := podOf(o); ok {
		c.pods = append(c.pods, p)
	}
	return nil
}

// podOf finds the pod, or the template of pods, in an object.
func podOf(o object) (pod, bool) {
	p := pod{object: o}
	template := o.tree
	switch o.kind {
	case "Pod":
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job":
		template = o.tree.group("spec", "template")
	case "CronJob":
		template = o.tree.group("spec", "jobTemplate", "spec", "template")
	default:
		return p, false
	}
	p.spec, p.labels = template.group("spec"), template.texts("metadata", "labels")
	p.notes = maps.Clone(o.notes)
	if p.notes == nil {
		p.notes = map[string]string{}
	}
	maps.Copy(p.notes, template.texts("metadata", "annotations"))
	for _, kind := range []string{"initContainers", "containers"} {
		for _, one := range p.spec.list(kind) {
			t, _ := one.(map[string]any)
			p.containers = append(p.containers, container{tree: t, name: tree(t).text("name"), first: kind == "initContainers" && tree(t).text("restartPolicy") != "Always"})
		}
	}
	return p, true
}

// lasting tells whether the pod is to run for good.
func (p pod) lasting() bool { return p.kind != "Job" && p.kind != "CronJob" }

// accept gives the acceptance of a check by the object's annotations, nil where there is none with a reason.
func (o object) accept(id string) *Acceptance {
	reason := strings.TrimSpace(o.notes[annotation+id])
	if reason == "" {
		return nil
	}
	return &Acceptance{Check: id, Reason: reason}
}

// ofKind gives the objects of a kind.
func (c *Cluster) ofKind(kinds ...string) []object {
	var all []object
	for _, o := range c.objects {
		if slices.Contains(kinds, o.kind) {
			all = append(all, o)
		}
	}
	return all
}

// groups are keys by which a configuration of Gatehouse is recognized: two of them make one.
var groups = []string{"profile", "data_dir", "databases", "secrets", "serve", "oauth", "selfservice", "courier", "identity", "access", "hashing", "tenants"}

// Configurations gives the configurations of Gatehouse that ConfigMaps hold.
func (c *Cluster) Configurations() []ConfigDocument {
	var all []ConfigDocument
	for _, o := range c.ofKind("ConfigMap") {
		data := o.tree.texts("data")
		for _, name := range slices.Sorted(maps.Keys(data)) {
			value, err := yamldoc.NewReader([]byte(data[name])).Next()
			document, ok := value.(map[string]any)
			if err != nil || !ok {
				continue
			}
			known := 0
			for _, g := range groups {
				if _, there := document[g]; there {
					known++
				}
			}
			if known < 2 {
				continue
			}
			d := ConfigDocument{Subject: o.title() + " " + name, Content: []byte(data[name])}
			for _, check := range Checks() {
				if a := o.accept(check.ID); a != nil {
					d.Accepted = append(d.Accepted, *a)
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// Sets tells whether a container is given a variable, as a text, from a Secret or from a file.
func (c *Cluster) Sets(variable string) bool {
	for _, p := range c.pods {
		for _, one := range p.containers {
			for _, e := range one.each("env") {
				if e.text("name") == variable || e.text("name") == variable+"_FILE" {
					return true
				}
			}
		}
	}
	return false
}

// tree is a group of a document. What is not there, or is of another kind, reads as empty: what a manifest may hold is the cluster's to
// say.
type tree map[string]any

// at goes down a path.
func (t tree) at(path ...string) any {
	var v any = map[string]any(t)
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func (t tree) group(path ...string) tree {
	m, _ := t.at(path...).(map[string]any)
	return m
}

func (t tree) list(path ...string) []any {
	l, _ := t.at(path...).([]any)
	return l
}

// text gives a value as text, a number or a truth too.
func (t tree) text(path ...string) string {
	switch v := t.at(path...).(type) {
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// texts gives a group of texts.
func (t tree) texts(path ...string) map[string]string {
	all := map[string]string{}
	for name := range t.group(path...) {
		all[name] = t.group(path...).text(name)
	}
	return all
}

// each gives the items of a list that are groups.
func (t tree) each(path ...string) []tree {
	var all []tree
	for _, item := range t.list(path...) {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}
