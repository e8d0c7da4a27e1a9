package spell

import (
	"strings"
	"unicode/utf8"
)

// Fit returns as much of a text as n bytes hold, in whole characters. What is not UTF-8 becomes U+FFFD, and NUL is left out: there
// are databases that keep neither, and strangers who write both.
func Fit(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
