package telemetry

import "strings"

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
		if n := strings.IndexByte(s[i:min(len(s), i+reach)], ']'); n >= 0 {
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
