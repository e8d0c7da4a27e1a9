package access

import (
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Fault is one thing that is wrong with one rule.
type Fault struct {
	Tenant tenant.ID `json:"tenant,omitempty"`
	// Rule is the rule's id; empty where it has none.
	Rule string `json:"rule,omitempty"`
	// Other is the id of the other rule of the same tenant, where two do not go together.
	Other string `json:"other,omitempty"`
	// Source is where the rule was read.
	Source string `json:"source,omitempty"`
	// Path is the place in the rule, such as "authenticators[0].config.jwks_urls"; of a rule without an id it begins with
	// its place in the list, such as "[3].match.url".
	Path string `json:"path,omitempty"`
	// Message says what is wrong and what to do about it.
	Message string `json:"message"`
}

// Error gives the fault in one line.
func (f Fault) Error() string {
	var b strings.Builder
	for _, part := range []string{f.Source, quoteRule(f.Rule), f.Path} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(f.Message)
	return b.String()
}

// Brief is Error without the source.
func (f Fault) Brief() string {
	f.Source = ""
	return f.Error()
}

func quoteRule(id string) string {
	if id == "" {
		return ""
	}
	return "rule " + id
}

// Faults are all that is wrong with a set of rules: it is refused whole. It is what Load, Check and ParseRules return.
type Faults []Fault

// Error gives one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// By gives those of a tenant's rules, and those that are nobody's.
func (f Faults) By(id tenant.ID) Faults {
	return slices.DeleteFunc(slices.Clone(f), func(one Fault) bool { return one.Tenant != "" && one.Tenant != id })
}

// ErrOrNil keeps an empty list from being an error.
func (f Faults) ErrOrNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
