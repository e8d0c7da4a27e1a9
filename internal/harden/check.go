package harden

import (
	"fmt"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Severity says how bad a finding is.
type Severity string

// The severities, worst first. A server in the production profile does not start with a critical finding of its configuration.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Severities lists all of them, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

// AtLeast reports whether s is as bad as o, or worse.
func (s Severity) AtLeast(o Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), o)
}

// ParseSeverity reads the name of a severity.
func ParseSeverity(name string) (Severity, error) {
	if s := Severity(name); slices.Contains(Severities(), s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is no severity: known are critical, high, medium, low, info", name)
}

// Source is where the facts of a check come from.
type Source string

// The sources. Facts of a server include those of its configuration.
const (
	Configuration Source = "configuration"
	Server        Source = "server"
	Manifests     Source = "manifests"
)

// Check is one thing that is looked at.
type Check struct {
	// ID names the check for good, in words with hyphens between.
	ID string
	// Severity is how bad it is when it finds something.
	Severity Severity
	// Source is what it looks at.
	Source Source
	// Title says in one sentence what is found.
	Title string
	// Why says what can happen.
	Why string
	// How says what to do, and names the setting.
	How string
	// Settings are the keys of the configuration that it looks at; in manifests the fields of the documents.
	Settings []string
	// Reference is where others say so too.
	Reference string

	find func(f *Facts) verdict
}

// Acceptable reports whether an operator can accept what the check finds.
func (c Check) Acceptable() bool { return c.ID != invalid }

// Found is one place where a check found something.
type Found struct {
	// Path is the setting, or what else it is about: a client, a container.
	Path string `json:"path"`
	// Detail says what is there; never a secret.
	Detail string `json:"detail"`

	accepted *Acceptance // by an annotation of the document it is in
}

// verdict is what a check says: what it found, or why it could not look.
type verdict struct {
	found     []Found
	unchecked string
}

// at adds a finding.
func (v *verdict) at(path, format string, a ...any) {
	v.found = append(v.found, Found{Path: path, Detail: fmt.Sprintf(format, a...)})
}

// unknown is the verdict of a check that could not look.
func unknown(format string, a ...any) verdict { return verdict{unchecked: fmt.Sprintf(format, a...)} }

// Checks gives the table: all checks, those of the configuration first.
func Checks() []Check {
	all := slices.Concat(secretChecks(), listenerChecks(), databaseChecks(), tokenChecks(), peopleChecks(), messageChecks(), operationChecks(),
		defaultChecks(), backupChecks(), serverChecks(), clientChecks())
	for i := range all {
		if all[i].Source == "" {
			all[i].Source = Configuration
		}
	}
	return append(all, manifestChecks()...)
}

// CheckNamed gives the check of an id.
func CheckNamed(id string) (Check, bool) {
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		return Check{}, false
	}
	return all[i], true
}

// Nearest gives the id that was most likely meant, "" when none is near.
func Nearest(word string) string {
	all := Checks()
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	return spell.Nearest(word, ids)
}
