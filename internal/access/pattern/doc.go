// Package pattern reads what rules say of the requests that they match: patterns for scheme://host/path with expressions in < >,
// templates of hosts and paths, and conditions for header fields and query parameters.
//
// It owns the syntaxes (Go's regular expressions, .NET's where Oathkeeper's rules need them, gobwas' globs, path templates), how
// much of a pattern can be looked up (Key), how it is compared with a request (Pattern), and whether two patterns have a request in
// common (Reading.Common). It does not own which rule is the one for a request: that is package engine.
//
// A pattern is taken apart at its slashes as far as its expressions cannot match one, and compared part by part:
//
//	http :// <[a-z]+>.example.com / users / <[0-9]+> / <.*>
//	scheme   host                   segment  segment   rest
//
// One whose expressions depend on what is around them, or that can match a slash before the path, is compared in one piece. What is
// looked up of a pattern is never narrower than the pattern.
package pattern
