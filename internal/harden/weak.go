package harden

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// fillers are the words of which placeholders are made: those of documentation, of example files and of the published
// configurations of this product and of Ory's (youReallyNeedToChangeThis, PLEASE-CHANGE-ME-I-AM-VERY-INSECURE). A secret
// of which too little is left without them is one. The longer words come first, so that they go whole.
var fillers = longestFirst(`
	changethis changeme change replace this that with your value really need needs must should please default placeholder
	example sample dummy secret secrets password passwort passphrase token system cookie cookies cipher pagination insecure
	unsafe secure security very super safe production prod development develop test testing demo localhost admin
	administrator root user gatehouse hydra kratos oathkeeper keto some thing something random string text long enough least
	characters character chars sixteen thirty letmein welcome here there qwertyuiop asdfghjkl zxcvbnm qwertz qwerty
	abcdefghijklmnopqrstuvwxyz abcdefgh abcdef 0123456789abcdef 01234567890123456789 1234567890 123456789 12345678 123456
	12345 1234 987654321 foobar`)

// particles are fillers too short to be cut out of the middle of random text; they count where they stand alone.
var particles = strings.Fields("i a my me it be in is to do am you are the and for not own key keys use set put ory foo bar baz dev abc 123 two new old")

func longestFirst(words string) []string {
	list := strings.Fields(words)
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

const (
	// leastLeft is how many letters and digits must be left of a secret when fillers are taken out.
	leastLeft = 6
	// leastBits is the information a secret must show. Sixteen random hex digits show 40 and more.
	leastBits = 32
)

// Weak says why a secret must not be used in production, "" when nothing speaks against it.
func Weak(s secret.String) string {
	switch {
	case isPublished(s):
		return "is known to everybody: it stands in published documentation or examples"
	case isPlaceholder(s.Reveal()):
		return "is a placeholder from an example"
	case information(s.Reveal()) < leastBits:
		return "is too easily guessed: it repeats itself or runs along the alphabet"
	}
	return ""
}

// isPlaceholder takes the filler words out and looks at what is left.
func isPlaceholder(s string) bool {
	var rest strings.Builder
	for _, word := range words(s) {
		if !slices.Contains(particles, word) {
			rest.WriteString(word)
		}
	}
	left := rest.String()
	for _, filler := range fillers {
		left = strings.ReplaceAll(left, filler, "")
	}
	return utf8.RuneCountInString(left) < leastLeft
}

// words gives the runs of letters and digits in lower case, split where camelCase splits them.
func words(s string) []string {
	var spaced strings.Builder
	last := ' '
	for _, c := range s {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			c = ' '
		case unicode.IsUpper(c) && unicode.IsLower(last):
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(c))
		last = c
	}
	return strings.Fields(spaced.String())
}

// information estimates the bits that a secret shows by its own repetitions: the phrases of its Lempel-Ziv parsing,
// each worth the logarithm of their number. Runs of equal or neighbouring characters count as one repeated step.
func information(s string) float64 {
	chars := []rune(s)
	steps := make([]rune, 0, len(chars))
	for i, c := range chars {
		if i > 0 {
			if step := c - chars[i-1]; step >= -1 && step <= 1 {
				c = step + 2 // no printable character
			}
		}
		steps = append(steps, c)
	}
	seen := map[string]bool{}
	phrase := ""
	for _, c := range steps {
		phrase += string(c)
		if !seen[phrase] {
			seen[phrase] = true
			phrase = ""
		}
	}
	n := float64(len(seen))
	if n < 2 {
		return 0
	}
	return n * math.Log2(n)
}
