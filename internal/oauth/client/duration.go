package client

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// NullDuration is a lifetime that may be absent. Its JSON is Go's text for
// durations (`1h30m0s`) or null; null and the empty text both mean absent.
type NullDuration struct {
	Duration time.Duration
	Valid    bool
}

// MarshalJSON gives the text, or null.
func (d NullDuration) MarshalJSON() ([]byte, error) {
	if !d.Valid {
		return []byte("null"), nil
	}
	return []byte(`"` + d.Duration.String() + `"`), nil
}

// UnmarshalJSON reads a text such as `90m`, or null. Numbers are refused: they
// do not say their unit.
func (d *NullDuration) UnmarshalJSON(raw []byte) error {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil {
		return ErrInvalidMetadata.With("A lifespan must be a text with units, such as '30s', '15m' or '1h30m', or null.")
	}
	*d = NullDuration{}
	if text == nil || *text == "" {
		return nil
	}
	v, err := time.ParseDuration(*text)
	if err != nil || strings.ContainsAny(*text, "+-") {
		return ErrInvalidMetadata.Withf("The lifespan %s is not a duration: write it with units, such as '30s', '15m' or '1h30m'.", quote(*text))
	}
	*d = NullDuration{Duration: v, Valid: true}
	return nil
}

// Or returns the lifetime, or the other one when it is absent.
func (d NullDuration) Or(otherwise time.Duration) time.Duration {
	if d.Valid {
		return d.Duration
	}
	return otherwise
}

// longest is the longest lifetime that a client may have: ten years.
const longest = 10 * 365 * 24 * time.Hour

func (d NullDuration) check(field string) error {
	if d.Valid && (d.Duration < time.Second || d.Duration > longest) {
		return ErrInvalidMetadata.With(fmt.Sprintf("%s must be from 1s to %s, or null to use the server's.", field, longest))
	}
	return nil
}
