package precondition

import "strings"

// Func tells whether a demand is met by the thing with an entity tag, which is "" where nothing is there. A nil one demands nothing.
type Func func(etag string) bool

// Of reads the fields If-Match and If-None-Match of a request.
func Of(match, noneMatch string) Func {
	if match == "" && noneMatch == "" {
		return nil
	}
	return func(etag string) bool {
		if match != "" && !names(match, etag) {
			return false
		}
		return noneMatch == "" || !names(strings.ReplaceAll(noneMatch, "W/", ""), etag) // compared weakly (RFC 9110 §13.1.2)
	}
}

// Met reports whether the demand is met.
func (f Func) Met(etag string) bool { return f == nil || f(etag) }

// names reports whether a field's value, "*" or a list of tags, names the thing. No tag of ours has a comma in it.
func names(field, etag string) bool {
	if etag == "" {
		return false
	}
	for tag := range strings.SplitSeq(field, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag {
			return true
		}
	}
	return false
}
