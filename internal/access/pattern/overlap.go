package pattern

import (
	"regexp/syntax"
	"slices"
	"unicode"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// overlap looks for texts that two regular expressions and a grammar have in common, by going through all three at once:
// a state is a place in each of them, and each step is a character that all three can take. The search goes by length, so
// the first text is a shortest one; it ends when every state was seen, so that nothing found means that there is nothing.
type overlap struct {
	a, b    *syntax.Prog
	grammar grammar
	// hints are characters to try apart from their like, for expressions that are wider than what they stand for.
	hints string
	// want is how many texts to find, visits how often a state may be gone through for that; 0 means 1.
	want, visits int

	// found are the texts; gaveUp tells that the search ended at its bound.
	found  []string
	gaveUp bool
	// work is how many steps were looked at.
	work int

	alphabet []rune
	closures [2]map[closureKey][]uint32
}

const (
	// maxOverlapStates bounds the states that are remembered for one pair of expressions, maxOverlapWork the steps from them that
	// are looked at: some ten milliseconds.
	maxOverlapStates = 20_000
	maxOverlapWork   = 8_000_000
	// nothing stands for the character before the first.
	nothing rune = -1
)

// place is a state of the search: a place in each expression, behind the character that was taken last.
type place struct {
	a, b    uint32
	g       uint8
	wordish int8 // what the last character was: -1 none, 0 no word character, 1 one
}

// step is a place, and how it was reached.
type step struct {
	place place
	char  rune
	from  int
}

type closureKey struct {
	pc   uint32
	flag syntax.EmptyOp
}

// search goes through the states until it has found what it wants, or gives up.
func (o *overlap) search() {
	o.want, o.visits = max(o.want, 1), max(o.visits, 1)
	o.closures = [2]map[closureKey][]uint32{make(map[closureKey][]uint32), make(map[closureKey][]uint32)}
	o.alphabet = o.characters()
	steps := []step{{place: place{a: uint32(o.a.Start), b: uint32(o.b.Start), wordish: -1}, from: -1}}
	seen := map[place]int{steps[0].place: 1}
	for i := 0; i < len(steps); i++ {
		if o.accepts(steps[i].place) {
			o.found = append(o.found, spelled(steps, i))
			if len(o.found) >= o.want {
				return
			}
		}
		if len(steps) > maxOverlapStates || o.work > maxOverlapWork {
			o.gaveUp = true
			return
		}
		for _, c := range o.alphabet {
			steps = o.advance(steps, i, c, seen)
		}
	}
}

// advance appends the places that the character leads to.
func (o *overlap) advance(steps []step, i int, c rune, seen map[place]int) []step {
	at := steps[i].place
	g := o.grammar(at.g, c)
	if g == refused {
		return steps
	}
	flag := at.context(c)
	left := o.closure(0, at.a, flag)
	o.work += 1 + len(left)
	for _, pa := range left {
		if !takes(&o.a.Inst[pa], c) {
			continue
		}
		right := o.closure(1, at.b, flag)
		o.work += len(right)
		for _, pb := range right {
			if !takes(&o.b.Inst[pb], c) {
				continue
			}
			next := place{a: o.a.Inst[pa].Out, b: o.b.Inst[pb].Out, g: g, wordish: wordish(c)}
			if seen[next] < o.visits {
				seen[next]++
				steps = append(steps, step{next, c, i})
			}
		}
	}
	return steps
}

// takes is Inst.MatchRune for each instruction.
func takes(inst *syntax.Inst, c rune) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return inst.MatchRune(c)
	}
	return false
}

func (o *overlap) accepts(at place) bool {
	if o.grammar(at.g, nothing) == refused {
		return false
	}
	flag := at.context(nothing)
	return ends(o.a, o.closure(0, at.a, flag)) && ends(o.b, o.closure(1, at.b, flag))
}

func ends(p *syntax.Prog, pcs []uint32) bool {
	for _, pc := range pcs {
		if p.Inst[pc].Op == syntax.InstMatch {
			return true
		}
	}
	return false
}

// context says which assertions hold between the last character and the next.
func (at place) context(next rune) syntax.EmptyOp {
	last := nothing
	switch at.wordish {
	case 0:
		last = '/'
	case 1:
		last = 'a'
	}
	return syntax.EmptyOpContext(last, next)
}

func wordish(c rune) int8 {
	if syntax.IsWordChar(c) {
		return 1
	}
	return 0
}

// closure gives the instructions that take a character or end, as far as they are reached without taking one.
func (o *overlap) closure(which int, pc uint32, flag syntax.EmptyOp) []uint32 {
	k := closureKey{pc, flag}
	if got, ok := o.closures[which][k]; ok {
		return got
	}
	p := o.a
	if which == 1 {
		p = o.b
	}
	got := reach(p, pc, flag)
	o.closures[which][k] = got
	return got
}

func reach(p *syntax.Prog, from uint32, flag syntax.EmptyOp) []uint32 {
	var got []uint32
	seen := make(map[uint32]bool)
	for todo := []uint32{from}; len(todo) > 0; {
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
		default:
			got = append(got, pc)
		}
	}
	return got
}

// characters gives one character of each kind that the expressions and the grammar tell apart, letters first so that what
// is found can be read.
func (o *overlap) characters() []rune {
	borders := []rune{0, ' ', '%', '&', '+', '-', '.', '/', '0', ':', ';', 'A', 'G', '[', '\\', ']', '^', '_', '`', 'a', 'g', '{', 0x7f, 0x80}
	for _, c := range "https" + o.hints {
		borders = append(borders, c, c+1)
	}
	for _, p := range []*syntax.Prog{o.a, o.b} {
		for i := range p.Inst {
			borders = append(borders, bordersOf(&p.Inst[i])...)
		}
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	var alphabet []rune
	for _, c := range borders {
		if c >= 0 && c <= unicode.MaxRune && (c < 0xd800 || c > 0xdfff) && c != unicode.ReplacementChar {
			alphabet = append(alphabet, c)
		}
	}
	slices.SortStableFunc(alphabet, func(a, b rune) int { return rank(a) - rank(b) })
	return alphabet
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

func rank(c rune) int {
	switch {
	case 'a' <= c && c <= 'z':
		return 0
	case '0' <= c && c <= '9':
		return 1
	case 'A' <= c && c <= 'Z':
		return 2
	case c < 0x80 && (target.Unreserved(byte(c)) || c == '/'):
		return 3
	case c < 0x80:
		return 4
	}
	return 5
}

func spelled(steps []step, i int) string {
	var back []rune
	for ; steps[i].from >= 0; i = steps[i].from {
		back = append(back, steps[i].char)
	}
	slices.Reverse(back)
	return string(back)
}
