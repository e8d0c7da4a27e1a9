package hook

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/astgen"
)

var update = flag.Bool("update", false, "take std.jsonnet from the library's syntax tree")

// The server as it is released parses its own copy of the standard library's source. What comes out is the tree that the
// interpreter's module holds, node by node and with every position: after an update of the module, `go test -update` takes the
// source from it.
func TestStandardLibraryIsTheInterpretersOwn(t *testing.T) {
	if *update {
		source := strings.Join(astgen.StdAst.Loc().File.Lines, "")
		if err := os.WriteFile("std.jsonnet", []byte(strings.TrimSuffix(source, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Log("std.jsonnet is written; run the test again")
		return
	}
	parsed, err := parseStandard()
	if err != nil {
		t.Fatal(err)
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	// Nearly every node points to the source; that is compared once, below.
	source := cmp.Comparer(func(a, b *ast.Source) bool { return (a == nil) == (b == nil) })
	if diff := cmp.Diff(astgen.StdAst, parsed, everything, source, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(astgen.StdAst.Loc().File, parsed.Loc().File); diff != "" {
		t.Error(diff)
	}
}
