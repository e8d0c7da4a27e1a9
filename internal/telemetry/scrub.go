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

// markSchemes finds credentials behind the name of their HTTP authentication scheme.
func markSchemes(marks []span, s string) []span {
	for i := range len(s) {
		if i > 0 && wordByte(s[i-1]) {
			continue
		}
		var after int
		for _, scheme := range [...]string{"bearer", "basic", "dpop"} {
			if len(s)-i > len(scheme) && strings.EqualFold(s[i:i+len(scheme)], scheme) {
				after = i + len(scheme)
			}
		}
		if after == 0 {
			continue
		}
		from := after
		for from < len(s) && (s[from] == ' ' || s[from] == '+') {
			from++
		}
		if n := encoded20(s[from:]); n > 0 {
			from += n
		}
		end := from
		for end < len(s) && (wordByte(s[end]) || strings.IndexByte(".~+/=%:", s[end]) >= 0) {
			end++
		}
		if from > after && credential(s[from:end]) {
			marks = append(marks, span{from, end})
		}
	}
	return marks
}

func encoded20(s string) int {
	if strings.HasPrefix(s, "%") {
		return encoded(s, "20")
	}
	return 0
}

// credential tells "Bearer eyJ0eXAi" from "bearer token missing": a word of lower case is prose.
func credential(run string) bool {
	if len(run) >= 20 {
		return true
	}
	for i := 1; i < len(run); i++ {
		if c := run[i]; c < 'a' || c > 'z' {
			return !(i == len(run)-1 && (c == '.' || c == ':'))
		}
	}
	return false
}

// markShapes finds what can only be a token: JWTs and long random text.
func markShapes(marks []span, s string) []span {
	for i := 0; i < len(s); {
		if !wordByte(s[i]) {
			i++
			continue
		}
		from, part := i, i
		found := false
		for i < len(s) && (wordByte(s[i]) || dot(s, i)) {
			if s[i] == '.' {
				found = found || random(s[part:i])
				part = i + 1
			}
			i++
		}
		found = found || random(s[part:i])
		run := s[from:i]
		if found || strings.HasPrefix(run, "eyJ") && len(run) > 16 {
			// Standard base64 goes on with characters that are no part of a word.
			for i < len(s) && (wordByte(s[i]) || strings.IndexByte("+/=", s[i]) >= 0) {
				i++
			}
			marks = append(marks, span{from, i})
		}
	}
	return marks
}

// markBase64 finds long standard base64, whose alphabet has the slash of paths in it: a plus or padding tells.
func markBase64(marks []span, s string) []span {
	for i := 0; i < len(s); i++ {
		from, plus := i, false
		for i < len(s) && (wordByte(s[i]) || s[i] == '+' || s[i] == '/') {
			plus = plus || s[i] == '+'
			i++
		}
		end := i
		for i < len(s) && s[i] == '=' {
			i++
		}
		padded := i > end && (i == len(s) || !wordByte(s[i]))
		if end-from >= 40 && (plus || padded) && bothCases(s[from:end]) {
			marks = append(marks, span{from, i})
		}
	}
	return marks
}

// random reports whether a word looks drawn at random. From 40 characters on that is nearly every word but names
// in lower case; from 26 on it takes all three kinds of characters. UUIDs and trace ids are ids, not secrets.
func random(word string) bool {
	if len(word) < 26 {
		return false
	}
	if len(word) >= 40 {
		return strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	}
	return mixed(word)
}

func bothCases(word string) bool {
	return strings.ToUpper(word) != word && strings.ToLower(word) != word
}

// mixed reports whether a word has capitals, small letters and digits.
func mixed(word string) bool {
	var upper, lower, digit bool
	for i := range len(word) {
		c := word[i]
		upper = upper || 'A' <= c && c <= 'Z'
		lower = lower || 'a' <= c && c <= 'z'
		digit = digit || '0' <= c && c <= '9'
	}
	return upper && lower && digit
}

// reach bounds how far from an "@" its user and password are looked for, so that no text makes us walk over it again
// and again.
const reach = 320

// markUserinfo finds user and password in URLs, also where the password has a slash that should have been encoded.
func markUserinfo(marks []span, s string) []span {
	for i := 0; i < len(s); {
		n := strings.Index(s[i:], "://")
		if n < 0 {
			break
		}
		from := i + n + 3
		end := from
		for end < min(len(s), from+reach) && s[end] > ' ' && strings.IndexByte("\"'<>`", s[end]) < 0 {
			end++
		}
		rest := s[from:end]
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			authority := rest
			if cut := strings.IndexAny(rest, "/?#"); cut >= 0 {
				authority = rest[:cut]
			}
			if strings.IndexByte(authority, '@') >= 0 || !port(authority) {
				marks = append(marks, span{from, from + at})
			}
		}
		i = from
	}
	return marks
}

// port reports whether what follows the last colon of an authority, if any, is a port and not a password.
func port(authority string) bool {
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.HasSuffix(authority, "]") {
		return true
	}
	for _, c := range authority[colon+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// markAddresses finds e-mail addresses, plain or percent-encoded, and passwords before an "@" ("user:pw@tcp(db)"). The
// "@" behind a URL's user is marked already.
func markAddresses(marks []span, s string, urls []span) []span {
	for i := 0; i < len(s); i++ {
		width := 0
		switch s[i] {
		case '@':
			width = 1
		case '%':
			width = encoded(s[i:], "40")
		}
		for len(urls) > 0 && urls[0].to < i {
			urls = urls[1:]
		}
		if width == 0 || len(urls) > 0 && urls[0].to == i {
			continue
		}
		from := localStart(s, i)
		end := domainEnd(s, i+width)
		if from < i && end > i+width && !version(s[i+width:end]) {
			marks = append(marks, span{from, end})
			i = end - 1
		}
	}
	return marks
}

// localStart goes back from the "@" to where the local part, or a password with its colon, begins.
func localStart(s string, at int) int {
	i := at
	if i > 0 && s[i-1] == '"' { // "john doe"@example.com
		if open := strings.LastIndexByte(s[:i-1], '"'); open >= 0 {
			return open
		}
	}
	for i > max(0, at-reach) && s[i-1] > ' ' && strings.IndexByte("\"'<>()[],;=&?@`\\", s[i-1]) < 0 {
		i--
	}
	// Of "mailto:a" and "user:pw" what follows the first colon counts, of "https://host/a" the last part.
	if slash := strings.LastIndexByte(s[i:at], '/'); slash >= 0 && strings.Contains(s[max(0, i-1):at], "//") {
		return i + slash + 1
	}
	if colon := strings.IndexByte(s[i:at], ':'); colon >= 0 {
		return i + colon + 1
	}
	return i
}

func domainEnd(s string, i int) int {
	if i < len(s) && s[i] == '[' {
		if n := strings.IndexByte(s[i:], ']'); n >= 0 {
			return i + n + 1
		}
	}
	for i < len(s) && (wordByte(s[i]) || s[i] == '.' || s[i] >= 0x80) {
		i++
	}
	return i
}

// version tells the "@v1.2.3" of a module path in a stack trace from a domain.
func version(domain string) bool {
	return len(domain) > 1 && domain[0] == 'v' && domain[1] >= '0' && domain[1] <= '9'
}
