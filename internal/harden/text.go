package harden

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// WriteText writes a report for people.
func (r Report) WriteText(w io.Writer) error {
	t := &texter{w: w}
	t.line("%s", strings.Join(r.Subjects, ", "))
	if r.Profile != "" {
		t.line("profile %s", r.Profile)
	}
	t.listeners(r.Listeners)
	for _, f := range r.Findings {
		t.finding(f)
	}
	if len(r.Unchecked) > 0 {
		t.line("\nNot checked:")
		for _, u := range r.Unchecked {
			t.line("  %s: %s", u.Check, u.Why)
		}
	}
	t.summary(r)
	return t.err
}

// texter keeps the first error of many lines. What manifests, and other servers, say is shown as it is.
type texter struct {
	w   io.Writer
	err error
}

func (t *texter) line(format string, a ...any) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, spell.Visible(fmt.Sprintf(format+"\n", a...)))
	}
}

func (t *texter) listeners(list []Listener) {
	if len(list) == 0 {
		return
	}
	t.line("\nOpen ports:")
	for _, l := range list {
		t.line("  %s  %s: %s", l.Name, l.Address, l.Purpose)
		t.line("      protected by %s", l.Guard)
		t.line("      open because %s", l.Why)
	}
}

func (t *texter) finding(f Finding) {
	word := strings.ToUpper(string(f.Severity))
	if f.Accepted != nil {
		word = "accepted (" + string(f.Severity) + ")"
	}
	t.line("\n%s  %s: %s", word, f.Check, f.Title)
	t.line("    at   %s %s", f.Path, f.Detail)
	if f.Accepted != nil {
		until := ""
		if !f.Accepted.Until.IsZero() {
			until = ", until " + f.Accepted.Until.Format("2006-01-02")
		}
		t.line("    as   %s%s", f.Accepted.Reason, until)
		return
	}
	t.line("    why  %s", f.Why)
	t.line("    mend %s", f.How)
	if f.Reference != "" {
		t.line("    see  %s", f.Reference)
	}
}

func (t *texter) summary(r Report) {
	open, accepted := r.Counts()
	parts := make([]string, 0, len(Severities()))
	for _, s := range Severities() {
		parts = append(parts, fmt.Sprintf("%d %s", open[s], s))
	}
	t.line("\n%s; %d accepted, %d not checked", strings.Join(parts, ", "), accepted, len(r.Unchecked))
}

// WriteJSON writes a report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Write writes a report in one of Formats.
func (r Report) Write(w io.Writer, format, version string) error {
	switch format {
	case "json":
		return r.WriteJSON(w)
	case "sarif":
		return r.WriteSARIF(w, version)
	}
	return r.WriteText(w)
}

// Formats are those in which a report can be written.
func Formats() []string { return []string{"text", "json", "sarif"} }

// Explain writes what there is to say of a check.
func (c Check) Explain(w io.Writer) error {
	t := &texter{w: w}
	t.line("%s (%s, looks at %s)", c.ID, c.Severity, c.Source)
	t.line("%s.", c.Title)
	t.line("\nwhy      %s", c.Why)
	t.line("mend     %s", c.How)
	if len(c.Settings) > 0 {
		t.line("settings %s", strings.Join(c.Settings, ", "))
	}
	if c.Reference != "" {
		t.line("see      %s", c.Reference)
	}
	switch {
	case !c.Acceptable():
		t.line("\nIt cannot be accepted.")
	case c.Source == Manifests:
		t.line("\nTo accept it, annotate the object: %s%s: why", annotation, c.ID)
	default:
		t.line("\nTo accept it, write into the configuration:\n\nharden:\n  accept:\n    - {check: %s, reason: \"who decided this, and what protects instead\", until: 2027-01-31}", c.ID)
	}
	return t.err
}
