package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Settings are what a handler of a rule is told: the configuration's settings for that handler, overlaid by the rule's.
type Settings struct{ raw json.RawMessage }

// NewSettings overlays the rule's settings over the configuration's: objects are joined key by key, everything else is
// replaced. Either may be empty.
func NewSettings(configured, rule json.RawMessage) (Settings, error) {
	base, err := object(configured)
	if err != nil {
		return Settings{}, err
	}
	over, err := object(rule)
	if err != nil {
		return Settings{}, err
	}
	raw, err := json.Marshal(overlay(base, over))
	return Settings{raw}, err
}

// settingsDepth is how deep a handler's settings stand in a list of rules.
const settingsDepth = 4

// CheckSettings says why a document of rules that holds a handler's settings could not be read, and be refused whole by that.
func CheckSettings(rule json.RawMessage) error {
	if len(rule) == 0 {
		return nil
	}
	tree, err := readJSON(rule, settingsDepth)
	if _, isObject := tree.(map[string]any); err == nil && tree != nil && !isObject {
		err = errors.New("must be a group of settings")
	}
	return err
}

func object(raw json.RawMessage) (map[string]any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var o map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, errors.New("must be a group of settings")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one value")
	}
	return o, nil
}

func overlay(base, over map[string]any) map[string]any {
	joined := make(map[string]any, len(base)+len(over))
	maps.Copy(joined, base)
	for k, v := range over {
		below, isObject := v.(map[string]any)
		if under, ok := joined[k].(map[string]any); ok && isObject {
			joined[k] = overlay(under, below)
			continue
		}
		joined[k] = v
	}
	return joined
}

// Decode reads the settings into v, a pointer to a struct with json tags. A key that v does not have is refused, with the
// one that was most likely meant; the error begins with the key's path.
func (s Settings) Decode(v any) error {
	if len(s.raw) == 0 {
		return nil
	}
	tree, err := object(s.raw)
	if err != nil {
		return err
	}
	var faults Faults
	forms{}.check(nil, tree, reflect.TypeOf(v).Elem(), func(path, message string) {
		faults = append(faults, Fault{Path: path, Message: message})
	})
	if err := faults.ErrOrNil(); err != nil {
		return err
	}
	return json.Unmarshal(s.raw, v)
}

// MarshalJSON gives the settings as they are.
func (s Settings) MarshalJSON() ([]byte, error) {
	if len(s.raw) == 0 {
		return []byte("{}"), nil
	}
	return s.raw, nil
}

// Key is the same for settings that say the same, so that handlers with equal settings can be one.
func (s Settings) Key() string { return string(s.raw) }

// HandlerConfig switches a handler and gives the settings that rules start from.
type HandlerConfig struct {
	// Whether rules may use the handler. Not written means yes; a handler that needs settings then has them here or in the
	// rule.
	Enabled *bool `yaml:"enabled"`
	// The handler's settings; those of a rule are laid over them, key by key.
	Config RawSettings `yaml:"config"`
}

// RawSettings are settings whose form only the handler knows. They are never shown: there may be secrets among them.
type RawSettings struct{ raw json.RawMessage }

// NewRawSettings takes settings as a JSON object, or as YAML.
func NewRawSettings(text string) (RawSettings, error) {
	var r RawSettings
	tree, err := readTree([]byte(text))
	if err != nil {
		return r, err
	}
	err = r.SetTree(tree)
	return r, err
}

// SetTree takes settings as a tree of JSON's values.
func (r *RawSettings) SetTree(tree any) error {
	if tree == nil {
		r.raw = nil
		return nil
	}
	if _, ok := tree.(map[string]any); !ok {
		return errors.New("must be a group of settings")
	}
	raw, err := json.Marshal(tree)
	r.raw = raw
	return err
}

// Tree gives the settings as JSON's values, for who looks for secrets among them; nil where there are none.
func (r RawSettings) Tree() map[string]any {
	tree, _ := object(r.raw) // they were an object when they were set
	return tree
}

// Written reports whether there are any.
func (r RawSettings) Written() bool { return len(r.raw) > 0 }

// String says only whether something was written.
func (r RawSettings) String() string {
	if !r.Written() {
		return ""
	}
	return secret.Redacted
}

// GoString is String.
func (r RawSettings) GoString() string { return r.String() }

// With overlays a rule's settings, as NewSettings does.
func (r RawSettings) With(rule json.RawMessage) (Settings, error) { return NewSettings(r.raw, rule) }
