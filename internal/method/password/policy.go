package password

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// field is the name of the password in forms.
const field = "password"

// check tells whether a password may be chosen by somebody with the identifiers: nil, a *ui.Invalid, or a fault.
func (m *Method) check(ctx context.Context, password string, identifiers []string) error {
	if wrong := m.Config.Config.wrong(password, identifiers, m.Hasher.Longest()); wrong != nil {
		return wrong
	}
	n, err := m.Breaches.Count(ctx, password)
	if err != nil {
		return err
	}
	if n > int64(m.Config.Config.MaxBreaches) {
		return ui.RejectField(field, ui.PasswordBreached(n))
	}
	return nil
}

// wrong is the part of the policy that asks nobody. longest is in bytes, for that is what bcrypt counts.
func (c PolicyConfig) wrong(password string, identifiers []string, longest int) error {
	if n := utf8.RuneCountInString(password); n < c.MinPasswordLength {
		return ui.RejectField(field, ui.PasswordTooShort(c.MinPasswordLength, n))
	}
	if len(password) > longest {
		return ui.RejectField(field, ui.PasswordTooLong(longest, len(password)))
	}
	if c.IdentifierSimilarityCheckEnabled {
		for _, identifier := range identifiers {
			if similar(password, identifier) {
				return ui.RejectField(field, ui.PasswordTooSimilar())
			}
		}
	}
	return nil
}

const (
	// leastDistance is how many characters must be changed, at least, to get from one to the other.
	leastDistance = 5
	// maxCompared bounds what is compared, in characters: the work grows with the product of both lengths.
	maxCompared = 256
)

// similar tells whether somebody who knows the identifier would try the password early: a few changes lead from one to the
// other, or they share a piece that is more than half of the password. The limits are those of Ory Kratos.
func similar(password, identifier string) bool {
	p, i := letters(password), letters(identifier)
	if len(i) == 0 || len(p) == 0 {
		return false
	}
	return distance(p, i) < leastDistance || 2*common(p, i) > len(p)
}

func letters(s string) []rune {
	r := []rune(strings.ToLower(s))
	return r[:min(len(r), maxCompared)]
}

// distance is the number of characters to insert, delete or replace (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			replace := diagonal
			if x != y {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// common is the length of the longest piece that both hold.
func common(a, b []rune) int {
	longest, row := 0, make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			last := row[j+1]
			row[j+1] = 0
			if x == y {
				row[j+1] = diagonal + 1
				longest = max(longest, row[j+1])
			}
			diagonal = last
		}
	}
	return longest
}
