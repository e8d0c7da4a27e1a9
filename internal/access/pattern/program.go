package pattern

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// program is an expression as overlap goes through it, with what was found out on the way: for who compares it with many others. It is
// for one goroutine.
type program struct {
	*syntax.Prog
	// asserts are the assertions in it.
	asserts syntax.EmptyOp
	// borders are the characters at which what its instructions take begins and ends.
	borders []rune
	// reached are the closures by the assertions that hold, and the instruction that they begin with.
	reached map[syntax.EmptyOp][]*closure
}

// closure is where an expression gets to without taking a character.
type closure struct {
	takes []uint32 // the instructions that take one
	ends  bool
}

// maxInstructions bounds the expressions that are compared.
const maxInstructions = 1 << 24

// newProgram compiles a regular expression for overlap; nil where that cannot be.
func newProgram(source string) *program {
	tree, err := syntax.Parse("^(?:"+source+")$", syntax.Perl)
	if err != nil {
		return nil
	}
	compiled, err := syntax.Compile(tree.Simplify())
	if err != nil || len(compiled.Inst) >= maxInstructions {
		return nil
	}
	p := &program{Prog: compiled, reached: make(map[syntax.EmptyOp][]*closure)}
	for i := range p.Inst {
		if p.Inst[i].Op == syntax.InstEmptyWidth {
			p.asserts |= syntax.EmptyOp(p.Inst[i].Arg)
		}
		p.borders = append(p.borders, bordersOf(&p.Inst[i])...)
	}
	slices.Sort(p.borders)
	p.borders = slices.Clip(slices.Compact(p.borders))
	return p
}

// bordersOf gives the characters at which what the instruction takes begins, and those behind its ends.
func bordersOf(inst *syntax.Inst) []rune {
	if inst.Op != syntax.InstRune && inst.Op != syntax.InstRune1 {
		return nil
	}
	var borders []rune
	add := func(lo, hi rune) { borders = append(borders, lo, hi+1) }
	if len(inst.Rune) == 1 {
		c := inst.Rune[0]
		add(c, c)
		if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				add(f, f)
			}
		}
		return borders
	}
	for i := 0; i+1 < len(inst.Rune); i += 2 {
		add(inst.Rune[i], inst.Rune[i+1])
	}
	return borders
}

// ending is what follows the last character: nothing.
const ending = -1

// contexts are the assertions that hold between two characters, by what they are: nothing, no word character, or one.
var contexts = func() (all [3][3]syntax.EmptyOp) {
	like := [3]rune{nothing, '/', 'a'}
	for i, last := range like {
		for j, next := range like {
			all[i][j] = syntax.EmptyOpContext(last, next)
		}
	}
	return all
}()

// closure gives where the instruction gets to between two characters of a kind; work counts what that takes.
func (p *program) closure(pc uint32, last, next int8, work *int) *closure {
	flag := contexts[last+1][next+1] & p.asserts
	of := p.reached[flag]
	if of == nil {
		of = make([]*closure, len(p.Inst))
		p.reached[flag] = of
		*work += len(of)
	}
	if of[pc] == nil {
		of[pc] = p.reach(pc, flag, work)
	}
	return of[pc]
}

func (p *program) reach(from uint32, flag syntax.EmptyOp, work *int) *closure {
	got := &closure{}
	seen := make(map[uint32]bool)
	for todo := []uint32{from}; len(todo) > 0; *work += 10 { // each with a look into a map
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &p.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Arg, inst.Out)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^flag == 0 {
				todo = append(todo, inst.Out)
			}
		case syntax.InstFail:
		case syntax.InstMatch:
			got.ends = true
		default:
			got.takes = append(got.takes, pc)
		}
	}
	return got
}

// set is a set of characters, by their places in an alphabet.
type set []uint64

func setWords(n int) int { return (n + 63) >> 6 }

// without gives the others.
func (s set) without() set {
	others := make(set, len(s))
	for i := range s {
		others[i] = ^s[i]
	}
	return others
}

// takers know which characters of an alphabet the instructions of a program take.
type takers struct {
	program *program
	known   []set // by instruction
	// rows are those of the instructions that were listed last, any what one of them takes.
	rows []set
	any  set
}

func newTakers(p *program, alphabet int) takers {
	return takers{program: p, known: make([]set, len(p.Inst)), any: make(set, setWords(alphabet))}
}

// list finds out what the instructions of a closure take.
func (t *takers) list(c *closure, alphabet []rune) {
	t.rows = t.rows[:0]
	clear(t.any)
	for _, pc := range c.takes {
		row := t.known[pc]
		if row == nil {
			row = rowOf(&t.program.Inst[pc], alphabet)
			t.known[pc] = row
		}
		for w := range row {
			t.any[w] |= row[w]
		}
		t.rows = append(t.rows, row)
	}
}

// rowOf gives the characters of the alphabet that an instruction takes.
func rowOf(inst *syntax.Inst, alphabet []rune) set {
	row := make(set, setWords(len(alphabet)))
	if inst.Op == syntax.InstRune1 { // as most do
		if i := slices.Index(alphabet, inst.Rune[0]); i >= 0 {
			row[i>>6] |= 1 << (i & 63)
		}
		return row
	}
	for i, c := range alphabet {
		if takes(inst, c) {
			row[i>>6] |= 1 << (i & 63)
		}
	}
	return row
}

// takes is Inst.MatchRune for each instruction.
func takes(inst *syntax.Inst, c rune) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return inst.MatchRune(c)
	}
	return false
}
