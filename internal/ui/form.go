package ui

import "slices"

// Form is what a flow asks: the `ui` of its document.
type Form struct {
	// Action is where the form is sent.
	Action string `json:"action"`
	// Method of the request, POST.
	Method string `json:"method"`
	// Nodes in the order in which they are shown.
	Nodes []*Node `json:"nodes"`
	// Messages about the form as a whole. The document has the key only when there are some.
	Messages []Text `json:"messages,omitempty"`
}

// NewForm returns an empty form that is sent to action.
func NewForm(action string) Form { return Form{Action: action, Method: "POST", Nodes: []*Node{}} }

// Add puts nodes at the end of the form.
func (f *Form) Add(nodes ...*Node) { f.Nodes = append(f.Nodes, nodes...) }

// Upsert puts a node in the place of the one with the same key and group, or at the end. The buttons that lead to providers have
// one key: their values tell them apart.
func (f *Form) Upsert(n *Node) {
	i := slices.IndexFunc(f.Nodes, func(o *Node) bool {
		return o.Key() == n.Key() && o.Group == n.Group && (n.Group != GroupOIDC || o.Attributes.Value == n.Attributes.Value)
	})
	if i < 0 {
		f.Nodes = append(f.Nodes, n)
		return
	}
	f.Nodes[i] = n
}

// Message says something about the form as a whole. What it says already is not said twice.
func (f *Form) Message(t Text) {
	if !said(f.Messages, t) {
		f.Messages = append(f.Messages, t)
	}
}

// FieldMessage says something about one field. When the form has no such field, or the person cannot see it, the form says it.
func (f *Form) FieldMessage(name string, t Text) {
	n := f.visible(name)
	if n == nil {
		f.Message(t)
		return
	}
	if !said(n.Messages, t) {
		n.Messages = append(n.Messages, t)
	}
}

func said(texts []Text, t Text) bool {
	return slices.ContainsFunc(texts, func(o Text) bool { return o.ID == t.ID && o.Text == t.Text })
}

func (f *Form) visible(name string) *Node {
	for _, n := range f.Nodes {
		if name != "" && n.Key() == name && (n.Type != TypeInput || n.Attributes.Type != KindHidden) {
			return n
		}
	}
	return nil
}

// Fail says everything that a validation found.
func (f *Form) Fail(e *Invalid) {
	for _, t := range e.Texts {
		f.FieldMessage(t.Pointer, t.Text)
	}
}

// Node returns the first node of that key, or nil.
func (f *Form) Node(key string) *Node {
	for _, n := range f.Nodes {
		if n.Key() == key {
			return n
		}
	}
	return nil
}

// SetValue fills in a field and reports whether there is one of that name. Buttons and passwords keep what they have: what
// somebody typed as a password is never sent back.
func (f *Form) SetValue(name string, value any) bool {
	found := false
	for _, n := range f.Nodes {
		if n.Type != TypeInput || n.Attributes.Name != name {
			continue
		}
		found = true
		switch n.Attributes.Type {
		case KindSubmit, KindButton, KindPassword:
		default:
			n.Attributes.Value = value
		}
	}
	return found
}

// Remove takes out the nodes of the groups.
func (f *Form) Remove(groups ...string) {
	f.Nodes = slices.DeleteFunc(f.Nodes, func(n *Node) bool { return slices.Contains(groups, n.Group) })
}

// RemoveNodes takes out the nodes of the keys.
func (f *Form) RemoveNodes(keys ...string) {
	f.Nodes = slices.DeleteFunc(f.Nodes, func(n *Node) bool { return slices.Contains(keys, n.Key()) })
}

// Clear takes back everything that was said, and what was typed as a password. Other values stay.
func (f *Form) Clear() {
	f.Messages = nil
	for _, n := range f.Nodes {
		n.Messages = nil
		if n.Type == TypeInput && n.Attributes.Type == KindPassword {
			n.Attributes.Value = nil
		}
	}
}

// Failed reports whether the form or one of its nodes has an error.
func (f *Form) Failed() bool {
	bad := func(t Text) bool { return t.Type == Error }
	return slices.ContainsFunc(f.Messages, bad) ||
		slices.ContainsFunc(f.Nodes, func(n *Node) bool { return slices.ContainsFunc(n.Messages, bad) })
}
