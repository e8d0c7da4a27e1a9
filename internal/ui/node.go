package ui

// The types of a node. They are repeated in its attributes as `node_type`.
const (
	TypeInput  = "input"
	TypeText   = "text"
	TypeImage  = "img"
	TypeAnchor = "a"
	TypeScript = "script"
	TypeDiv    = "div"
)

// The groups of nodes. A group belongs to a method of signing in; Default is what each of them sends along.
const (
	GroupDefault         = "default"
	GroupPassword        = "password"
	GroupOIDC            = "oidc"
	GroupProfile         = "profile"
	GroupLink            = "link"
	GroupCode            = "code"
	GroupTOTP            = "totp"
	GroupLookup          = "lookup_secret"
	GroupWebAuthn        = "webauthn"
	GroupPasskey         = "passkey"
	GroupIdentifierFirst = "identifier_first"
	GroupCaptcha         = "captcha"
	GroupSAML            = "saml"
	GroupDeviceAuthn     = "deviceauthn"
)

// The types of an input.
const (
	KindText          = "text"
	KindPassword      = "password"
	KindNumber        = "number"
	KindCheckbox      = "checkbox"
	KindHidden        = "hidden"
	KindEmail         = "email"
	KindTel           = "tel"
	KindSubmit        = "submit"
	KindButton        = "button"
	KindDateTimeLocal = "datetime-local"
	KindDate          = "date"
	KindURL           = "url"
)

// Node is one element of a form: a field, a button, a link, a picture, a script.
type Node struct {
	// Type is one of TypeInput, TypeText, TypeImage, TypeAnchor, TypeScript, TypeDiv.
	Type string `json:"type"`
	// Group is the method that the node belongs to, one of the Group constants.
	Group string `json:"group"`
	// Attributes are never nil.
	Attributes *Attributes `json:"attributes"`
	// Messages are about this node alone. The document always has the key; without messages it is an empty list.
	Messages []Text `json:"messages"`
	// Meta holds the label.
	Meta Meta `json:"meta"`
}

// Meta is what a node says about itself.
type Meta struct {
	// Label is shown beside a field, or is the word on a button.
	Label *Text `json:"label,omitempty"`
}

// Choice is one of the values that an input offers.
type Choice struct {
	// Value is what is sent when the choice is taken.
	Value any `json:"value"`
}

// Attributes are the attributes of every type of node in one struct; NodeType says which of them the document has.
type Attributes struct {
	// NodeType repeats the type of the node.
	NodeType string

	// Name is the name under which an input is sent.
	Name string
	// Type is one of the Kind constants for an input, the media type for a script.
	Type string
	// Value of an input; nil leaves it out of the document.
	Value any
	// Required and Disabled as in HTML.
	Required, Disabled bool
	// Autocomplete and Pattern as in HTML; "" leaves them out of the document.
	Autocomplete, Pattern string
	// MaxLength is the greatest number of characters; 0 leaves it out of the document.
	MaxLength int
	// Label of an input itself. The label that is shown is the one in Meta.
	Label *Text
	// Options are the values an input offers when it offers only some.
	Options []Choice
	// OnClickTrigger and OnLoadTrigger name a function of the script that comes with the flow.
	OnClickTrigger, OnLoadTrigger string
	// OnClick and OnLoad are scripts. Only old clients run them; the triggers say the same.
	OnClick, OnLoad string

	// ID of everything that is not an input.
	ID string
	// Text of a text node.
	Text *Text
	// Href and Title of a link.
	Href  string
	Title *Text
	// Src of a picture or script.
	Src string
	// Width and Height of a picture in pixels.
	Width, Height int
	// Async, ReferrerPolicy, CrossOrigin, Integrity and Nonce of a script as in HTML.
	Async                                         bool
	ReferrerPolicy, CrossOrigin, Integrity, Nonce string
	// Class and Data of a division; empty leaves them out of the document.
	Class string
	Data  map[string]string
}

// Option changes an input as it is made.
type Option func(*Node)

// WithValue sets the value.
func WithValue(value any) Option { return func(n *Node) { n.Attributes.Value = value } }

// WithRequired says that the field must be filled in.
func WithRequired() Option { return func(n *Node) { n.Attributes.Required = true } }

// WithDisabled says that the field cannot be changed.
func WithDisabled() Option { return func(n *Node) { n.Attributes.Disabled = true } }

// WithAutocomplete tells the browser what the field is for, for example "current-password".
func WithAutocomplete(token string) Option {
	return func(n *Node) { n.Attributes.Autocomplete = token }
}

// WithPattern sets the regular expression that a browser checks.
func WithPattern(pattern string) Option { return func(n *Node) { n.Attributes.Pattern = pattern } }

// WithMaxLength sets the greatest number of characters.
func WithMaxLength(characters int) Option {
	return func(n *Node) { n.Attributes.MaxLength = characters }
}

// WithLabel sets the label that is shown.
func WithLabel(label Text) Option { return func(n *Node) { n.Meta.Label = &label } }

// WithChoices offers only these values.
func WithChoices(values ...any) Option {
	return func(n *Node) {
		for _, v := range values {
			n.Attributes.Options = append(n.Attributes.Options, Choice{Value: v})
		}
	}
}

// WithClickTrigger names the function of the flow's script that a click runs.
func WithClickTrigger(trigger string) Option {
	return func(n *Node) { n.Attributes.OnClickTrigger = trigger }
}

// WithLoadTrigger names the function of the flow's script that runs when the page is there.
func WithLoadTrigger(trigger string) Option {
	return func(n *Node) { n.Attributes.OnLoadTrigger = trigger }
}

// Input makes a field of one of the Kind constants.
func Input(group, name, kind string, opts ...Option) *Node {
	return newNode(group, &Attributes{NodeType: TypeInput, Name: name, Type: kind}, opts)
}

// Hidden makes a field that is sent and not seen.
func Hidden(group, name string, value any) *Node {
	return Input(group, name, KindHidden, WithValue(value))
}

// CSRF makes the field that holds the token against cross-site requests.
func CSRF(token string) *Node {
	return Input(GroupDefault, "csrf_token", KindHidden, WithValue(token), WithRequired())
}

// Submit makes a button that sends the form with name=value.
func Submit(group, name string, value any, label Text, opts ...Option) *Node {
	return Input(group, name, KindSubmit, append([]Option{WithValue(value), WithLabel(label)}, opts...)...)
}

// Button makes a button that sends nothing by itself: a script acts on it.
func Button(group, name string, value any, label Text, opts ...Option) *Node {
	return Input(group, name, KindButton, append([]Option{WithValue(value), WithLabel(label)}, opts...)...)
}

// Anchor makes a link.
func Anchor(group, id, href string, title Text) *Node {
	return newNode(group, &Attributes{NodeType: TypeAnchor, ID: id, Href: href, Title: &title}, nil)
}

// TextNode makes a paragraph.
func TextNode(group, id string, text Text, opts ...Option) *Node {
	return newNode(group, &Attributes{NodeType: TypeText, ID: id, Text: &text}, opts)
}

// Image makes a picture of the given size in pixels.
func Image(group, id, src string, width, height int, opts ...Option) *Node {
	return newNode(group, &Attributes{NodeType: TypeImage, ID: id, Src: src, Width: width, Height: height}, opts)
}

// Script makes a script that is loaded from src and must have the given integrity. The nonce is there for clients that put
// the document into a page of their own.
func Script(group, id, src, integrity, nonce string) *Node {
	return newNode(group, &Attributes{
		NodeType: TypeScript, ID: id, Src: src, Type: "text/javascript", Async: true,
		ReferrerPolicy: "no-referrer", CrossOrigin: "anonymous", Integrity: integrity, Nonce: nonce,
	}, nil)
}

// Div makes a place in the page where a script shows something.
func Div(group, id, class string, data map[string]string) *Node {
	return newNode(group, &Attributes{NodeType: TypeDiv, ID: id, Class: class, Data: data}, nil)
}

func newNode(group string, a *Attributes, opts []Option) *Node {
	n := &Node{Type: a.NodeType, Group: group, Attributes: a}
	for _, o := range opts {
		o(n)
	}
	return n
}

// Key is what distinguishes the node in its form: the name of an input, the id of everything else. Buttons of several
// methods share a name.
func (n *Node) Key() string {
	if n.Type == TypeInput {
		return n.Attributes.Name
	}
	return n.Attributes.ID
}
