package spell

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line tells whether a text is one line of at most n bytes in which everything can be seen: no control characters, which terminals and
// mails act upon, and none that turn the direction of what stands beside them.
func Line(s string, n int) bool {
	return len(s) <= n && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// Visible writes out what is not seen, as \x1b for an escape character; lines stay lines. What strangers have named must neither move
// the cursor of who reads it, nor read otherwise than it is.
func Visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n', unicode.IsGraphic(r) && (r != utf8.RuneError || strings.HasPrefix(s[i:], "\uFFFD")):
			b.WriteRune(r)
		case r == utf8.RuneError:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
