package access

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"text/template/parse"

	gotemplate "github.com/DataDog/datadog-agent/pkg/template/text"

	"github.com/gatehouse-iam/gatehouse/internal/sprig"
)

// What a template may do. Whoever writes rules need not be who runs this server, and nothing ends a template from outside.
const (
	// maxTemplate bounds what it may write, in bytes; upstreams refuse much smaller fields.
	maxTemplate = 1 << 20
	// maxSteps bounds how much it does: how many names and values it goes through.
	maxSteps = 20_000
	// maxValue bounds what a function is given and what it makes of that, in bytes and elements of lists.
	maxValue = 64 << 10
	// maxFormat bounds the format of printf, in bytes.
	maxFormat = 4 << 10
)

var (
	errSteps = fmt.Errorf("does more than %d steps", maxSteps)
	errValue = fmt.Errorf("makes values of more than %d bytes", maxValue)
)

// ticks is what texts are made of that are steps, and are not written.
var ticks [4096]byte

// boundedText takes what a template writes.
type boundedText struct {
	strings.Builder

	steps int
}

// Write appends to the text until it is too long, or took too many steps.
func (b *boundedText) Write(p []byte) (int, error) {
	if len(p) > 0 && &p[0] == &ticks[0] {
		if b.steps += len(p); b.steps > maxSteps {
			return 0, errSteps
		}
		return len(p), nil
	}
	if b.Len()+len(p) > maxTemplate {
		return 0, fmt.Errorf("writes more than %d bytes", maxTemplate)
	}
	return b.Builder.Write(p)
}

// meter has a list of actions tell of its steps: one when it begins, for a loop may have nothing in it, and before each action as many as it
// takes.
func meter(list *parse.ListNode) {
	nodes := []parse.Node{tick(list.Pos, 1)}
	for _, n := range list.Nodes {
		var pipe *parse.PipeNode
		switch n := n.(type) {
		case *parse.ActionNode:
			pipe = n.Pipe
		case *parse.IfNode:
			pipe = n.Pipe
		case *parse.RangeNode:
			pipe = n.Pipe
		case *parse.WithNode:
			pipe = n.Pipe
		case *parse.TemplateNode:
			pipe = n.Pipe
		}
		if pipe != nil {
			nodes = append(nodes, tick(n.Position(), stepsOf(pipe)))
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func tick(at parse.Pos, steps int) parse.Node {
	return &parse.TextNode{NodeType: parse.NodeText, Pos: at, Text: ticks[:min(steps, len(ticks))]}
}

// stepsOf counts the names and values of a pipeline, and of those in it.
func stepsOf(n parse.Node) int {
	switch n := n.(type) {
	case *parse.PipeNode:
		steps := 1
		for _, c := range n.Cmds {
			for _, arg := range c.Args {
				steps += stepsOf(arg)
			}
		}
		return steps
	case *parse.ChainNode:
		return 1 + stepsOf(n.Node)
	}
	return 1
}

// functions are those of templates.
var functions = sync.OnceValue(func() map[string]any {
	all := sprig.Functions()
	maps.Copy(all, map[string]any{
		"printIndex": printIndex, "printf": formatted, "println": fmt.Sprintln, "html": gotemplate.HTMLEscaper, "js": gotemplate.JSEscaper,
		"replace": replaced, "join": joined(all["join"].(func(string, any) string)),
	})
	for name, f := range all {
		all[name] = bounded(f)
	}
	maps.Copy(all, ownFunctions())
	all["print"] = boundedPrint
	return all
})

// boundedPrint is bounded for printed, which most templates call, and mostly with a text.
func boundedPrint(values ...any) string {
	left := maxValue - len(values)
	for _, v := range values {
		if text, is := v.(string); is {
			left -= len(text)
		} else {
			left = weigh(reflect.ValueOf(v), left)
		}
	}
	if left < 0 {
		panic(errValue)
	}
	return printed(values...)
}

// bounded is a function that ends the template where its arguments or its value are too large: text/template takes a panic for an error.
func bounded(f any) any {
	function := reflect.ValueOf(f)
	call := function.Call
	if function.Type().IsVariadic() {
		call = function.CallSlice
	}
	return reflect.MakeFunc(function.Type(), func(given []reflect.Value) []reflect.Value {
		left := maxValue
		for _, v := range given {
			left = weigh(v, left)
		}
		made := call(given)
		weigh(made[0], maxValue)
		return made
	}).Interface()
}

// weigh takes what a value weighs off what is left, and panics where nothing is.
func weigh(v reflect.Value, left int) int {
	switch v.Kind() {
	case reflect.String:
		left -= v.Len()
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			left = weigh(v.Elem(), left)
		}
	case reflect.Slice, reflect.Array:
		left -= v.Len()
		for i := 0; i < v.Len() && left >= 0; i++ {
			left = weigh(v.Index(i), left)
		}
	case reflect.Map:
		left -= v.Len()
		for key, one := range v.Seq2() {
			left = weigh(one, weigh(key, left))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			left = weigh(field, left)
		}
	default:
		left--
	}
	if left < 0 {
		panic(errValue)
	}
	return left
}

// wide matches a format that asks for room, instead of a value's own length.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*(\*|\d{4})`)

// formatted is printf.
func formatted(format string, values ...any) string {
	weight := maxValue - weigh(reflect.ValueOf(values), maxValue)
	if len(format) > maxFormat || strings.Count(format, "%")*weight > maxTemplate || wide.MatchString(format) {
		panic(errValue)
	}
	return fmt.Sprintf(format, values...)
}

func replaced(old, with, s string) string {
	if strings.Count(s, old)*len(with) > maxTemplate {
		panic(errValue)
	}
	return strings.ReplaceAll(s, old, with)
}

func joined(join func(separator string, list any) string) func(separator string, list any) string {
	return func(separator string, list any) string {
		if v := reflect.ValueOf(list); v.Kind() == reflect.Slice && v.Len()*len(separator) > maxTemplate {
			panic(errValue)
		}
		return join(separator, list)
	}
}
