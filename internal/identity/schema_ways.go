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

var errRecursive = errors.New("the schema leads back to one of its parts in more than one way: the time that takes doubles with each level of a value")

// ways walks every way through a schema.
type ways struct {
	walked int
	back   map[*jsonschema.Schema]int // how many ways led back, for each schema that one is in
}

// checkWays refuses a schema that takes too long to hold against a value.
func checkWays(root *jsonschema.Schema) error {
	return (&ways{back: map[*jsonschema.Schema]int{}}).walk(root)
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
	w.back[s] = 0
	defer delete(w.back, s)
	for _, next := range slices.Concat(children(s), beside(s)) {
		if err := w.walk(next); err != nil {
			return err
		}
	}
	return nil
}

// beside are the schemas that a value is held against, too, though none of them is of what identities keep.
func beside(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{s.Not, s.PropertyNames, s.UnevaluatedItems, s.UnevaluatedProperties, s.ContentSchema, s.RecursiveRef}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
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
