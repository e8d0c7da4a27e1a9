package identity

import (
	"errors"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxWays bounds in how many ways a value is looked at, through all references. Nothing is remembered between them, so a handful of
// definitions that each refer to the next one twice would keep a processor busy for years.
const maxWays = 20_000

var (
	errRecursive = errors.New("the schema leads back to one of its parts in more than one way: the time that takes doubles with each level of a value")
	errDynamic   = errors.New("the schema has $dynamicRef or $recursiveRef, of which nobody can tell where they lead: write $ref")
)

// ways walks every way through a schema.
type ways struct {
	walked, weight int
	back           map[*jsonschema.Schema]int // how many ways led back, for each schema that one is in
}

// weigh tells what it takes to hold a schema against each byte of a value, and refuses one that would take too long.
func weigh(root *jsonschema.Schema) (weight int, err error) {
	w := &ways{back: map[*jsonschema.Schema]int{}}
	err = w.walk(root)
	return w.weight, err
}

func (w *ways) walk(s *jsonschema.Schema) error {
	if n, inside := w.back[s]; inside {
		w.back[s] = n + 1
		if n > 0 {
			return errRecursive
		}
		return nil
	}
	if w.walked++; w.walked > maxWays {
		return fmt.Errorf("there are more than %d ways through the schema: let its parts refer to one another less often", maxWays)
	}
	if s.DynamicRef != nil || s.RecursiveRef != nil {
		return errDynamic
	}
	w.weight += weightOf(s)
	w.back[s] = 0
	defer delete(w.back, s)
	for _, next := range slices.Concat(children(s), beside(s)) {
		if err := w.walk(next); err != nil {
			return err
		}
	}
	return nil
}

// weightOf is what a schema takes by itself: a step, and those of what it compares a value with.
func weightOf(s *jsonschema.Schema) int {
	weight := 1
	if s.Enum != nil {
		weight += len(s.Enum.Values)
	}
	for one := range s.PatternProperties {
		weight += stepsIn(one)
	}
	return weight + stepsIn(s.Pattern)
}

func stepsIn(of jsonschema.Regexp) int {
	if one, ok := of.(*pattern); ok {
		return one.steps
	}
	return 0
}

// beside are the schemas that a value is held against, too, though none of them is of what identities keep.
func beside(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{s.Not, s.PropertyNames, s.UnevaluatedItems, s.UnevaluatedProperties, s.ContentSchema}
	if other, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
		all = append(all, other)
	}
	for _, needed := range s.Dependencies {
		if other, ok := needed.(*jsonschema.Schema); ok {
			all = append(all, other)
		}
	}
	return slices.DeleteFunc(all, func(s *jsonschema.Schema) bool { return s == nil })
}
