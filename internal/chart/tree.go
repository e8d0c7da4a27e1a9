package chart

import (
	"reflect"
	"strings"
)

// put writes a value at a path, and reports whether there was no other.
func put(tree map[string]any, path []string, v any) bool {
	for _, key := range path[:len(path)-1] {
		below, ok := tree[key].(map[string]any)
		if !ok {
			if tree[key] != nil {
				return false
			}
			below = map[string]any{}
			tree[key] = below
		}
		tree = below
	}
	last := path[len(path)-1]
	if old, there := tree[last]; there {
		return reflect.DeepEqual(old, v)
	}
	tree[last] = v
	return true
}

// lookup reads a value at a path.
func lookup(tree map[string]any, path string) any {
	var v any = tree
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// remove takes a value out, and what is empty then.
func remove(tree map[string]any, path []string) {
	if len(path) == 0 {
		return
	}
	key, rest := path[0], path[1:]
	if below, ok := tree[key].(map[string]any); ok && len(rest) > 0 {
		if remove(below, rest); len(below) > 0 {
			return
		}
	}
	delete(tree, key)
}

// merge lays one tree over another, key by key, as Helm does: null takes a key away.
func merge(into, from map[string]any) {
	for key, v := range from {
		over, isMap := v.(map[string]any)
		under, wasMap := into[key].(map[string]any)
		switch {
		case v == nil:
			delete(into, key)
		case isMap && wasMap:
			merge(under, over)
		default:
			into[key] = v
		}
	}
}

// within tells whether a path is another or lies below it.
func within(path, parent string) bool {
	rest, found := strings.CutPrefix(path, parent)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// empty tells whether a value sets nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, below := range v {
			if !empty(below) {
				return false
			}
		}
		return true
	}
	return false
}
