package yamldoc

import (
	"bytes"
	"errors"

	"go.yaml.in/yaml/v3"
)

const (
	// most is what a document may cost: a step for each value, and for each pair of keys in one mapping. It is about a second.
	most = 100_000_000
	// deepest is how far values may lie in one another.
	deepest = 1000
)

var (
	errCostly = errors.New("too many keys stand in one mapping, or too many aliases lead to one another")
	errDeep   = errors.New("too many values lie in one another")
	errBroken = errors.New("it cannot be read")
)

// Reader reads the documents of a text.
type Reader struct{ d *yaml.Decoder }

// NewReader returns a reader of a text.
func NewReader(text []byte) *Reader { return &Reader{yaml.NewDecoder(bytes.NewReader(text))} }

// Next returns the next document as the library decodes into an any, nil for an empty one, and io.EOF behind the last. Other errors say
// what is wrong with the text, and perhaps where.
func (r *Reader) Next() (value any, err error) {
	// The library panics on some malformed texts.
	defer func() {
		if recover() != nil {
			value, err = nil, errBroken
		}
	}()
	var document yaml.Node
	if err := r.d.Decode(&document); err != nil {
		return nil, err
	}
	left := most
	if err := count(&document, &left, 0); err != nil {
		return nil, err
	}
	return value, document.Decode(&value)
}

// count takes from left what it costs to decode a node.
func count(n *yaml.Node, left *int, depth int) error {
	*left--
	if n.Kind == yaml.MappingNode {
		keys := len(n.Content) / 2
		*left -= keys * keys
	}
	switch {
	case *left < 0:
		return errCostly
	case depth > deepest:
		return errDeep
	case n.Kind == yaml.AliasNode:
		return count(n.Alias, left, depth+1)
	}
	for _, c := range n.Content {
		if err := count(c, left, depth+1); err != nil {
			return err
		}
	}
	return nil
}
