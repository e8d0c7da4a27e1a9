package harden

import (
	"fmt"
	"strings"
	"time"
)

// Config is the `harden` part of the configuration: what is known to be unsafe, and is so on purpose.
type Config struct {
	// Accept are findings of `gatehouse harden` that are to stay. A server in the production profile starts with a critical one only if
	// it stands here, and says so in its log and in the metric gatehouse_harden_accepted. Default: none.
	Accept []Acceptance `yaml:"accept"`
}

// Acceptance is one finding that is to stay.
type Acceptance struct {
	// Check is the id of the check, as `gatehouse harden --list` shows it.
	Check string `yaml:"check" json:"check"`
	// Reason says why, for whoever reads it in a year: who decided, and what protects instead. Required.
	Reason string `yaml:"reason" json:"reason"`
	// Until is the last day on which it counts, such as 2027-01-31, in UTC. Default: none; for ever.
	Until Date `yaml:"until" json:"until,omitzero"`
}

// longestReason bounds what is written into every log at the start.
const longestReason = 1000

// Validate returns all that is wrong, each fault beginning with its key below `harden`.
func (c Config) Validate() []error {
	var faults []error
	for i, a := range c.Accept {
		for _, wrong := range a.faults() {
			faults = append(faults, fmt.Errorf("accept[%d].%w", i, wrong))
		}
	}
	return faults
}

func (a Acceptance) faults() (faults []error) {
	check, known := CheckNamed(a.Check)
	switch {
	case !known:
		hint := "`gatehouse harden --list` shows them"
		if near := Nearest(a.Check); near != "" {
			hint = "did you mean " + near + "?"
		}
		faults = append(faults, fmt.Errorf("check: %q is no check; %s", a.Check, hint))
	case !check.Acceptable():
		faults = append(faults, fmt.Errorf("check: %s cannot be accepted", a.Check))
	}
	if reason := strings.TrimSpace(a.Reason); reason == "" {
		faults = append(faults, fmt.Errorf("reason: is missing: say who accepts this, and what protects instead"))
	} else if len(a.Reason) > longestReason {
		faults = append(faults, fmt.Errorf("reason: is longer than %d bytes", longestReason))
	}
	return faults
}

// Holds reports whether the acceptance still counts.
func (a Acceptance) Holds(now time.Time) bool {
	return a.Until.IsZero() || now.Before(a.Until.AddDate(0, 0, 1))
}

// accepted finds the acceptance of a check, nil where there is none that counts.
func accepted(list []Acceptance, id string, now time.Time) *Acceptance {
	for i := range list {
		if list[i].Check == id && list[i].Holds(now) {
			return &list[i]
		}
	}
	return nil
}

// Date is a day in UTC.
type Date struct{ time.Time }

// UnmarshalText reads a day as 2027-01-31.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is no day such as 2027-01-31", text)
	}
	d.Time = t
	return nil
}

// MarshalText writes it the same way; no day is "".
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.Format(time.DateOnly)), nil
}

// MarshalJSON writes the day and not the moment that it begins with.
func (d Date) MarshalJSON() ([]byte, error) {
	text, _ := d.MarshalText()
	return []byte(`"` + string(text) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Date) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return nil
	}
	return d.UnmarshalText([]byte(text))
}
