package telemetry

import "strings"

// markKeyed finds key, separator, value: in queries, forms, JSON, headers, and the way fmt prints maps and structs.
func markKeyed(marks []span, s string) []span {
	for i := 0; i < len(s); {
		if !wordByte(s[i]) {
			i++
			continue
		}
		from := i
		for i < len(s) && (wordByte(s[i]) || dot(s, i)) {
			i++
		}
		key := unescaped(s, from, i)
		if !sensitive(key) || strings.HasSuffix(key, ".go") { // "token.go:12" in a stack trace
			continue
		}
		sep, after := separator(s, i)
		if sep == "" {
			continue
		}
		end := valueEnd(s, after, sep, key)
		if end > after && !strings.HasPrefix(s[after:], hidden) {
			marks = append(marks, span{after, end})
		}
		i = max(i, end)
	}
	return marks
}

// unescaped returns the word s[from:to] without the rest of an escape that runs into it: "%26code" is "&code", and
// "\u0026code" is too.
func unescaped(s string, from, to int) string {
	word := s[from:to]
	if from == 0 {
		return word
	}
	switch s[from-1] {
	case '%':
		for strings.HasPrefix(word, "25") {
			word = word[2:]
		}
		if len(word) >= 2 {
			return word[2:]
		}
	case '\\':
		if len(word) >= 5 && word[0] == 'u' {
			return word[5:]
		}
		if len(word) >= 1 {
			return word[1:] // \n, \t
		}
	}
	return word
}

// separator reads what may stand between a key and its value and returns it, "=", ":" or an encoded form of them
// such as "%253D", and where the value begins.
func separator(s string, i int) (sep string, after int) {
	for i < len(s) && strings.IndexByte("\\\"'] ", s[i]) >= 0 {
		i++
	}
	if i == len(s) {
		return "", i
	}
	switch c := s[i]; {
	case c == '=' || c == ':':
		sep, i = s[i:i+1], i+1
		if i < len(s) && (s[i] == '>' || s[i] == '=') { // "=>", ":=", "=="
			i++
		}
	case c == '%':
		n := encoded(s[i:], "3d")
		if n == 0 {
			n = encoded(s[i:], "3a")
		}
		if n == 0 {
			return "", i
		}
		sep, i = s[i:i+n], i+n
	default:
		return "", i
	}
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return sep, i
}

// encoded returns the length of a percent-encoded character at the start of s, encoded once or more often
// ("%3D", "%253D"), or 0.
func encoded(s, hex string) int {
	n := 1
	for strings.HasPrefix(s[n:], "25") {
		n += 2
	}
	if len(s) >= n+2 && strings.EqualFold(s[n:n+2], hex) {
		return n + 2
	}
	return 0
}

// valueEnd returns where the value that begins at i ends.
func valueEnd(s string, i int, sep, key string) int {
	if i == len(s) {
		return i
	}
	quote := i
	for quote < len(s) && s[quote] == '\\' {
		quote++
	}
	switch {
	case quote < len(s) && (s[quote] == '"' || s[quote] == '\'' || s[quote] == '`'):
		return quoteEnd(s, i, quote)
	case s[i] == '[' || s[i] == '{':
		return bracketEnd(s, i)
	case sep == ":" && wholeLine(key):
		return lineEnd(s, i)
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == '&' || c == '"' || c == '<' || c == '>' || c == '`':
			return i
		case c == '\\' && i+1 < len(s) && s[i+1] == '"': // the end of a string in a quoted JSON
			return i
		case c == '%' && encoded(s[i:], "26") == len(sep): // "&", encoded as often as the "=" before the value was
			return i
		}
	}
	return i
}

// wholeLine reports whether the value of a header-like "key: value" is all that follows on the line: headers have
// spaces in them, and so may passwords.
func wholeLine(key string) bool {
	var room [maxKey]byte
	k := string(normalize(room[:0], key))
	for _, word := range [...]string{"authorization", "cookie", "password", "passphrase", "passwd"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

func lineEnd(s string, i int) int {
	if n := strings.IndexAny(s[i:], "\r\n"); n >= 0 {
		return i + n
	}
	return len(s)
}

// quoteEnd returns the end of a quoted value. The quote may itself be escaped, as in JSON inside of JSON: it then
// ends at the next quote with as many backslashes. An unclosed one ends with the text.
func quoteEnd(s string, open, quote int) int {
	depth := quote - open
	slashes := 0
	for i := quote + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			slashes++
			continue
		case s[quote]:
			if slashes <= depth {
				return i + 1
			}
		}
		slashes = 0
	}
	return len(s)
}

// bracketEnd returns the end of a list or object, or of the text where it is not closed.
func bracketEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}
