package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// origin is where a value was written; its zero value means that it is a default.
type origin struct {
	file string
	line int
	env  string
}

// String gives file:line, or the name of the environment variable.
func (o origin) String() string {
	switch {
	case o.env != "":
		return o.env
	case o.line > 0:
		return o.file + ":" + strconv.Itoa(o.line)
	}
	return o.file
}

type kind uint8

const (
	absent kind = iota // null, or nothing after the colon: as if the key was not there
	scalar
	list
	mapping
)

// String names the kind for a fault.
func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a group of keys"}[k]
}

// node is a value as it was written, with its place. Files and environment become trees of nodes; the trees are merged,
// and only the result is given its types.
type node struct {
	kind    kind
	from    origin
	text    string // of a scalar
	tag     string // of a scalar: "!!str", "!!int" and so on; "" from the environment, where everything is text
	keys    []string
	entries map[string]*node
	items   []*node
}

func newMapping(from origin) *node {
	return &node{kind: mapping, from: from, entries: map[string]*node{}}
}

// set puts a child under key; the last one wins.
func (n *node) set(key string, child *node) {
	if _, there := n.entries[key]; !there {
		n.keys = append(n.keys, key)
	}
	n.entries[key] = child
}

// merge lays over on top of n and gives the result: mappings key by key, everything else as a whole. What is absent
// above does not cover what is below.
func (n *node) merge(over *node) *node {
	if over.kind == absent {
		return n
	}
	if n.kind != mapping || over.kind != mapping {
		return over
	}
	for _, key := range over.keys {
		child := over.entries[key]
		if below, there := n.entries[key]; there {
			child = below.merge(child)
		}
		n.set(key, child)
	}
	return n
}

// at gives the mapping at a path, making what is missing; nil where something else stands in the way.
func (n *node) at(path []string, from origin) *node {
	for _, key := range path {
		child := n.entries[key]
		if child == nil || child.kind == absent {
			child = newMapping(from)
			n.set(key, child)
		}
		if child.kind != mapping {
			return nil
		}
		n = child
	}
	return n
}

// Bounds of one document: aliases let a short file stand for an endless one.
const (
	maxNodes = 20_000
	maxDepth = 64
)

// reader turns one YAML document into nodes.
type reader struct {
	file   string
	env    string // set when the text came from an environment variable
	faults *Faults
	nodes  int
}

func (r *reader) origin(line int) origin {
	if r.env != "" {
		return origin{env: r.env}
	}
	return origin{file: r.file, line: line}
}

// read gives the tree of a document: a mapping for an empty one, nil when it cannot be read.
func (r *reader) read(text []byte) *node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decode(decoder, &document); errors.Is(err, io.EOF) {
		return newMapping(r.origin(0))
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := decode(decoder, &second); err == nil {
		r.faults.add("", r.origin(second.Line), "a second document begins here; give it a file of its own and name both with -c")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return r.node("", &document, r.origin(document.Line), 0)
}

// decode reads the next document. The library panics on some malformed input; that is an error like any other.
func decode(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("this is not YAML")
		}
	}()
	return decoder.Decode(into)
}

// syntax reports what the YAML library says, with its line in our form.
func (r *reader) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if rest, found := strings.CutPrefix(message, "line "); found {
		if number, after, found := strings.Cut(rest, ": "); found {
			if n, err := strconv.Atoi(number); err == nil {
				line, message = n, after
			}
		}
	}
	if strings.Contains(message, "unknown anchor") {
		// The library repeats the text, which may be a secret that begins with an asterisk.
		message = "*… names no anchor; put text that begins with * in quotes"
	}
	r.faults.add("", r.origin(line), "cannot be read as YAML: %s", message)
}

// node converts a YAML node; from is the place of its key. It gives nil after a fault that makes the rest worthless.
func (r *reader) node(path string, y *yaml.Node, from origin, depth int) *node {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		r.faults.add(path, from, "the document is too large or too deep (aliases count each time they are used)")
		return nil
	}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 0 {
			return newMapping(from)
		}
		return r.node(path, y.Content[0], r.origin(y.Content[0].Line), depth)
	case yaml.AliasNode:
		return r.node(path, y.Alias, from, depth+1)
	case yaml.MappingNode:
		return r.mapping(path, y, from, depth)
	case yaml.SequenceNode:
		n := &node{kind: list, from: from, items: make([]*node, 0, len(y.Content))}
		for i, item := range y.Content {
			child := r.node(fmt.Sprintf("%s[%d]", path, i), item, r.origin(item.Line), depth+1)
			if child == nil {
				return nil
			}
			n.items = append(n.items, child)
		}
		return n
	case yaml.ScalarNode:
		tag := y.ShortTag()
		if tag == "!!null" {
			return &node{kind: absent, from: from}
		}
		return &node{kind: scalar, from: from, text: y.Value, tag: tag}
	}
	return &node{kind: absent, from: from}
}

// mapping converts a mapping with its merge keys (<<), which stand below the keys that are written out.
func (r *reader) mapping(path string, y *yaml.Node, from origin, depth int) *node {
	n, merged := newMapping(from), newMapping(from)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		at := r.origin(key.Line)
		if key.Kind != yaml.ScalarNode {
			r.faults.add(path, at, "a key must be a word, and this one is not")
			continue
		}
		child := r.node(join(path, key.Value), value, at, depth+1)
		if child == nil {
			return nil
		}
		if key.ShortTag() == "!!merge" {
			r.mergeKey(path, merged, child)
			continue
		}
		if before, twice := n.entries[key.Value]; twice {
			r.faults.add(join(path, key.Value), at, "is written a second time; it stands already at %s", before.from)
			continue
		}
		n.set(key.Value, child)
	}
	if len(merged.keys) == 0 {
		return n
	}
	return merged.merge(n)
}

// mergeKey puts what << names below what is there.
func (r *reader) mergeKey(path string, into, from *node) {
	switch from.kind {
	case mapping:
		for _, key := range from.keys {
			if _, there := into.entries[key]; !there {
				into.set(key, from.entries[key])
			}
		}
	case list:
		for _, item := range from.items {
			r.mergeKey(path, into, item)
		}
	default:
		r.faults.add(path, from.from, "<< takes a group of keys, not %s", from.kind)
	}
}

// join puts a key behind its parent's path.
func join(parent, key string) string {
	if parent == "" || strings.HasPrefix(key, "[") {
		return parent + key
	}
	return parent + "." + key
}
