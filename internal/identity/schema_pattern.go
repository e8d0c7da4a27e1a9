package identity

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxSteps is how many steps all patterns of a schema may have together. Each is kept by every server, and a repetition writes its
// steps out: a few bytes such as "[a-z]{1000}" are a thousand of them, and a schema of nothing else would take some gigabytes.
const maxSteps = 20_000

// patterns compiles the patterns of one schema, each once.
type patterns struct {
	made  map[string]*pattern
	steps int
}

// pattern is a jsonschema.Regexp that knows how many steps it has: as many may be taken for each character.
type pattern struct {
	*regexp.Regexp

	steps int
}

func newPatterns() *patterns { return &patterns{made: map[string]*pattern{}} }

// compile is a jsonschema.RegexpEngine.
func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	if made, ok := p.made[text]; ok {
		return made, nil
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	steps := stepsOf(tree)
	if p.steps += steps; p.steps > maxSteps {
		return nil, fmt.Errorf("the patterns of the schema have more than %d steps together: use maxLength in place of large repetitions", maxSteps)
	}
	made, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p.made[text] = &pattern{made, steps}
	return p.made[text], nil
}

// stepsOf is about how many steps a pattern has when it is written out. What may be parsed at all repeats nothing more than a thousand
// times, however repetitions are nested.
func stepsOf(tree *syntax.Regexp) int {
	n := 1
	if tree.Op == syntax.OpLiteral {
		n = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		n += stepsOf(sub)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return n
}
