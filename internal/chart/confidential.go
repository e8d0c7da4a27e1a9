package chart

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// secretive tells whether a key of the configuration is a secret, or a list of them.
func secretive(s schema) bool {
	items, _ := s["items"].(map[string]any)
	return s["writeOnly"] == true || items["writeOnly"] == true
}

// hides tells whether a value holds a secret somewhere below: by the schema where it describes a key, else by the key's name.
func hides(s schema, v any) bool {
	switch v := v.(type) {
	case []any:
		items, _ := s["items"].(map[string]any)
		return slices.ContainsFunc(v, func(one any) bool { return hides(items, one) })
	case map[string]any:
		for key, below := range v {
			at := s.at(key)
			if lists.MatchString(key) && tells(below) || asks(key, at, below) || at == nil && confidential(key, below) || at != nil && hides(at, below) {
				return true
			}
		}
		return false
	}
	return s["writeOnly"] == true && !empty(v) && !named(v) || reveals(v)
}

// named tells whether a value is the name of a file, which is no secret even where its content is one.
func named(v any) bool { return strings.HasPrefix(textOf(v), "file://") }

var (
	confident = regexp.MustCompile(`(?i)secret|passw|token|credential|authorization|api.?key|private`)
	harmless  = regexp.MustCompile(`(?i)_(url|urls|from|strategy|type|ttl|only|enabled|header|ranges)$`)
	// lists matches the keys of what is sent along with requests, where any name may hold a credential.
	lists = regexp.MustCompile(`(?i)(headers|cookies)$`)
	// open matches the headers that say nothing of who asks.
	open = regexp.MustCompile(`(?i)^(accept|content-type|user-agent|x-forwarded-.*)$`)
	// filled matches what is filled in for each request, and holds no text of its own.
	filled = regexp.MustCompile("^(?i:bearer +)?( *\\{\\{[^\"`{}]*\\}\\} *)+$")
)

// tells tells whether headers or cookies, by their names, may hold a credential.
func tells(v any) bool {
	all, _ := v.(map[string]any)
	for name, value := range all {
		if !empty(value) && !open.MatchString(name) && !filled.MatchString(textOf(value)) {
			return true
		}
	}
	return false
}

// confidential tells whether a key that the schema does not describe seems to hold a secret.
func confidential(key string, v any) bool {
	if _, ok := scalar(v); ok {
		return confident.MatchString(key) && !harmless.MatchString(key) && !empty(v) || reveals(v)
	}
	return hides(nil, v)
}

var (
	passwordInAddress = regexp.MustCompile(`://[^/?#\s]*:[^/?#\s]*@`)
	// queryInAddress matches an address of the web with parameters; not the pattern of one.
	queryInAddress = regexp.MustCompile(`(?i)^https?://[^?#\s<>()]+\?[^#\s]*=`)
)

// asks tells whether a key has the address of what the server calls, with parameters, of which any may be a key. What the schema does not
// describe is called, but for where browsers are sent.
func asks(key string, s schema, v any) bool {
	if all, ok := v.([]any); ok {
		return slices.ContainsFunc(all, func(one any) bool { return asks(key, s, one) })
	}
	return (key == "url" || s == nil && key != "to") && queryInAddress.MatchString(textOf(v))
}

// reveals tells whether a value holds an address with a password, or a private key.
func reveals(v any) bool {
	switch v := v.(type) {
	case string:
		return passwordInAddress.MatchString(v) || secret.HoldsPrivateKey(v)
	case []any:
		return slices.ContainsFunc(v, reveals)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), reveals)
	}
	return false
}
