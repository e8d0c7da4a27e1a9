package chart

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/yamldoc"
)

// kind is a chart whose values are read.
type kind struct {
	name, title string
	marks       []string // settings that only this kind has
	table       func() table
	after       func(c *Conversion, tree map[string]any)
}

// kinds are in the order in which they are found out and read.
var kinds = []kind{
	{"kyma", "Kyma's overrides", []string{"global.ory", "persistence.postgresql", "persistence.gcloud", "persistence.dbUrl", "gcloud-sqlproxy", "gcloud", "hydra.hydra", "postgresql.enabled"}, kymaTable, kymaDatabase},
	{"hydra", "Ory's chart hydra", []string{"hydra"}, hydraTable, nil},
	{"kratos", "Ory's chart kratos", []string{"kratos"}, kratosTable, nil},
	{"oathkeeper", "Ory's chart oathkeeper", []string{"oathkeeper"}, oathkeeperTable, oathkeeperDoors},
	{"openzro", "openZro's chart", []string{"postgres.databases", "postgres.provisioning", "mysql.databases", "mysql.provisioning", "postgres.enabled", "mysql.enabled", "management", "dex", "signal", "relay"}, openzroTable, openzroDatabase},
	{"cloudentity", "Cloudentity's chart acp", []string{"secretConfig", "importJob", "migrateJob", "acp", "config.data", "certificate", "faas"}, cloudentityTable, nil},
}

// Kinds are the names of the charts that are known.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// mostSettings is how much a document may hold; the largest values that people write have some thousands.
const mostSettings = 100_000

var errLarge = errors.New("it holds more than values of a chart do")

// few takes from left what a value holds, and tells whether there was enough.
func few(v any, left *int) bool {
	*left--
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			if !few(below, left) {
				return false
			}
		}
	case map[any]any:
		for _, below := range v {
			if !few(below, left) {
				return false
			}
		}
	case []any:
		for _, below := range v {
			if !few(below, left) {
				return false
			}
		}
	}
	return *left >= 0
}

// documents are the merged values of each kind, and the files that they come from.
type documents struct {
	trees map[string]map[string]any
	names map[string][]string
}

func readAll(sources []Source, kind string) (*documents, error) {
	d := &documents{trees: map[string]map[string]any{}, names: map[string][]string{}}
	for _, s := range sources {
		r := yamldoc.NewReader(s.Text)
		found := false
		for n := 1; ; n++ {
			v, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if left := mostSettings; err == nil && !few(v, &left) {
				err = errLarge
			}
			if err == nil && v != nil {
				found = true
				err = d.add(s.Name, kind, v)
			}
			if err != nil {
				return nil, fmt.Errorf("%s, document %d: %w", s.Name, n, err)
			}
		}
		if !found {
			return nil, fmt.Errorf("%s is empty: it should hold the values of another chart", s.Name)
		}
	}
	return d, nil
}

func (d *documents) add(name, kind string, v any) error {
	tree, ok := texts(v).(map[string]any)
	if !ok {
		return fmt.Errorf("it is no mapping: %s", expected)
	}
	if items, ok := tree["items"].([]any); ok && tree["kind"] == "List" {
		for _, item := range items {
			if err := d.add(name, kind, item); err != nil {
				return err
			}
		}
		return nil
	}
	if tree["apiVersion"] != nil && tree["kind"] != nil {
		overrides, err := overridesOf(tree)
		if err != nil {
			return err
		}
		tree, kind = overrides, "kyma"
	}
	if kind == "" {
		var err error
		if kind, err = detect(tree); err != nil {
			return err
		}
	}
	if d.trees[kind] == nil {
		d.trees[kind] = map[string]any{}
	}
	merge(d.trees[kind], tree)
	if !slices.Contains(d.names[kind], name) {
		d.names[kind] = append(d.names[kind], name)
	}
	return nil
}

// expected says which files there may be.
var expected = "expected are Kyma's overrides (ConfigMap, Secret or values below global.ory.hydra), or values of Ory's charts (below hydra, kratos or oathkeeper), of Cloudentity's chart acp (secretConfig, certificate, …) or of openZro's (postgres, mysql, management, …). Say which with --kind"

func detect(tree map[string]any) (string, error) {
	has := func(path string) bool { return lookup(tree, path) != nil }
	if has("profile") || has("database.mode") || has("database.host") {
		return "", errors.New("these are values of Gatehouse's own chart already: give them to helm as they are")
	}
	for _, k := range kinds {
		if slices.ContainsFunc(k.marks, has) {
			return k.name, nil
		}
	}
	return "", errors.New("none of the known charts has such values: " + expected)
}

// overridesOf reads a ConfigMap or Secret whose keys are paths of values.
func overridesOf(manifest map[string]any) (map[string]any, error) {
	what := fmt.Sprint(manifest["kind"])
	if what != "ConfigMap" && what != "Secret" {
		return nil, fmt.Errorf("it is a Kubernetes object of another kind than ConfigMap and Secret: %s", expected)
	}
	flat := map[string]any{}
	for _, group := range []string{"data", "stringData"} {
		data, _ := manifest[group].(map[string]any)
		for key, v := range data {
			text := fmt.Sprint(v)
			if group == "data" && what == "Secret" {
				raw, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					return nil, fmt.Errorf("data.%s of the Secret is not base64", legible(key))
				}
				text = string(raw)
			}
			flat[key] = text
		}
	}
	tree := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		path := strings.Split(strings.TrimPrefix(key, "data."), ".")
		if len(path) < 2 {
			return nil, fmt.Errorf("the key %s of the %s is no path of a value, such as global.ory.hydra.persistence.enabled: %s", legible(key), what, expected)
		}
		if !put(tree, path, flat[key]) {
			return nil, fmt.Errorf("the key %s of the %s contradicts another one", legible(key), what)
		}
	}
	return tree, nil
}

// texts gives mappings keys of text, whatever they were.
func texts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			v[key] = texts(below)
		}
	case map[any]any:
		all := make(map[string]any, len(v))
		for key, below := range v {
			all[fmt.Sprint(key)] = texts(below)
		}
		return all
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
	}
	return v
}
