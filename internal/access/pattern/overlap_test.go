package pattern_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// expression writes an expression as bytes choose, of few characters, so that two of them often have texts in common.
type expression struct {
	from  []byte
	depth int
}

func (e *expression) next(n int) int {
	if len(e.from) == 0 {
		return 0
	}
	b := int(e.from[0])
	e.from = e.from[1:]
	return b % n
}

func (e *expression) write(to *strings.Builder) {
	e.depth++
	defer func() { e.depth-- }()
	for range 1 + e.next(3) {
		atom := e.next(14)
		if atom > 10 && e.depth > 3 {
			atom -= 11
		}
		switch atom {
		case 11, 12:
			to.WriteString("(?:")
			e.write(to)
			to.WriteString("|")
			e.write(to)
			to.WriteString(")")
		case 13:
			to.WriteString("(?i:")
			e.write(to)
			to.WriteString(")")
		default:
			to.WriteString([...]string{"a", "b", "B", "-", ".", "[ab]", "[^a]", "[a-b-]", `\w`, `\b`, `\B`}[atom])
		}
		if atom < 9 || atom > 10 {
			to.WriteString([...]string{"", "", "", "*", "+", "?", "{2}"}[e.next(7)])
		}
	}
}

// texts are all of a few characters, the shortest first.
var texts = func() []string {
	all := []string{""}
	for begin, length := 0, 1; length <= 5; length++ {
		end := len(all)
		for _, t := range all[begin:end] {
			for _, c := range "aAbB-" {
				all = append(all, t+string(c))
			}
		}
		begin = end
	}
	return all
}()

// What two expressions have in common is found, and only that: held against trying every short text.
func FuzzOverlap(f *testing.F) {
	for _, seed := range []string{"", "ab", "\x02\x0b\x01\x00\x01\x01\x01\x03", "\x01\x09\x00\x00\x02\x0a\x08\x04", "\x02\x0d\x01\x01\x05\x07\x04\x06\x03"} {
		f.Add([]byte(seed), []byte("\x01\x07\x04\x08\x00"))
		f.Add([]byte(seed), []byte("\x02\x04\x03\x09\x00\x06"))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		if len(one) > 40 || len(other) > 40 {
			return
		}
		var a, b strings.Builder
		(&expression{from: one}).write(&a)
		(&expression{from: other}).write(&b)
		x, err := regexp.Compile("^(?:" + a.String() + ")$")
		y, err2 := regexp.Compile("^(?:" + b.String() + ")$")
		if err != nil || err2 != nil {
			return
		}
		both := func(text string) bool { return x.MatchString(text) && y.MatchString(text) }
		text, found, gaveUp := pattern.Overlap(a.String(), b.String())
		if found && !both(text) {
			t.Fatalf("%q is not matched by both %s and %s", text, &a, &b)
		}
		for _, short := range texts {
			if !found && !gaveUp && both(short) {
				t.Fatalf("%q is matched by %s and %s", short, &a, &b)
			}
		}
	})
}
