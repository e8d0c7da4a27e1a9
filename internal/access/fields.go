package access

import (
	"net/textproto"
	"slices"
	"strings"
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
// X-User, as CGI does (RFC 3875 §4.1.18); PHP reads X.User so too, for its variables have no dots.
func Undisguised(name string) string {
	if !strings.ContainsAny(name, "_.") {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(strings.Map(func(c rune) rune {
		if c == '_' || c == '.' {
			return '-'
		}
		return c
	}, name))
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
