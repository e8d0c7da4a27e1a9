package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/yamldoc"
)

// maxRules bounds a document of rules, in bytes.
const maxRules = 64 << 20

// ParseRules reads a list of rules, or one rule, from JSON or YAML, brings those of older versions of the format up to
// date and sets Source. The error is a Faults with all that is wrong with their form; whether patterns and settings make
// sense is found out by Engine.Check.
func ParseRules(data []byte, source string) ([]Rule, error) {
	tree, err := readTree(data)
	if err != nil {
		return nil, Faults{{Source: source, Message: err.Error()}}
	}
	list, isList := tree.([]any)
	switch one := tree.(type) {
	case []any:
	case map[string]any:
		list = []any{one}
	case nil:
		return []Rule{}, nil
	default:
		return nil, Faults{{Source: source, Message: "must be a list of rules"}}
	}
	rules := make([]Rule, 0, len(list))
	var faults Faults
	known := forms{}
	for i, one := range list {
		r, wrong := readRule(one, known)
		for _, f := range wrong {
			f.Source, f.Rule = source, r.ID
			if r.ID == "" && isList {
				f.Path = strings.TrimSuffix(fmt.Sprintf("[%d].%s", i, f.Path), ".")
			}
			faults = append(faults, f)
		}
		r.Source = source
		rules = append(rules, r)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return rules, nil
}

// readRule reads one rule; of one that is wrong it gives what could be read of its id.
func readRule(tree any, known forms) (Rule, Faults) {
	object, ok := tree.(map[string]any)
	if !ok {
		return Rule{}, Faults{{Message: "must be a rule, a group of keys"}}
	}
	id, _ := object["id"].(string)
	var faults Faults
	note := func(path, message string) { faults = append(faults, Fault{Path: path, Message: message}) }
	if err := migrate(object); err != nil {
		note("version", err.Error())
	}
	known.check(nil, object, reflect.TypeFor[Rule](), note)
	if len(faults) > 0 {
		return Rule{ID: id}, faults
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return Rule{ID: id}, Faults{{Message: err.Error()}}
	}
	var r Rule
	if err := json.Unmarshal(raw, &r); err != nil {
		return Rule{ID: id}, Faults{{Message: err.Error()}}
	}
	return r, nil
}

// readTree reads a document: JSON where it looks like it, else YAML.
func readTree(data []byte) (any, error) {
	if len(data) > maxRules {
		return nil, fmt.Errorf("has more than %d bytes", maxRules)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return nil, nil
	}
	if trimmed[0] == '[' || trimmed[0] == '{' {
		tree, err := readJSON(trimmed, 0)
		if err == nil || json.Valid(trimmed) {
			return tree, err
		}
		if tree, yamlErr := readYAML(data); yamlErr == nil {
			return tree, nil
		}
		return nil, err
	}
	return readYAML(data)
}

// maxDepth bounds how deep lists and groups may stand in each other.
const maxDepth = 200

// readJSON reads JSON that stands so deep in a document, and refuses keys that are there twice, of which others would take the first or the
// last.
func readJSON(data []byte, depth int) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	tree, err := readValue(d, nil, depth)
	if err != nil {
		return nil, jsonError(err, data)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something behind its end")
	}
	return tree, nil
}

func readValue(d *json.Decoder, at *trail, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("has too many lists and groups in each other")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			one, err := readValue(d, &trail{up: at, index: len(list), inList: true}, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		object := make(map[string]any)
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			below := &trail{up: at, key: name}
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("%s: is there twice", below.String())
			}
			if object[name], err = readValue(d, below, depth+1); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return object, err
	}
	return token, nil
}

// jsonError says in which line the mistake is.
func jsonError(err error, data []byte) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d: is not JSON: %w", line, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("is not JSON: ends too early")
	}
	return err
}

// readYAML reads one YAML document as if it was JSON.
func readYAML(data []byte) (any, error) {
	d := yamldoc.NewReader(data)
	tree, err := d.Next()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("is neither JSON nor YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if _, err := d.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one YAML document: write all rules into one list")
	}
	return plain(tree, nil)
}

// plain turns what YAML knows into what JSON knows.
func plain(value any, at *trail) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			one, err := plain(v[key], &trail{up: at, key: key})
			if err != nil {
				return nil, err
			}
			v[key] = one
		}
		return v, nil
	case []any:
		for i := range v {
			one, err := plain(v[i], &trail{up: at, index: i, inList: true})
			if err != nil {
				return nil, err
			}
			v[i] = one
		}
		return v, nil
	case nil, string, bool:
		return v, nil
	case int, int64, uint64, float64:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("%s: is a number that JSON does not have", at.String())
		}
		return json.Number(text), nil
	case map[any]any:
		return nil, fmt.Errorf("%s: has a key that is not text: put it in quotes", at.String())
	}
	return nil, fmt.Errorf("%s: has a date or something else that JSON does not have: put it in quotes", at.String())
}
