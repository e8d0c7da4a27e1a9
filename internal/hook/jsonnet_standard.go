package hook

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/astgen"
)

// standard makes sure that the interpreter has Jsonnet's standard library, when the first program runs. As the library comes, it
// is compiled in as a syntax tree: 2.3 MB of pointers that every collection of garbage reads, and that most servers never need.
// scripts/build leaves in the server only the source that the tree was made from; here it is parsed.
var standard = sync.OnceValue(func() error {
	if len(astgen.StdAst.Fields) > 0 {
		return nil // built by go build alone
	}
	library, err := parseStandard(astgen.StdAst.LocRange.File.Lines)
	if err == nil {
		astgen.StdAst = library
	}
	return err
})

// parseStandard makes the tree of the library's source, given by its lines.
func parseStandard(lines []string) (*ast.DesugaredObject, error) {
	source := strings.TrimSuffix(strings.Join(lines, ""), "\n") // the parser ends the last line itself
	node, err := jsonnet.SnippetToAST("", source)               // no file that imports could be relative to
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
