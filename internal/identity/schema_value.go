package identity

import "strings"

// path is where the field is in the traits.
func (f Field) path() []string { return strings.Split(strings.TrimPrefix(f.Name, "traits."), ".") }

// Value returns what traits hold in the field, and whether there is something.
func (f Field) Value(traits map[string]any) (any, bool) {
	path := f.path()
	for _, name := range path[:len(path)-1] {
		inner, ok := traits[name].(map[string]any)
		if !ok {
			return nil, false
		}
		traits = inner
	}
	value, ok := traits[path[len(path)-1]]
	return value, ok
}

// SetValue puts a value into the field; what stands in the way is replaced.
func (f Field) SetValue(traits map[string]any, value any) {
	path := f.path()
	for _, name := range path[:len(path)-1] {
		inner, ok := traits[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			traits[name] = inner
		}
		traits = inner
	}
	traits[path[len(path)-1]] = value
}

// RemoveValue takes the field's value out, and the objects that are empty without it.
func (f Field) RemoveValue(traits map[string]any) { remove(traits, f.path()) }

func remove(traits map[string]any, path []string) {
	if len(path) == 1 {
		delete(traits, path[0])
		return
	}
	inner, ok := traits[path[0]].(map[string]any)
	if !ok {
		return
	}
	before := len(inner)
	remove(inner, path[1:])
	if len(inner) == 0 && before > 0 {
		delete(traits, path[0])
	}
}
