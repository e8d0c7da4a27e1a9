package policy

import (
	"maps"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// maxTypes bounds the types of all parts of an expression together, in names of types: checking them takes some twenty microseconds for each,
// and a few maps of lists of what a loop before has made have millions.
const maxTypes = 20_000

// tooWide reports whether the types of an expression have more than maxTypes names. It looks before they are checked.
func tooWide(parsed *cel.Ast) bool {
	w := weighing{types: map[string]int{}}
	w.of(parsed.NativeRep().Expr())
	return w.sum > maxTypes
}

// weighing is what is known of types while an expression is gone through: nothing but how many names they have at most.
type weighing struct {
	types map[string]int // of the variables of loops
	sum   int
}

// ofOthers is how many names the types of variables and functions have.
const ofOthers = 4

// of weighs the type of a part, and adds it to the sum.
func (w *weighing) of(e ast.Expr) int {
	n := min(w.weigh(e), maxTypes)
	w.sum += n
	return n
}

func (w *weighing) weigh(e ast.Expr) int {
	switch e.Kind() {
	case ast.IdentKind:
		if n, ofLoop := w.types[e.AsIdent()]; ofLoop {
			return n
		}
	case ast.SelectKind:
		return w.of(e.AsSelect().Operand())
	case ast.CallKind:
		n := w.most(e.AsCall().Args())
		if e.AsCall().IsMemberFunction() {
			n = max(n, w.of(e.AsCall().Target()))
		}
		return n
	case ast.ListKind:
		return 1 + w.most(e.AsList().Elements())
	case ast.MapKind:
		key, value := 1, 1
		for _, entry := range e.AsMap().Entries() {
			key, value = max(key, w.of(entry.AsMapEntry().Key())), max(value, w.of(entry.AsMapEntry().Value()))
		}
		return 1 + key + value
	case ast.ComprehensionKind:
		return w.loop(e.AsComprehension())
	case ast.LiteralKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
	return ofOthers
}

func (w *weighing) most(list []ast.Expr) int {
	n := 1
	for _, e := range list {
		n = max(n, w.of(e))
	}
	return n
}

// loop weighs what a macro such as map makes.
func (w *weighing) loop(c ast.ComprehensionExpr) int {
	over := w.of(c.IterRange())
	in := weighing{types: maps.Clone(w.types), sum: w.sum}
	in.types[c.IterVar()], in.types[c.IterVar2()] = over, over
	in.types[c.AccuVar()] = in.of(c.AccuInit())
	in.of(c.LoopCondition())
	in.types[c.AccuVar()] = in.of(c.LoopStep())
	n := in.of(c.Result())
	w.sum = in.sum
	return n
}
