package access

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"

	gotemplate "github.com/DataDog/datadog-agent/pkg/template/text"
)

// Template is a text with actions of text/template and the functions that Oathkeeper's users know: print, printIndex and
// those of internal/sprig. It sees a Principal. It is compiled once and may be executed by many at the same time.
//
// What is missing is empty, as long as it is the last name of a chain: {{ .Extra.a }} may be missing, {{ .Extra.a.b }} is an
// error where a is. Of methods, those are known that templates of Oathkeeper call: Get and Values of header fields, and
// String, Query, Hostname, Port, EscapedPath and RequestURI of .MatchContext.URL.
type Template struct {
	parsed *gotemplate.Template
	static string
}

// NewTemplate compiles the text.
func NewTemplate(text string) (*Template, error) {
	if !strings.Contains(text, "{{") {
		return &Template{static: text}, nil
	}
	t := gotemplate.New("template").Option("missingkey=zero").Funcs(functions())
	if _, err := t.Parse(text); err != nil {
		return nil, fmt.Errorf("is no Go template: %s", strings.TrimPrefix(err.Error(), "template: template:"))
	}
	for _, one := range t.Templates() {
		if one.Tree != nil {
			callMethods(one.Root)
		}
	}
	return &Template{parsed: t}, nil
}

// Execute gives the text for who asks. What is missing is empty.
func (t *Template) Execute(p *Principal) (string, error) {
	if t.parsed == nil {
		return t.static, nil
	}
	w := boundedText{}
	if err := t.parsed.Execute(&w, p); err != nil {
		return "", err
	}
	return w.String(), nil
}

// Static gives the text and true where it has no actions, so that it is the same for everybody.
func (t *Template) Static() (string, bool) { return t.static, t.parsed == nil }

// The names by which templates reach what the standard library's would reach as methods.
const (
	showing     = "_show"
	headerGet   = "_headerGet"
	headerAll   = "_headerValues"
	queryGet    = "_queryGet"
	urlFunction = "_url"
)

func ownFunctions() map[string]any {
	return map[string]any{
		jsonText: asJSONText,
		showing: func(v any) any {
			if v == nil {
				return ""
			}
			return v
		},
		headerGet: func(h Header, name string) string { return h.Get(name) },
		headerAll: func(h Header, name string) []string { return h.values(name) },
		queryGet: func(u *url.URL, name string) string {
			return u.Query().Get(name)
		},
		urlFunction + "String":      func(u *url.URL) string { return u.String() },
		urlFunction + "Query":       func(u *url.URL) map[string][]string { return u.Query() },
		urlFunction + "Hostname":    func(u *url.URL) string { return u.Hostname() },
		urlFunction + "Port":        func(u *url.URL) string { return u.Port() },
		urlFunction + "EscapedPath": func(u *url.URL) string { return u.EscapedPath() },
		urlFunction + "RequestURI":  func(u *url.URL) string { return u.RequestURI() },
	}
}

// printed writes values one after the other; nothing where there is nothing.
func printed(values ...any) string {
	if len(values) == 1 && values[0] == nil {
		return ""
	}
	return fmt.Sprint(values...)
}

// printIndex writes an element of a list, and nothing where there is none.
func printIndex(list any, i int) string {
	r := reflect.ValueOf(list)
	if !r.IsValid() || r.Kind() != reflect.Slice || i < 0 || i >= r.Len() {
		return ""
	}
	return printed(r.Index(i).Interface())
}

// callMethods turns calls of the methods that are known into calls of functions, and has nothing written where the value of
// an action is missing.
func callMethods(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, one := range n.Nodes {
				callMethods(one)
			}
			meter(n)
		}
	case *parse.ActionNode:
		callMethods(n.Pipe)
		if len(n.Pipe.Decl) == 0 {
			show := parse.NewIdentifier(showing).SetPos(n.Pos)
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{show}})
		}
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				callInCommand(c)
			}
		}
	case *parse.IfNode:
		callInBranch(&n.BranchNode)
	case *parse.RangeNode:
		callInBranch(&n.BranchNode)
	case *parse.WithNode:
		callInBranch(&n.BranchNode)
	case *parse.TemplateNode:
		callMethods(n.Pipe)
	}
}

func callInBranch(b *parse.BranchNode) {
	callMethods(b.Pipe)
	callMethods(b.List)
	callMethods(b.ElseList)
}

func callInCommand(c *parse.CommandNode) {
	if function, receiver := method(c.Args[0]); function != "" {
		name := parse.NewIdentifier(function).SetPos(receiver.Position())
		c.Args = append([]parse.Node{name, receiver}, c.Args[1:]...)
	}
	for i, arg := range c.Args {
		if function, receiver := method(arg); function != "" {
			c.Args[i] = called(function, receiver)
		} else {
			callMethods(arg)
		}
	}
}

// called is a call in parentheses.
func called(function string, receiver parse.Node) parse.Node {
	name := parse.NewIdentifier(function).SetPos(receiver.Position())
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: receiver.Position(), Args: []parse.Node{name, receiver}}
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: receiver.Position(), Cmds: []*parse.CommandNode{command}}
}

// method gives the function that stands for the method at the end of a chain of names, and what it is called on.
func method(n parse.Node) (function string, receiver parse.Node) {
	var names []string
	switch n := n.(type) {
	case *parse.FieldNode:
		names = n.Ident
	case *parse.VariableNode:
		names = n.Ident
	default:
		return "", nil
	}
	end := func(last ...string) bool {
		return len(names) >= len(last) && slices.Equal(names[len(names)-len(last):], last)
	}
	drop := 1
	switch {
	case end("Header", "Get"):
		function = headerGet
	case end("Header", "Values"):
		function = headerAll
	case end("URL", "Query", "Get"):
		function, drop = queryGet, 2
	default:
		for _, name := range []string{"String", "Query", "Hostname", "Port", "EscapedPath", "RequestURI"} {
			if end("URL", name) {
				function = urlFunction + name
			}
		}
	}
	if function == "" {
		return "", nil
	}
	short := names[:len(names)-drop]
	if v, ok := n.(*parse.VariableNode); ok {
		c := *v
		c.Ident = short
		return function, &c
	}
	c := *n.(*parse.FieldNode)
	c.Ident = short
	return function, &c
}
