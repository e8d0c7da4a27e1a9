package hook

import (
	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// clockPath is what every function of a program imports before it does anything else. A program cannot name it: programs that
// import are refused.
const clockPath = "gatehouse:clock"

// clock is the importer of a run. The interpreter knows no deadline, but it asks the importer each time that an import is
// evaluated: that is where a program that takes too long is stopped. A loop is a function that is called again, and so every
// loop of the program itself passes here; loops inside of the standard library do not.
type clock struct {
	contents jsonnet.Contents // the interpreter insists on always getting the same
	over     func() bool
}

// Import lets the program go on, or stops it.
func (c *clock) Import(_, path string) (jsonnet.Contents, string, error) {
	if path != clockPath {
		return jsonnet.Contents{}, "", errImports
	}
	if c.over() {
		return jsonnet.Contents{}, "", errTooLong
	}
	return c.contents, clockPath, nil
}

// prepare refuses programs that import, and makes every function look at the clock before it does anything: its body B becomes
// `if import clock then B`.
func prepare(node ast.Node) error {
	switch node.(type) {
	case *ast.Import, *ast.ImportStr, *ast.ImportBin:
		return errImports
	}
	for _, child := range toolutils.Children(node) {
		if err := prepare(child); err != nil {
			return err
		}
	}
	f, ok := node.(*ast.Function)
	if !ok {
		return nil
	}
	loc := *f.Body.Loc()
	bare := ast.NewNodeBaseLoc(loc, nil)
	f.Body = &ast.Conditional{
		Cond:        &ast.Import{File: &ast.LiteralString{Value: clockPath, NodeBase: bare}, NodeBase: bare},
		BranchTrue:  f.Body,
		BranchFalse: &ast.LiteralNull{NodeBase: bare},
		NodeBase:    ast.NewNodeBase(loc, nil, f.Body.FreeVariables()),
	}
	return nil
}
