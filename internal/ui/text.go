package ui

// The types of a text. An error makes a flow fail (Form.Failed), the others do not.
const (
	Info    = "info"
	Error   = "error"
	Success = "success"
)

// Text is a sentence that a person reads: the label of a field, what is wrong with it, what happened. Programs tell texts
// apart by their ID, never by their words.
type Text struct {
	// ID is the number of the text. It never changes its meaning.
	ID int `json:"id"`
	// Text is the sentence in English, context filled in.
	Text string `json:"text"`
	// Type is Info, Error or Success.
	Type string `json:"type"`
	// Context holds the values that the sentence speaks of, so that a client can phrase it by itself. It is left out of the
	// document when it is nil.
	Context map[string]any `json:"context,omitzero"`
}
