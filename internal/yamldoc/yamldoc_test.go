package yamldoc

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocuments(t *testing.T) {
	r := NewReader([]byte("a: &x [1, b]\nc: *x\n---\n---\ntext\n"))
	var all []any
	for {
		v, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	list := []any{1, "b"}
	if diff := cmp.Diff([]any{map[string]any{"a": list, "c": list}, nil, "text"}, all); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"a: [", "a: 1\na: 2", "*x", "a: &a [*a]"} {
		if v, err := NewReader([]byte(bad)).Next(); err == nil {
			t.Errorf("%q is %v", bad, v)
		}
	}
}

// What would take hours is refused at once.
func TestCostlyDocuments(t *testing.T) {
	var keys, laughs strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	wide := "a: &a {" + strings.Repeat("x", 3)
	for i := range 3000 {
		wide += fmt.Sprintf(": 1, k%d", i)
	}
	wide += ": 1}\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 100), ",") + "]\n"
	for what, text := range map[string]string{
		"keys": keys.String(), "laughs": laughs.String(), "wide aliases": wide, "self": "a: &a\n  b: *a\n",
		"deep": strings.Repeat("[", 3_000_000), "deep aliases": deep(),
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := NewReader([]byte(text)).Next(); err == nil {
				t.Error("it is decoded")
			}
		})
	}
}

// deep has values in one another by aliases, so that the text does not.
func deep() string {
	var b strings.Builder
	b.WriteString("a0: &a0 []\n")
	for i := 1; i <= deepest; i++ {
		fmt.Fprintf(&b, "- &a%d [*a%d]\n", i, i-1)
	}
	return strings.Replace(b.String(), "a0: &a0 []", "- &a0 []", 1)
}

func FuzzNext(f *testing.F) {
	for _, seed := range []string{"a: 1", "- &a [*a]", "<<: {a: b}", "!!binary x", "? [a]\n: b", "%YAML 1.1\n---\n", "a: !!map {}", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		r := NewReader(text)
		for range 100 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}
