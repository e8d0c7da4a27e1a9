package ui

import (
	"encoding/json"
	"errors"
	"fmt"
)

// nodeJSON and nodeRead are nodes, and formJSON and formRead forms, whose parts have no methods of their own: encoding/json
// goes over what a method wrote, or is to read, once more for each level.
type nodeJSON struct {
	Type       string `json:"type"`
	Group      string `json:"group"`
	Attributes any    `json:"attributes"`
	Messages   []Text `json:"messages"`
	Meta       Meta   `json:"meta"`
}

type nodeRead struct {
	Group      string          `json:"group"`
	Attributes *attributesRead `json:"attributes"`
	Messages   []Text          `json:"messages"`
	Meta       Meta            `json:"meta"`
}

type formJSON struct {
	Action   string     `json:"action"`
	Method   string     `json:"method"`
	Nodes    []nodeJSON `json:"nodes"`
	Messages []Text     `json:"messages,omitempty"`
}

type formRead struct {
	Action   string      `json:"action"`
	Method   string      `json:"method"`
	Nodes    []*nodeRead `json:"nodes"`
	Messages []Text      `json:"messages"`
}

// wire gives a node all five keys, whatever it has.
func (n *Node) wire() (doc nodeJSON, err error) {
	if n.Attributes == nil {
		return doc, fmt.Errorf("ui: a node of group %q has no attributes", n.Group)
	}
	doc = nodeJSON{Type: n.Attributes.NodeType, Group: n.Group, Messages: n.Messages, Meta: n.Meta}
	if doc.Messages == nil {
		doc.Messages = []Text{}
	}
	doc.Attributes, err = n.Attributes.wire()
	return doc, err
}

// node gives a node the type of its attributes.
func (r *nodeRead) node() (*Node, error) {
	if r.Attributes == nil {
		return nil, fmt.Errorf("ui: a node of group %q has no attributes", r.Group)
	}
	attributes, err := r.Attributes.attributes()
	if err != nil {
		return nil, err
	}
	n := &Node{Type: attributes.NodeType, Group: r.Group, Attributes: attributes, Messages: r.Messages, Meta: r.Meta}
	if len(n.Messages) == 0 {
		n.Messages = nil
	}
	return n, nil
}

// MarshalJSON writes all five keys, whatever the node has.
func (n Node) MarshalJSON() ([]byte, error) {
	doc, err := n.wire()
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads a node; its type is the one of its attributes.
func (n *Node) UnmarshalJSON(data []byte) error {
	var doc nodeRead
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	read, err := doc.node()
	if err == nil {
		*n = *read
	}
	return err
}

// wire gives a form an empty list where there are no nodes.
func (f *Form) wire() (formJSON, error) {
	doc := formJSON{Action: f.Action, Method: f.Method, Nodes: make([]nodeJSON, len(f.Nodes)), Messages: f.Messages}
	for i, n := range f.Nodes {
		if n == nil {
			return doc, errNullNode
		}
		var err error
		if doc.Nodes[i], err = n.wire(); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

var errNullNode = errors.New("ui: a node is null")

// MarshalJSON writes an empty list where there are no nodes.
func (f Form) MarshalJSON() ([]byte, error) {
	doc, err := f.wire()
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads a form; there is no null among its nodes.
func (f *Form) UnmarshalJSON(data []byte) error {
	var doc formRead
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	read := Form{Action: doc.Action, Method: doc.Method, Messages: doc.Messages}
	if doc.Nodes != nil {
		read.Nodes = make([]*Node, len(doc.Nodes))
	}
	for i, n := range doc.Nodes {
		if n == nil {
			return errNullNode
		}
		var err error
		if read.Nodes[i], err = n.node(); err != nil {
			return err
		}
	}
	*f = read
	return nil
}
