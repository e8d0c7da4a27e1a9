package engine

import (
	"net/textproto"
	"slices"
)

// identityFields are header fields by which applications know who asks, so that a client could pretend to be somebody.
func identityFields() []string { return []string{"X-Kratos-Authenticated-Identity-Id"} }

// overrideFields are header fields by which some applications read another path or method than the request's, so that a client
// could get past the rule that was asked; and Proxy, which CGI takes for the variable that names a proxy, so that a client could have
// the application's own requests sent to itself (RFC 3875 §4.1.18).
func overrideFields() []string {
	return []string{"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "Proxy"}
}

// Stripped gives the canonical names of the header fields that no client may send and that applications get from this server
// alone: those of the configuration, and our own.
func (c Config) Stripped() []string {
	return append(identityFields(), canonical(c.StripHeaders)...)
}

// Removed gives the canonical names of the header fields that are taken off requests where no configuration says otherwise.
func Removed() []string { return Config{}.removed() }

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
