package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// anyGroup is a group whose keys only its type knows.
type anyGroup struct{ tree any }

func (g *anyGroup) SetTree(tree any) error {
	g.tree = tree
	return nil
}

func (g anyGroup) Written() bool { return g.tree != nil }

func TestGroupsThatReadThemselves(t *testing.T) {
	type document struct {
		Handlers map[string]struct {
			Config anyGroup `yaml:"config"`
		} `yaml:"handlers"`
	}
	faults := &Faults{}
	r := reader{file: "a.yaml", faults: faults}
	n := r.read([]byte("handlers:\n  a:\n    config: {n: 1.50, b: true, t: 'x', l: [1, null], o: {p: 007}}\n  b:\n    config: [1]\n  c:\n    config: text\n"))
	var got document
	d := decoder{faults: faults, origins: map[string]origin{}}
	d.group("", n, reflect.ValueOf(&got).Elem())
	want := map[string]any{
		"n": json.Number("1.50"), "b": true, "t": "x", "l": []any{json.Number("1"), nil}, "o": map[string]any{"p": "007"},
	}
	if diff := cmp.Diff(want, got.Handlers["a"].Config.tree); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"handlers.b.config (a.yaml:5): expected a group of keys, found a list", "handlers.c.config (a.yaml:7): expected a group of keys, found text"} {
		if !strings.Contains(faults.Error(), want) {
			t.Errorf("%q is not in %s", want, faults.Error())
		}
	}
	if got := written(reflect.ValueOf(got.Handlers["a"].Config)); got != "[redacted]" {
		t.Errorf("shown: %s", got)
	}
}
