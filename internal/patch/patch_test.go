package patch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/patch"
)

var errBad = fault.New(fault.Invalid, "bad", "")

func TestPatch(t *testing.T) {
	many := "[" + strings.Repeat(`{"op":"remove","path":"/a"},`, 500) + `{"op":"remove","path":"/a"}]`
	long := `{"op":"add","path":"/a","value":"` + strings.Repeat("x", 600<<10) + `"}`
	for _, test := range []struct{ name, patch, want string }{
		{"a field replaced", `[{"op":"replace","path":"/a","value":2}]`, `{"a":2}`},
		{"nothing to do", `[]`, `{"a":1}`},
		{"an object", `{"op":"replace"}`, "!not a JSON Patch"},
		{"the whole document", `[{"op":"replace","path":"","value":{}}]`, "!no path to a field"},
		{"no path", `[{"op":"remove"}]`, "!incomplete"},
		{"the whole document moved", `[{"op":"move","from":"","path":"/b"}]`, "!no path to a field"},
		{"a path without a slash", `[{"op":"remove","path":"a"}]`, "!no path to a field"},
		{"too many", many, "!more than 500"},
		{"copies that grow", `[` + long + `,{"op":"copy","from":"/a","path":"/b"},{"op":"copy","from":"/a","path":"/c"}]`, "!does not fit"},
		{"a test that fails", `[{"op":"test","path":"/a","value":9}]`, "!did not find"},
		{"a field that is missing", `[{"op":"remove","path":"/b"}]`, "!missing"},
		{"a negative index", `[{"op":"add","path":"/l","value":[1]},{"op":"remove","path":"/l/-1"}]`, "!out of range"},
		{"an unknown operation", `[{"op":"grow","path":"/a"}]`, "!none of add"},
	} {
		got, err := apply(test.patch, `{"a":1}`)
		want, refused := strings.CutPrefix(test.want, "!")
		switch {
		case refused && (err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(*fault.Error))):
			t.Errorf("%s: %v, want a fault that says %q", test.name, err, want)
		case !refused && (err != nil || got != want):
			t.Errorf("%s: %s, %v", test.name, got, err)
		}
	}
}

func apply(text, document string) (string, error) {
	p, err := patch.Parse([]byte(text), errBad, "/a")
	if err != nil {
		return "", err
	}
	out, err := patch.Apply(p, []byte(document), errBad)
	return string(out), err
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{`[{"op":"add","path":"/a/-","value":1}]`, `[{"op":"move","from":"/a","path":"/b/~0~1"}]`, `[{"op":"copy","from":"","path":"/a"}]`, `[null]`} {
		f.Add([]byte(seed), []byte(`{"a":[1,{"b":null}]}`))
	}
	f.Fuzz(func(t *testing.T, text, document []byte) {
		if !json.Valid(document) || !bytes.HasPrefix(bytes.TrimSpace(document), []byte("{")) {
			return // callers patch documents that they have written themselves
		}
		got, err := apply(string(text), string(document))
		if err == nil && !json.Valid([]byte(got)) {
			t.Errorf("%s became %s", document, got)
		}
	})
}
