package access

import (
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"
)

// Take removes the named fields, and those that many applications read as them, and gives the names of those that were there. Names
// are canonical.
func (h Header) Take(names []string) []string {
	taken := h.disguised(nil, names)
	for _, name := range names {
		if _, sent := h[name]; sent {
			taken = append(taken, name)
		}
	}
	for _, name := range taken {
		delete(h, name)
	}
	return taken
}

// disguised appends the names of fields that many applications read as one of the names.
func (h Header) disguised(to, names []string) []string {
	for name := range h {
		if read := Undisguised(name); read != name && slices.Contains(names, read) {
			to = append(to, name)
		}
	}
	return to
}

// Undisguised gives the canonical name as which many applications read a field. Those that make variables of fields read X_User as
// X-User, as CGI does (RFC 3875 §4.1.18). PHP reads X.User so too, for its variables have no dots, and some servers, such as lighttpd,
// each character that is neither a letter nor a digit.
func Undisguised(name string) string {
	for i := range len(name) {
		if !letterOrDigit(name[i]) {
			return textproto.CanonicalMIMEHeaderKey(strings.Map(func(c rune) rune {
				if c < utf8.RuneSelf && letterOrDigit(byte(c)) {
					return c
				}
				return '-'
			}, name))
		}
	}
	return name
}

// letterOrDigit reports whether nobody reads a character of a field's name as another one: it is one of them, or a hyphen.
func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || '0' <= c && c <= '9'
}

// Withheld appends the names of the fields that the application gets from nobody: only this server may set them, and it tells none;
// or the client wrote one of that kind otherwise. What the server tells is what Upstream gave.
func (d *Decision) Withheld(to []string, r *Request, told Header) []string {
	to = r.Header.disguised(to, d.Strip)
	add := func(name string) {
		if len(told[name]) == 0 && !slices.Contains(to, name) {
			to = append(to, name)
		}
	}
	for _, name := range d.Taken {
		add(name)
	}
	for _, name := range d.Strip {
		add(name)
	}
	for name := range told {
		add(name)
	}
	return to
}

// HopByHop reports whether a field, by its canonical name, belongs to one connection (RFC 9110 §7.6.1) or frames a message: no handler
// sets it for an application.
func HopByHop(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te",
		"Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
