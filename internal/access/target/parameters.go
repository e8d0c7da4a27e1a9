package target

import "strings"

// ErrParameters turns a request away of whose path an authorizer would decide otherwise without its parameters.
var ErrParameters = ErrAmbiguous.With("The path has parameters (;) without which it would be decided otherwise.")

// WithoutParameters gives a path as an application reads it that drops the parameters of segments, as servlet containers do: each
// segment ends at its first semicolon, percent-encoded or not. found tells whether there is any.
func WithoutParameters(path string) (bare string, found bool) {
	if !strings.Contains(path, ";") && !strings.Contains(path, "%3B") {
		return path, false
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		segments[i], _, _ = strings.Cut(s, "%3B")
	}
	return strings.Join(segments, "/"), true
}
