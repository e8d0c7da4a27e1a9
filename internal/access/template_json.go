package access

import (
	"encoding/json"
	"errors"
	"strings"
	"text/template/parse"
)

// jsonText is the function that writes a value inside a string of a JSON document.
const jsonText = "_jsonText"

// errHalfString tells of a template of which nobody can say where its strings begin and end.
var errHalfString = errors.New("has a string that begins or ends in only one branch, or calls a template inside of one: write the quotes around all of it")

// NewJSONTemplate compiles the template of a JSON document. What an action writes between quotes is written as JSON spells
// it: a quote in a path or a claim ends no string, and adds no member. An action that ends in js has done so itself.
func NewJSONTemplate(text string) (*Template, error) {
	t, err := NewTemplate(text)
	if err != nil || t.parsed == nil {
		return t, err
	}
	for _, one := range t.parsed.Templates() {
		if one.Tree == nil {
			continue
		}
		var q quoting
		q.walk(one.Root)
		if q.failed {
			return nil, errHalfString
		}
	}
	return t, nil
}

// quoting goes through a template in the order of its text.
type quoting struct {
	inside bool // a string
	failed bool
}

func (q *quoting) walk(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, one := range n.Nodes {
				q.walk(one)
			}
		}
	case *parse.TextNode:
		q.read(n.Text)
	case *parse.ActionNode:
		if q.inside && len(n.Pipe.Decl) == 0 {
			escape(n.Pipe)
		}
	case *parse.IfNode:
		q.branch(&n.BranchNode)
	case *parse.RangeNode:
		q.branch(&n.BranchNode)
	case *parse.WithNode:
		q.branch(&n.BranchNode)
	case *parse.TemplateNode:
		q.failed = q.failed || q.inside
	}
}

// branch goes through what may be written or not: after it, the string must be as far as before.
func (q *quoting) branch(b *parse.BranchNode) {
	before := q.inside
	for _, list := range []*parse.ListNode{b.List, b.ElseList} {
		q.walk(list)
		q.failed = q.failed || q.inside != before
	}
}

// read finds out whether a string is open behind the text (RFC 8259 §7).
func (q *quoting) read(text []byte) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			q.inside = !q.inside
		case text[i] == '\\' && q.inside:
			i++
		}
	}
}

// escape has the value of an action written as JSON spells it.
func escape(p *parse.PipeNode) {
	for _, c := range p.Cmds {
		if name, ok := c.Args[0].(*parse.IdentifierNode); ok && name.Ident == "js" && c == p.Cmds[max(0, len(p.Cmds)-2)] { // the last is showing
			return
		}
	}
	name := parse.NewIdentifier(jsonText).SetPos(p.Pos)
	p.Cmds = append(p.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: p.Pos, Args: []parse.Node{name}})
}

// asJSONText gives the text of a value as it stands between the quotes of a JSON string.
func asJSONText(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(printed(v))
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`), err
}
