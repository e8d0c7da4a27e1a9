package spell

import "strings"

// Meant ends a sentence about a name that is not known: with the one that was most likely meant, or with those there are.
func Meant(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(names) > 0 && len(names) <= 16 {
		return "; known are " + strings.Join(names, ", ")
	}
	return ""
}
