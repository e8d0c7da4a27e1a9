package access

import (
	"net/textproto"
	"slices"
	"strings"
)

// identityFields are header fields by which applications know who asks, so that a client could pretend to be somebody.
func identityFields() []string { return []string{"X-Kratos-Authenticated-Identity-Id"} }

// overrideFields are header fields by which some applications read another path or method than the request's, so that a client
// could get past the rule that was asked.
func overrideFields() []string {
	return []string{"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}
}

// Stripped gives the canonical names of the header fields that no client may send and that applications get from this server
// alone: those of the configuration, and our own.
func (c Config) Stripped() []string {
	return append(identityFields(), canonical(c.StripHeaders)...)
}

// removed are the canonical names of all header fields that are taken off requests.
func (c Config) removed() []string {
	names, kept := c.Stripped(), canonical(c.KeepHeaders)
	for _, name := range overrideFields() {
		if !slices.Contains(kept, name) {
			names = append(names, name)
		}
	}
	return sortedOnce(names)
}

func canonical(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = textproto.CanonicalMIMEHeaderKey(name)
	}
	return all
}

// Strip takes the fields off the request that only this server may set, for its Decision's Taken: their names. Doors call it before
// they ask.
func (e *Engine) Strip(r *Request) (taken []string) { return r.Header.take(e.removed) }

// take removes the named fields, and those that many applications read as them, and gives the names of those that were there.
func (h Header) take(names []string) []string {
	taken := h.disguised(names)
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

// disguised gives the names of fields that many applications read as one of the names.
func (h Header) disguised(names []string) (found []string) {
	for name := range h {
		if read := Undisguised(name); read != name && slices.Contains(names, read) {
			found = append(found, name)
		}
	}
	return found
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

// Withheld gives the names of the fields that the application gets from nobody: only this server may set them, and it tells none;
// or the client wrote one of that kind otherwise. What the server tells is what Upstream gave.
func (d *Decision) Withheld(r *Request, told Header) []string {
	names := r.Header.disguised(d.Strip)
	add := func(name string) {
		if len(told[name]) == 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, list := range [][]string{d.Taken, d.Strip} {
		for _, name := range list {
			add(name)
		}
	}
	for name := range told {
		add(name)
	}
	return names
}
