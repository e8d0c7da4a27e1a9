package account

import (
	"slices"
	"strconv"

	template "github.com/DataDog/datadog-agent/pkg/template/html"

	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// form is one form of a flow. Settings have one for each group, other flows have one.
type form struct {
	Group          string // of what it changes; empty where a flow has one form
	Title, Lead    string
	Action, Method string
	Hidden         []hidden
	Items          []item
}

type hidden struct{ Name, Value string }

// item is one thing in a form. As says what: field, check, select, button, or, text, image, link, script, div.
type item struct {
	As, ID, Name, Type, Value, Label, Class string
	Autocomplete, Pattern, InputMode        string
	MaxLength                               int
	Required, Disabled, Checked             bool
	Optional                                string // says that it is
	Focus, Invalid                          bool
	NoValidate                              bool // a button that sends the form as it is
	DescribedBy                             string
	Notes                                   []note
	Options                                 []option
	Trigger, OnLoad                         string // functions of the flow's script
	Show, Hide, ShowLabel, HideLabel        string // for looking at a password
	Href, Src, Change                       string
	Picture                                 template.URL
	Width, Height                           int
	Async                                   bool
	Integrity, CrossOrigin, ReferrerPolicy  string
	Data                                    []hidden
}

type option struct {
	Value    string
	Selected bool
}

// formBuilder makes forms of nodes.
type formBuilder struct {
	words
	kind    string
	wrong   bool // a field is
	focused bool
	again   string   // where the flow begins anew
	settled *ui.Node // see settledIn
	n       int
}

func (b *formBuilder) id() string {
	b.n++
	return "f" + strconv.Itoa(b.n)
}

func (b *formBuilder) note(t ui.Text) note { return note{Type: t.Type, Text: b.text(t)} }

// rank orders groups: those that ask for something, those that go on from what was asked before, and other ways.
func rank(nodes []*ui.Node) int {
	if slices.ContainsFunc(nodes, isField) {
		return 0
	}
	switch nodes[0].Group {
	case ui.GroupOIDC, ui.GroupSAML, ui.GroupPasskey, ui.GroupWebAuthn, ui.GroupDeviceAuthn:
		return 2
	}
	return 1
}

func isField(n *ui.Node) bool {
	if n.Type != ui.TypeInput {
		return n.Type == ui.TypeImage || n.Type == ui.TypeText
	}
	switch n.Attributes.Type {
	case ui.KindHidden, ui.KindSubmit, ui.KindButton:
		return false
	}
	return true
}

// isWrong tells whether an error is said about a field.
func isWrong(n *ui.Node) bool {
	return slices.ContainsFunc(n.Messages, func(t ui.Text) bool { return t.Type == ui.Error })
}

func isHidden(n *ui.Node) bool {
	return n.Type == ui.TypeInput && n.Attributes.Type == ui.KindHidden
}

// isBack tells whether a node is the button that leads a step back.
func isBack(n *ui.Node) bool { return n.Type == ui.TypeInput && n.Attributes.Name == "screen" }

// groups gives the nodes that are seen, by group: the default one first.
func groups(f *ui.Form) (own []*ui.Node, methods [][]*ui.Node) {
	for _, n := range f.Nodes {
		switch {
		case isHidden(n):
		case n.Group == ui.GroupDefault:
			own = append(own, n)
		default:
			i := slices.IndexFunc(methods, func(g []*ui.Node) bool { return g[0].Group == n.Group })
			if i < 0 {
				methods = append(methods, []*ui.Node{n})
				continue
			}
			methods[i] = append(methods[i], n)
		}
	}
	return own, methods
}

func hiddenOf(f *ui.Form, group string, but *ui.Node) []hidden {
	var out []hidden
	for _, n := range f.Nodes {
		if isHidden(n) && n != but && (group == "" || n.Group == ui.GroupDefault || n.Group == group) {
			out = append(out, hidden{n.Attributes.Name, value(n.Attributes.Value)})
		}
	}
	return out
}

// settledIn finds the identifier that a login was told in an earlier step and sends again. That of somebody who is signed in and asked
// once more is none: it cannot be another.
func settledIn(f *ui.Flow, kind string) *ui.Node {
	n := f.UI.Node("identifier")
	if kind != string(ui.Login) || f.Refresh || f.RequestedAAL == session.AAL2 || n == nil || !isHidden(n) || value(n.Attributes.Value) == "" {
		return nil
	}
	return n
}

// known shows who was named in an earlier step, with the way back to it. It is a field that cannot be changed, for password managers
// look for whose password it is in fields.
func (b *formBuilder) known(n *ui.Node) item {
	it := b.item(n, true)
	it.As, it.Type, it.Href, it.Change = "settled", ui.KindText, b.again, b.say("login.change")
	if n.Meta.Label == nil {
		it.Label = b.say("login.account")
	}
	if it.Autocomplete == "" {
		it.Autocomplete = "username"
	}
	return it
}

// whole makes one form of all nodes. What the first way to go on needs is asked first; other ways come below it, and do not
// insist on fields that they have no use for.
func (b *formBuilder) whole(f *ui.Form) form {
	out := form{Action: f.Action, Method: f.Method, Hidden: hiddenOf(f, "", b.settled)}
	own, methods := groups(f)
	if b.settled != nil {
		out.Items = append(out.Items, b.known(b.settled))
	}
	slices.SortStableFunc(methods, func(x, y []*ui.Node) int { return rank(x) - rank(y) })
	for _, n := range own {
		out.Items = append(out.Items, b.item(n, true))
	}
	for i, g := range methods {
		if (i == 1 || i > 1 && rank(g) == 0) && !slices.ContainsFunc(g, isBack) {
			out.Items = append(out.Items, item{As: "or", Label: b.say("form.or")})
		}
		out.Items = append(out.Items, b.group(g, i == 0)...)
	}
	return out
}

// group makes the items of one method.
func (b *formBuilder) group(nodes []*ui.Node, main bool) []item {
	var out []item
	sent := false
	if nodes[0].Group == ui.GroupOIDC && (len(nodes) > 1 || b.kind == string(ui.Settings)) {
		main = false // one provider is as good as another, and a way in is not taken back in passing
	}
	for _, n := range nodes {
		it := b.item(n, main)
		if it.As == "button" {
			switch {
			case main && !sent && it.Type == ui.KindSubmit:
				sent = true
			case main || isBack(n): // a step back, or the same once more
				it.Class, it.NoValidate = "link", true
			default:
				it.Class, it.NoValidate = "quiet", true
			}
		}
		out = append(out, it)
	}
	return out
}

// perGroup makes a form for each group, each with what all of them need: in settings, one thing is saved at a time.
func (b *formBuilder) perGroup(f *ui.Form) []form {
	own, methods := groups(f)
	var out []form
	for _, g := range methods {
		name := g[0].Group
		one := form{Group: name, Title: b.first("settings.group."+name, "settings.group"), Action: f.Action, Method: f.Method, Hidden: hiddenOf(f, name, nil)}
		one.Lead = b.first("settings.group." + name + ".lead")
		if len(out) == 0 {
			for _, n := range own {
				one.Items = append(one.Items, b.item(n, true))
			}
		}
		one.Items = append(one.Items, b.group(g, true)...)
		out = append(out, one)
	}
	return out
}
