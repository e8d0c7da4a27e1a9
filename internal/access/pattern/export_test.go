package pattern

// What the slow and obvious reference has in common with this package, so that both mean the same expressions.

// ForeignTimeout bounds a match by backtracking.
const ForeignTimeout = foreignTimeout

// Subtracts is subtracts.
func Subtracts(source string) bool { return subtracts(source) }

// GlobSource gives the regular expression that a glob is read as.
func GlobSource(glob string) (string, error) {
	e, err := readGlob(glob)
	if err != nil {
		return "", err
	}
	return e.source, nil
}

// Overlap looks for a text that both expressions match.
func Overlap(a, b string) (text string, found, gaveUp bool) {
	o := overlap{a: newProgram(a), b: newProgram(b), grammar: anyText}
	o.search()
	if len(o.found) > 0 {
		return o.found[0], true, o.gaveUp
	}
	return "", false, o.gaveUp
}
