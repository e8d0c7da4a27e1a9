package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Settings are what a handler of a rule is told: the configuration's settings for that handler, overlaid by the rule's.
type Settings struct{ raw json.RawMessage }

// NewSettings overlays the rule's settings over the configuration's: objects are joined key by key, everything else is
// replaced. Either may be empty.
func NewSettings(configured, rule json.RawMessage) (Settings, error) {
	base, over, err := objects(configured, rule)
	if err != nil {
		return Settings{}, err
	}
	raw, err := json.Marshal(overlay(base, over))
	return Settings{raw}, err
}

func objects(configured, rule json.RawMessage) (base, over map[string]any, err error) {
	for _, o := range []struct {
		raw json.RawMessage
		to  *map[string]any
	}{{configured, &base}, {rule, &over}} {
		if len(bytes.TrimSpace(o.raw)) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(o.raw))
		d.UseNumber()
		if err := d.Decode(o.to); err != nil {
			return nil, nil, errors.New("config: must be an object")
		}
	}
	return base, over, nil
}

func overlay(base, over map[string]any) map[string]any {
	joined := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		joined[k] = v
	}
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

// Decode reads the settings into v, a pointer to a struct with json tags. A key that v does not have is refused.
func (s Settings) Decode(v any) error {
	if len(s.raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(s.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("config: has more than one value")
	}
	return nil
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
