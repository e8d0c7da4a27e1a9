package sqldb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// slotTenant marks a bind mark that takes the tenant of the context; every other slot is the index of the
// caller's argument.
const slotTenant = -1

// mark is one place in a text where a value is bound.
type mark struct {
	start, end int // byte range in the text that the mark replaces
	slot       int
	list       bool // stands as "IN (?)": a slice may be bound
}

// statement is a text as the caller wrote it, taken apart once.
type statement struct {
	text   string
	marks  []mark
	args   int  // arguments the caller must give
	tenant bool // names :tenant
	lists  bool // at least one mark may take a slice
	plain  *rendered
}

// rendered is a statement in the words of one dialect, with what to bind in order.
type rendered struct {
	text  string
	slots []int
}

// parse takes a text apart. Marks inside strings, quoted names and comments are not marks, and neither is a
// cast ("::text") or an array slice ("a[1:2]").
func parse(text string) (*statement, error) {
	s := &statement{text: text}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'' || c == '"' || c == '`':
			end, err := quoted(text, i)
			if err != nil {
				return nil, err
			}
			i = end
		case c == '-' && strings.HasPrefix(text[i:], "--"):
			i = lineEnd(text, i)
		case c == '/' && strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				return nil, errors.New("a comment is not closed")
			}
			i += 2 + end + 2
		case c == '?':
			s.marks = append(s.marks, mark{start: i, end: i + 1, slot: s.args, list: insideIn(text, i)})
			s.lists = s.lists || s.marks[len(s.marks)-1].list
			s.args++
			i++
		case c == ':':
			end, err := s.colon(i)
			if err != nil {
				return nil, err
			}
			i = end
		default:
			i++
		}
	}
	return s, nil
}

// colon reads what starts with ':' at i and returns where to go on.
func (s *statement) colon(i int) (int, error) {
	text := s.text
	if strings.HasPrefix(text[i:], "::") {
		return i + 2, nil
	}
	end := i + 1
	for end < len(text) && wordByte(text[end]) {
		end++
	}
	word := text[i+1 : end]
	switch {
	case word == "tenant":
		s.marks = append(s.marks, mark{start: i, end: end, slot: slotTenant})
		s.tenant = true
	case word != "" && (word[0] < '0' || word[0] > '9'):
		return 0, fmt.Errorf("unknown name :%s; write ? for arguments and :tenant for the tenant", word)
	}
	return end, nil
}

// quoted returns the index after the string or quoted name that starts at i; a doubled quote stays inside.
func quoted(text string, i int) (int, error) {
	q := text[i]
	for j := i + 1; j < len(text); j++ {
		if text[j] != q {
			continue
		}
		if j+1 < len(text) && text[j+1] == q {
			j++
			continue
		}
		return j + 1, nil
	}
	return 0, fmt.Errorf("a quote %c is not closed", q)
}

func lineEnd(text string, i int) int {
	if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(text)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// insideIn reports whether the mark at i stands alone in "IN (?)". Only one blank is allowed at each place,
// which is how everybody writes it.
func insideIn(text string, i int) bool {
	before, ok := strings.CutSuffix(text[:i], "(")
	if !ok || !strings.HasPrefix(text[i+1:], ")") {
		return false
	}
	before = strings.TrimSuffix(before, " ")
	if len(before) < 3 || !strings.EqualFold(before[len(before)-2:], "in") || wordByte(before[len(before)-3]) {
		return false
	}
	rest := strings.TrimRight(before[:len(before)-2], " \n\t")
	return len(rest) < 3 || !strings.EqualFold(rest[len(rest)-3:], "not") || len(rest) > 3 && wordByte(rest[len(rest)-4])
}

// render writes the statement for a dialect. lists says for each list mark how many values it takes; nil
// means that no slice is bound.
func (s *statement) render(d Dialect, lists []int) *rendered {
	var b strings.Builder
	b.Grow(len(s.text) + 4*len(s.marks))
	r := &rendered{slots: make([]int, 0, len(s.marks))}
	last := 0
	numbers := make(map[int]int, len(s.marks))
	for i, m := range s.marks {
		if d.numbered() && lists != nil && lists[i] > 0 {
			// "IN (?)" becomes "= ANY ($1)": one text serves every length.
			in := strings.LastIndexAny(s.text[:m.start-1], "nN") - 1
			b.WriteString(s.text[last:in])
			b.WriteString("= ANY (")
		} else {
			b.WriteString(s.text[last:m.start])
		}
		last = m.end
		if d.numbered() {
			n, seen := numbers[m.slot]
			if !seen || m.slot != slotTenant {
				r.slots = append(r.slots, m.slot)
				n = len(r.slots)
				numbers[m.slot] = n
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte('?')
		r.slots = append(r.slots, m.slot)
		if lists != nil {
			for range lists[i] - 1 {
				b.WriteString(",?")
			}
		}
	}
	b.WriteString(s.text[last:])
	r.text = b.String()
	return r
}

// statements remembers each text that ran. Texts are constants of the program (lists of values are padded to
// few lengths), so their number is bounded; the limit only guards against a mistake.
type statements struct {
	dialect Dialect
	byText  sync.Map // string → *statement
	byLists sync.Map // listKey → *rendered
	count   atomic.Int64
}

// listKey is a text with the padded lengths of its lists, at most four of them.
type listKey struct {
	text    string
	lengths [4]int
}

// rendering returns the text for these lengths of lists.
func (c *statements) rendering(s *statement, lists []int) *rendered {
	key := listKey{text: s.text}
	n := 0
	for i, m := range s.marks {
		if !m.list {
			continue
		}
		if n == len(key.lengths) {
			return s.render(c.dialect, lists)
		}
		key.lengths[n] = lists[i]
		n++
	}
	if r, ok := c.byLists.Load(key); ok {
		return r.(*rendered)
	}
	r := s.render(c.dialect, lists)
	if c.count.Add(1) < maxStatements {
		c.byLists.Store(key, r)
	}
	return r
}

const maxStatements = 4096

func (c *statements) get(text string) (*statement, error) {
	if s, ok := c.byText.Load(text); ok {
		return s.(*statement), nil
	}
	s, err := parse(text)
	if err != nil {
		return nil, &Error{Statement: short(text), cause: err}
	}
	s.plain = s.render(c.dialect, nil)
	if c.count.Load() < maxStatements {
		if _, loaded := c.byText.LoadOrStore(text, s); !loaded {
			c.count.Add(1)
		}
	}
	return s, nil
}
