package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Merge returns the document as a merge patch makes it (RFC 7396): members of objects take the place of those there are, those that are
// null are taken away, and whatever is no object replaces all that stands there. Both must be JSON; numbers stay as they are written.
// How deep and how large they may be is for whoever reads them to bound.
func Merge(document, change []byte) ([]byte, error) {
	target, err := decode(document)
	if err != nil {
		return nil, err
	}
	changes, err := decode(change)
	if err != nil {
		return nil, err
	}
	return json.Marshal(merge(target, changes))
}

// decode reads one value, and nothing after it.
func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the end of the JSON value")
	}
	return v, nil
}

func merge(target, change any) any {
	changes, ok := change.(map[string]any)
	if !ok {
		return change
	}
	members, ok := target.(map[string]any)
	if !ok {
		members = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(members, name)
		} else {
			members[name] = merge(members[name], value)
		}
	}
	return members
}
