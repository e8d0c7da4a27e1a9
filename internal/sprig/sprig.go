package sprig

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxRepeat bounds what repeat and indent may write, in bytes.
const maxRepeat = 64 << 10

// Functions are what templates may call beside Go's own.
func Functions() map[string]any {
	all := make(map[string]any)
	for _, group := range []map[string]any{texts(), choices(), collections(), numbers(), encodings()} {
		maps.Copy(all, group)
	}
	return all
}

func texts() map[string]any {
	return map[string]any{
		"upper":      strings.ToUpper,
		"lower":      strings.ToLower,
		"title":      title,
		"trim":       strings.TrimSpace,
		"trimAll":    func(cut, s string) string { return strings.Trim(s, cut) },
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"trunc":      truncate,
		"substr":     substring,
		"replace":    func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
		"repeat":     repeat,
		"contains":   func(sub, s string) bool { return strings.Contains(s, sub) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"quote":      func(v any) string { return strconv.Quote(show(v)) },
		"squote":     func(v any) string { return "'" + show(v) + "'" },
		"cat":        func(values ...any) string { return strings.Join(shows(values), " ") },
		"nospace":    func(s string) string { return strings.Join(strings.Fields(s), "") },
		"toString":   show,
		"split":      split,
		"splitList":  func(separator, s string) []string { return strings.Split(s, separator) },
		"join":       join,
	}
}

func choices() map[string]any {
	return map[string]any{
		"default": func(fallback any, given ...any) any {
			if len(given) == 0 || empty(given[0]) {
				return fallback
			}
			return given[0]
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
	}
}

func collections() map[string]any {
	return map[string]any{
		"dict": dict,
		"list": func(values ...any) []any { return values },
		"get": func(m map[string]any, key string) any {
			if v, ok := m[key]; ok {
				return v
			}
			return ""
		},
		"hasKey": func(m map[string]any, key string) bool { _, ok := m[key]; return ok },
		"keys":   keys,
		"first":  func(list any) any { return at(list, func(int) int { return 0 }) },
		"last":   func(list any) any { return at(list, func(n int) int { return n - 1 }) },
		"has":    has,
	}
}

func numbers() map[string]any {
	return map[string]any{
		"int":   func(v any) int { return int(whole(v)) },
		"int64": whole,
		"add": func(values ...any) int64 {
			sum := int64(0)
			for _, v := range values {
				sum += whole(v)
			}
			return sum
		},
		"add1": func(v any) int64 { return whole(v) + 1 },
		"sub":  func(a, b any) int64 { return whole(a) - whole(b) },
		"mul": func(a any, values ...any) int64 {
			product := whole(a)
			for _, v := range values {
				product *= whole(v)
			}
			return product
		},
	}
}

func encodings() map[string]any {
	return map[string]any{
		"urlquery": url.QueryEscape,
		"json":     toJSON,
		"toJson":   toJSON,
		"b64enc":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"b64dec": func(s string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(s)
			return string(b), err
		},
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

// substring gives the characters from start up to end; a negative end means to the end of s.
func substring(start, end int, s string) string {
	runes := []rune(s)
	if end < 0 || end > len(runes) {
		end = len(runes)
	}
	return string(runes[min(max(start, 0), end):end])
}

func repeat(n int, s string) (string, error) {
	if n < 0 || n*len(s) > maxRepeat {
		return "", fmt.Errorf("repeat: would write more than %d bytes", maxRepeat)
	}
	return strings.Repeat(s, n), nil
}

// split gives a map of _0, _1 and so on.
func split(separator, s string) map[string]string {
	m := make(map[string]string)
	for i, part := range strings.Split(s, separator) {
		m["_"+strconv.Itoa(i)] = part
	}
	return m
}

func join(separator string, list any) string {
	r := reflect.ValueOf(list)
	if !r.IsValid() {
		return ""
	}
	if r.Kind() != reflect.Slice && r.Kind() != reflect.Array {
		return show(list)
	}
	var parts []string
	for i := range r.Len() {
		if v := r.Index(i).Interface(); v != nil {
			parts = append(parts, show(v))
		}
	}
	return strings.Join(parts, separator)
}

func show(v any) string {
	switch s := v.(type) {
	case nil:
		return ""
	case string:
		return s
	case []byte:
		return string(s)
	}
	return fmt.Sprint(v)
}

func shows(values []any) []string {
	var all []string
	for _, v := range values {
		if v != nil {
			all = append(all, show(v))
		}
	}
	return all
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

// keys gives the keys of maps, sorted, so that the same data always gives the same text.
func keys(of ...map[string]any) []string {
	var all []string
	for _, m := range of {
		for k := range m {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

func at(list any, index func(length int) int) any {
	r := reflect.ValueOf(list)
	if !r.IsValid() || r.Kind() != reflect.Slice && r.Kind() != reflect.Array || r.Len() == 0 {
		return nil
	}
	return r.Index(index(r.Len())).Interface()
}

// has reports whether the list has the value.
func has(value, list any) bool {
	r := reflect.ValueOf(list)
	if !r.IsValid() || r.Kind() != reflect.Slice && r.Kind() != reflect.Array {
		return false
	}
	for i := range r.Len() {
		if reflect.DeepEqual(r.Index(i).Interface(), value) {
			return true
		}
	}
	return false
}

// whole reads a whole number from whatever has one; 0 where it has none.
func whole(v any) int64 {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return 0
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return int64(r.Uint())
	case r.CanFloat():
		return int64(r.Float())
	case r.Kind() == reflect.Bool && r.Bool():
		return 1
	}
	text := show(v)
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		f, _ := strconv.ParseFloat(text, 64)
		return int64(f)
	}
	return n
}

// toJSON writes a value as JSON.
func toJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
