package ui

import "strings"

// Invalid says that what a person sent cannot be taken, field by field. A flow shows it in its form; the admin API puts it
// into words.
type Invalid struct {
	// Texts are in the order in which they were found; there is at least one.
	Texts []FieldText
}

// FieldText is a text about one field.
type FieldText struct {
	// Pointer is the field in dots, for example "traits.email"; "" is the whole.
	Pointer string
	Text    Text
}

// Reject says no in words about the whole form.
func Reject(t Text) *Invalid { return RejectField("", t) }

// RejectField says no in words about one field.
func RejectField(pointer string, t Text) *Invalid {
	return &Invalid{Texts: []FieldText{{Pointer: pointer, Text: t}}}
}

// Add says one thing more.
func (e *Invalid) Add(pointer string, t Text) {
	e.Texts = append(e.Texts, FieldText{Pointer: pointer, Text: t})
}

// Error puts the texts on one line. It may hold what somebody typed: it is for the answer to them, not for the log.
func (e *Invalid) Error() string {
	said := make([]string, len(e.Texts))
	for i, t := range e.Texts {
		said[i] = t.Text.Text
		if t.Pointer != "" {
			said[i] = t.Pointer + ": " + said[i]
		}
	}
	return strings.Join(said, "; ")
}
