package hook

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/astgen"
)

// The server as it is released parses the standard library's source. What comes out is the tree that the interpreter's module
// holds, node by node and with every position.
func TestStandardLibraryIsTheInterpretersOwn(t *testing.T) {
	parsed, err := parseStandard(astgen.StdAst.LocRange.File.Lines)
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
