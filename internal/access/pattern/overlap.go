package pattern

import (
	"math/bits"
	"regexp/syntax"
	"slices"
	"unicode"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// overlap looks for texts that two regular expressions and a grammar have in common, by going through all three at once:
// a state is a place in each of them, and each step is a character that all three can take. The search goes by length, so
// the first text is a shortest one; it ends when every state was seen, so that nothing found means that there is nothing.
type overlap struct {
	a, b    *program
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
	// words tells that one of the expressions asks for the boundaries of words; ofWords are their characters.
	words   bool
	ofWords set
	takers  [2]takers
	// to are the states of the grammar that follow its states by the characters; unasked where nobody has asked.
	to   [grammarStates][]uint8
	seen map[uint64]int
	last []uint64 // where the character before led to
}

const (
	// overlapBegin is what it takes to begin a search, in steps.
	overlapBegin = 1_000
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

// key is the place as one number: expressions have fewer instructions than maxInstructions.
func (p place) key() uint64 {
	return uint64(p.a)<<34 | uint64(p.b)<<10 | uint64(p.g)<<2 | uint64(p.wordish+1)
}

// step is a place, and how it was reached.
type step struct {
	place place
	char  rune
	from  int
}

// search goes through the states until it has found what it wants, or gives up.
func (o *overlap) search() {
	o.want, o.visits = max(o.want, 1), max(o.visits, 1)
	o.work += overlapBegin + len(o.a.Inst) + len(o.b.Inst)
	o.alphabet = o.characters()
	o.words = (o.a.asserts|o.b.asserts)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
	o.ofWords = o.setOf(syntax.IsWordChar)
	o.takers = [2]takers{newTakers(o.a, len(o.alphabet)), newTakers(o.b, len(o.alphabet))}
	steps := []step{{place: place{a: uint32(o.a.Start), b: uint32(o.b.Start), wordish: -1}, from: -1}}
	o.seen = map[uint64]int{steps[0].place.key(): 1}
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
		if !o.words {
			steps = o.advance(steps, i, nil, 0)
			continue
		}
		steps = o.advance(steps, i, o.ofWords, 1)
		steps = o.advance(steps, i, o.ofWords.without(), 0)
	}
}

// advance appends the places that the characters of a set lead to, which are all alike to assertions; nil are all.
func (o *overlap) advance(steps []step, i int, of set, wordish int8) []step {
	at := steps[i].place
	left, right := o.a.closure(at.a, at.wordish, wordish, &o.work), o.b.closure(at.b, at.wordish, wordish, &o.work)
	as, bs := &o.takers[0], &o.takers[1]
	as.list(left, o.alphabet)
	bs.list(right, o.alphabet)
	o.work += 1 + len(left.takes) + len(right.takes)
	o.last = o.last[:0]
	for w := range as.any {
		some := as.any[w] & bs.any[w]
		if of != nil {
			some &= of[w]
		}
		for ; some != 0; some &= some - 1 {
			steps = o.take(steps, i, w, bits.TrailingZeros64(some), left, right, wordish)
		}
	}
	return steps
}

// take appends the places that one character leads to.
func (o *overlap) take(steps []step, i, w, bit int, left, right *closure, wordish int8) []step {
	c, as, bs := w<<6|bit, &o.takers[0], &o.takers[1]
	g := o.follow(steps[i].place.g, c)
	if g == refused {
		return steps
	}
	o.work += len(left.takes)
	n := 0
	for x, pa := range left.takes {
		if as.rows[x][w]>>bit&1 == 0 {
			continue
		}
		o.work += len(right.takes)
		for y, pb := range right.takes {
			if bs.rows[y][w]>>bit&1 == 0 {
				continue
			}
			next := place{a: o.a.Inst[pa].Out, b: o.b.Inst[pb].Out, g: g, wordish: wordish}
			key := next.key()
			if n++; n > len(o.last) {
				o.last = append(o.last, key)
			} else if o.last[n-1] == key && o.visits == 1 {
				continue // as most characters of a class do
			}
			o.last[n-1] = key
			if o.seen[key] < o.visits {
				o.seen[key]++
				steps = append(steps, step{next, o.alphabet[c], i})
			}
		}
	}
	return steps
}

// unasked is none of a grammar's states.
const unasked uint8 = 254

// follow gives the grammar's state behind a state and a character, by its place in the alphabet.
func (o *overlap) follow(state uint8, c int) uint8 {
	to := o.to[state]
	if to == nil {
		to = slices.Repeat([]uint8{unasked}, len(o.alphabet))
		o.to[state] = to
	}
	if to[c] == unasked {
		to[c] = o.grammar(state, o.alphabet[c])
	}
	return to[c]
}

// setOf gives the characters of the alphabet that are of a kind.
func (o *overlap) setOf(is func(c rune) bool) set {
	s := make(set, setWords(len(o.alphabet)))
	for i, c := range o.alphabet {
		if is(c) {
			s[i>>6] |= 1 << (i & 63)
		}
	}
	return s
}

func (o *overlap) accepts(at place) bool {
	if o.grammar(at.g, nothing) == refused {
		return false
	}
	return o.a.closure(at.a, at.wordish, ending, &o.work).ends && o.b.closure(at.b, at.wordish, ending, &o.work).ends
}

// characters gives one character of each kind that the expressions and the grammar tell apart, letters first so that what
// is found can be read.
func (o *overlap) characters() []rune {
	borders := slices.Concat(grammarBorders, o.a.borders, o.b.borders)
	for _, c := range o.hints {
		borders = append(borders, c, c+1)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	o.work += 2 * len(borders)
	alphabet := make([]rune, 0, len(borders))
	for of := range ranks {
		for _, c := range borders {
			if rank(c) == of && c >= 0 && c <= unicode.MaxRune && (c < 0xd800 || c > 0xdfff) && c != unicode.ReplacementChar {
				alphabet = append(alphabet, c)
			}
		}
	}
	return alphabet
}

// grammarBorders are characters at which kinds begin that grammars tell apart.
var grammarBorders = func() []rune {
	borders := []rune{0, ' ', '%', '&', '+', '-', '.', '/', '0', ':', ';', 'A', 'G', '[', '\\', ']', '^', '_', '`', 'a', 'g', '{', 0x7f, 0x80}
	for _, c := range "https" {
		borders = append(borders, c, c+1)
	}
	return borders
}()

// ranks is how many there are.
const ranks = 6

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
