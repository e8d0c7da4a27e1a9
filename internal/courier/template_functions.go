package courier

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"
)

// functions are what templates may call beside Go's own: those of the sprig library that templates of mails use, with its
// names and its order of arguments. None reads files, the environment or the network.
func functions() map[string]any {
	return map[string]any{
		"upper": strings.ToUpper,
		"lower": strings.ToLower,
		"title": title,
		"trim":  strings.TrimSpace,
		"trunc": truncate,
		"replace": func(old, with, s string) string {
			return strings.ReplaceAll(s, old, with)
		},
		"contains":   func(sub, s string) bool { return strings.Contains(s, sub) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"quote":      func(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) },
		"default": func(fallback, v any) any {
			if empty(v) {
				return fallback
			}
			return v
		},
		"coalesce": func(values ...any) any {
			for _, v := range values {
				if !empty(v) {
					return v
				}
			}
			return nil
		},
		"empty": empty,
		"ternary": func(yes, no any, condition bool) any {
			if condition {
				return yes
			}
			return no
		},
		"dict":     dict,
		"list":     func(values ...any) []any { return values },
		"urlquery": url.QueryEscape,
		"json":     toJSON,
		"toJson":   toJSON,
	}
}

func title(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		c, n := utf8.DecodeRuneInString(w)
		words[i] = strings.ToUpper(string(c)) + w[n:]
	}
	return strings.Join(words, " ")
}

// truncate gives the first n characters of s, or the last where n is negative.
func truncate(n int, s string) string {
	runes := []rune(s)
	switch {
	case n >= 0 && n < len(runes):
		return string(runes[:n])
	case n < 0 && -n < len(runes):
		return string(runes[len(runes)+n:])
	}
	return s
}

// empty reports whether v is nothing: nil, false, zero, or of no length.
func empty(v any) bool {
	r := reflect.ValueOf(v)
	if !r.IsValid() {
		return true
	}
	switch r.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Array:
		return r.Len() == 0
	default:
		return r.IsZero()
	}
}

// dict makes a map of keys and values that follow each other.
func dict(pairs ...any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

// toJSON writes a value as JSON, for bodies of requests.
func toJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
