package harden

import (
	"cmp"
	"slices"
	"time"
)

// Report is what all checks said about some facts.
type Report struct {
	// Subjects name what was looked at.
	Subjects []string `json:"subjects"`
	// Profile is the profile of the configuration; empty where none was read.
	Profile string `json:"profile,omitempty"`
	// Findings are what was found, the worst first, those that were accepted at the end.
	Findings []Finding `json:"findings"`
	// Unchecked are the checks that could not look.
	Unchecked []Unchecked `json:"not_checked"`
	// Listeners are the ports that are open.
	Listeners []Listener `json:"listeners,omitempty"`
}

// Finding is something that a check found.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Subject names the facts it was found in, Path the setting or what else it is about, Detail says what is there.
	Subject string `json:"subject,omitempty"`
	Path    string `json:"path"`
	Detail  string `json:"detail"`
	// Where is the place at which the setting was written: a file and a line, or an environment variable.
	Where     string `json:"where,omitempty"`
	Why       string `json:"why"`
	How       string `json:"how"`
	Reference string `json:"reference,omitempty"`
	// Accepted is the acceptance of it, nil where there is none that counts.
	Accepted *Acceptance `json:"accepted,omitempty"`
}

// Unchecked is a check that could not look.
type Unchecked struct {
	Check string `json:"check"`
	Title string `json:"title"`
	Why   string `json:"why"`
}

// Judge runs the checks over facts. only are the ids of checks to run; none means all. now decides which acceptances still count.
func Judge(now time.Time, only []string, all ...*Facts) Report {
	r := Report{Findings: []Finding{}, Unchecked: []Unchecked{}}
	for _, f := range all {
		r.Subjects = append(r.Subjects, f.Subject)
		r.Profile = cmp.Or(r.Profile, f.Profile)
		r.Listeners = append(r.Listeners, f.Listeners...)
		for _, c := range Checks() {
			if len(only) == 0 || slices.Contains(only, c.ID) {
				r.run(c, f, now)
			}
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if (a.Accepted != nil) != (b.Accepted != nil) {
			return map[bool]int{true: 1, false: -1}[a.Accepted != nil]
		}
		return slices.Index(Severities(), a.Severity) - slices.Index(Severities(), b.Severity)
	})
	return r
}

func (r *Report) run(c Check, f *Facts, now time.Time) {
	if why, about := c.concerns(f); !about {
		if why != "" && !slices.ContainsFunc(r.Unchecked, func(u Unchecked) bool { return u.Check == c.ID }) {
			r.Unchecked = append(r.Unchecked, Unchecked{c.ID, c.Title, why})
		}
		return
	}
	v := c.find(f)
	if v.unchecked != "" {
		r.Unchecked = append(r.Unchecked, Unchecked{c.ID, c.Title, v.unchecked})
	}
	for _, found := range v.found {
		finding := Finding{
			Check: c.ID, Severity: c.Severity, Title: c.Title, Subject: f.Subject, Path: found.Path, Detail: found.Detail,
			Where: f.where(found.Path),
			Why:   c.Why, How: c.How, Reference: c.Reference,
		}
		if c.Acceptable() {
			finding.Accepted = cmp.Or(found.accepted, accepted(f.Accepted, c.ID, now))
		}
		r.Findings = append(r.Findings, finding)
	}
}

// concerns tells whether facts are of the kind that the check looks at; and where somebody may expect it to look, why it does not.
func (c Check) concerns(f *Facts) (why string, about bool) {
	switch c.Source {
	case Manifests:
		return "", f.Cluster != nil
	case Server:
		if f.Cluster != nil {
			return "", false
		}
		if f.Server == nil {
			return "only a running server knows: ask one with --endpoint", false
		}
	case Configuration:
		if f.Cluster != nil {
			return "", false
		}
	}
	return "", true
}

// Fails reports whether a finding that nobody accepted is as bad as at, or worse.
func (r Report) Fails(at Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Accepted == nil && f.Severity.AtLeast(at) })
}

// Counts gives how many findings there are of each severity that nobody accepted, and how many were accepted.
func (r Report) Counts() (open map[Severity]int, accepted int) {
	open = map[Severity]int{}
	for _, f := range r.Findings {
		if f.Accepted != nil {
			accepted++
			continue
		}
		open[f.Severity]++
	}
	return open, accepted
}
