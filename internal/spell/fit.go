package spell

import (
	"strings"
	"unicode/utf8"
)

// Fit returns as much of a text as n bytes hold, in whole characters. What is not UTF-8 becomes U+FFFD, and NUL is left out: there
// are databases that keep neither, and strangers who write both.
func Fit(s string, n int) string { return first(storable(s), n) }

// Short is Fit for messages: behind the n bytes an ellipsis says that there was more.
func Short(s string, n int) string {
	s = storable(s)
	if len(s) <= n {
		return s
	}
	return first(s, n) + "…"
}

func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

func first(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
