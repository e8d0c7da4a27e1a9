package page

// Error is the data of the page "error".
type Error struct {
	// Title is one short sentence; empty means "Something went wrong".
	Title string
	// Text says what happened and what to do.
	Text string
	// Detail is the same for whom it may concern, in English, where Text is in another language.
	Detail string
	// Code is the word that a developer looks for, such as "invalid_request".
	Code string
	// RequestID is what to quote to the operator.
	RequestID string
	// Links lead on.
	Links []Link
}

// Message is the data of the page "message".
type Message struct {
	Title string
	Text  string
	// Notes are further paragraphs.
	Notes []string
	// Facts are shown as a list of names and values.
	Facts []Fact
	Links []Link
}

// Form is the data of the page "form". It is posted to Action as application/x-www-form-urlencoded.
type Form struct {
	Title string
	Text  string
	// Warning stands out above the fields, for example that a page is for development only.
	Warning string
	// Problem says why the form is shown again.
	Problem string
	Facts   []Fact
	// Action is the path or URL that the form is posted to; empty means the page's own.
	Action  string
	Fields  []Field
	Buttons []Button
}

// PageNeeds says that the form may be sent.
func (Form) PageNeeds() Needs { return Needs{Form: true} }

// Field is one input of a form.
type Field struct {
	// Name is the parameter's.
	Name string
	// Label is what people read; a hidden field has none.
	Label string
	// Type is the HTML input type: text, email, password, checkbox, hidden, …; empty means text.
	Type string
	// Value is what is filled in, or what a ticked checkbox sends.
	Value string
	// Hint explains below the field.
	Hint string
	// Autocomplete is the HTML autocomplete token, such as "username" or "current-password".
	Autocomplete string
	// Required and Checked are the HTML attributes.
	Required, Checked bool
}

// Button submits a form and says how.
type Button struct {
	// Name and Value are sent when this button is pressed.
	Name, Value string
	// Label is what people read.
	Label string
	// Quiet is for the button that does not go on: cancel, refuse.
	Quiet bool
}

// Link leads to another page.
type Link struct{ Label, URL string }

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// Needs are what a page does beyond being read, and its policy allows nothing else. Data of a page says so by having a method
// PageNeeds.
type Needs struct {
	// Wide is a page with more than a small form on it.
	Wide bool
	// Form is sent somewhere.
	Form bool
	// Script loads the script of this package, which makes forms handier. Pages must do without it.
	Script bool
	// Images are https addresses whose hosts pictures come from.
	Images []string
}
