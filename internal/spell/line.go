package spell

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line tells whether a text is one line of at most n bytes in which everything can be seen: no control characters, which terminals and
// mails act upon, and none that turn the direction of what stands beside them.
func Line(s string, n int) bool {
	return len(s) <= n && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}
