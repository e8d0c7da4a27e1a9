package hook

import (
	_ "embed" // for std.jsonnet
	"errors"
	"fmt"
	"sync"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/astgen"
)

//go:embed std.jsonnet
var standardSource string

// standard makes sure that the interpreter has Jsonnet's standard library, when the first program runs. As the library comes, it
// is compiled in as a syntax tree: 2.3 MB of pointers that every collection of garbage reads, and that most servers never need.
// scripts/build leaves the tree out of the server; here it is parsed from its source.
var standard = sync.OnceValue(func() error {
	if astgen.StdAst != nil {
		return nil // built by go build alone
	}
	library, err := parseStandard()
	astgen.StdAst = library
	return err
})

func parseStandard() (*ast.DesugaredObject, error) {
	node, err := jsonnet.SnippetToAST("", standardSource) // no file that imports could be relative to
	if err != nil {
		return nil, fmt.Errorf("the standard library of Jsonnet: %w", err)
	}
	node.Loc().File.DiagnosticFileName = "<std>"
	library, ok := node.(*ast.DesugaredObject)
	if !ok {
		return nil, errors.New("the standard library of Jsonnet is no object")
	}
	return library, nil
}
