package kube

import (
	"fmt"
	"path"
	"slices"
)

// Fits reports whether a text fits one of the patterns, as of path.Match.
func Fits(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, text)
		return err == nil && ok
	})
}

// CheckNamespaces says which of the patterns is none for namespaces.
func CheckNamespaces(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("%q is not a pattern for namespaces, such as team-*", pattern)
		}
	}
	return nil
}
