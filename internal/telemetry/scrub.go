package telemetry

import (
	"slices"
	"strings"
)

// span is a piece [from,to) of a text that must not be logged.
type span struct{ from, to int }

// Redact returns the text with everything hidden that the package comment lists. It is what the logger does to
// each message and string; others call it before they put a stranger's text where it is kept.
//
// The detectors look at the original text one after another and only mark pieces, so that none of them can be
// misled by what another one wrote.
func Redact(s string) string {
	var room [8]span
	marks := room[:0]
	marks = markKeyed(marks, s)
	marks = markSchemes(marks, s)
	marks = markShapes(marks, s)
	marks = markBase64(marks, s)
	urls := len(marks)
	marks = markUserinfo(marks, s)
	marks = markAddresses(marks, s, marks[urls:])
	if len(marks) == 0 {
		return s
	}
	slices.SortFunc(marks, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	b.Grow(len(s))
	at := 0
	for _, m := range marks {
		if m.to <= at {
			continue
		}
		if m.from > at || at == 0 {
			b.WriteString(s[at:max(at, m.from)])
			b.WriteString(hidden)
		}
		at = m.to
	}
	b.WriteString(s[at:])
	return b.String()
}

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// dot reports whether a dot at i is inside of a word: "secrets.system" is one key.
func dot(s string, i int) bool {
	return s[i] == '.' && i > 0 && wordByte(s[i-1]) && i+1 < len(s) && wordByte(s[i+1])
}
