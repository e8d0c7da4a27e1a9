package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxSchemaDepth is how deep a schema may be nested. Compiling recurses.
const maxSchemaDepth = 100

// ParseSchema compiles a schema. It is JSON Schema, of draft 7 where it does not say which, of {"traits": {…}}. It may
// refer to parts of itself, and to nothing else. The error says what to change.
func ParseSchema(id string, raw []byte) (*Schema, error) {
	if len(raw) > MaxSchema {
		return nil, fmt.Errorf("the schema is larger than %d bytes", MaxSchema)
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("the schema is not UTF-8")
	}
	if err := checkText(raw); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	root, weight, err := compile(doc)
	if err != nil {
		return nil, err
	}
	traits := deref(root).Properties["traits"]
	if traits == nil || deref(traits).Properties == nil {
		return nil, errors.New(`the schema has no object at "properties.traits" with "properties" of its own`)
	}
	s := &Schema{ID: id, Raw: json.RawMessage(bytes.TrimSpace(raw)), root: root, traits: traits, weight: weight}
	s.marked = mark(traits)
	s.fields = listFields(raw, traits)
	return s, nil
}

// schemaURL is the schema's name in the compiler. It has a path, so that what is relative to it is another document.
const (
	schemaBase = "https://schema.invalid/"
	schemaURL  = schemaBase + "identity"
)

func compile(doc any) (root *jsonschema.Schema, weight int, err error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	c.AssertVocabs()
	c.UseRegexpEngine(newPatterns().compile)
	for name, check := range formats() {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: check})
	}
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: "urn:gatehouse:vocabulary", Compile: compileExtension})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, 0, err
	}
	if root, err = c.Compile(schemaURL); err != nil {
		return nil, 0, schemaFault(err)
	}
	weight, err = weigh(root)
	return root, weight, err
}

// noLoader keeps schemas from reading files and other servers' documents.
type noLoader struct{}

var errRemote = errors.New("a schema may only refer to parts of itself")

func (noLoader) Load(string) (any, error) { return nil, errRemote }

// schemaFault leaves out the name that the schema has in the compiler alone.
func schemaFault(err error) error {
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		err = invalid.Err
	}
	plain := strings.NewReplacer(schemaURL+"#", "", schemaURL, "the schema", schemaBase, "")
	return errors.New("the schema is not valid: " + plain.Replace(err.Error()))
}

// maxNumber is how many characters a number may have, and maxExponent how many digits its exponent: a few bytes such as 1e1000000 are a
// number of a million digits, with which everything would be compared.
const (
	maxNumber   = 400
	maxExponent = 3
)

var errNumber = fmt.Errorf("it has a number of more than %d characters, or with an exponent of more than %d digits", maxNumber, maxExponent)

// checkText refuses JSON that is nested too deeply, before anything recurses into it, and numbers that nobody could reckon with.
func checkText(raw []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxSchemaDepth {
				return fmt.Errorf("it is nested more than %d levels deep", maxSchemaDepth)
			}
		case c == '}' || c == ']':
			depth--
		case c >= '0' && c <= '9':
			number := raw[i:]
			if n := bytes.IndexFunc(number, notOfNumber); n >= 0 {
				number = number[:n]
			}
			if !goodNumber(number) {
				return errNumber
			}
			i += len(number) - 1
		}
	}
	return nil
}

func notOfNumber(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune("+-.eE", r) }

func goodNumber(text []byte) bool {
	if len(text) > maxNumber {
		return false
	}
	at := bytes.IndexAny(text, "eE")
	return at < 0 || len(bytes.TrimLeft(text[at+1:], "+-0")) <= maxExponent
}

// formats are those that identities mean in their own way. The library knows the others.
func formats() map[string]func(any) error {
	return map[string]func(any) error{
		"email":       isText(func(s string) bool { _, ok := normalizeEmail(s); return ok }),
		"tel":         isText(func(s string) bool { _, ok := normalizePhone(s); return ok }),
		"no-validate": func(any) error { return nil },
	}
}

var errFormat = errors.New("not of this format")

// isText makes a format of a check. As JSON Schema has it, a format says nothing of what is no text.
func isText(check func(string) bool) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); ok && !check(s) {
			return errFormat
		}
		return nil
	}
}

// deref returns what a schema refers to.
func deref(s *jsonschema.Schema) *jsonschema.Schema {
	for range maxSchemaDepth {
		if s == nil || s.Ref == nil {
			return s
		}
		s = s.Ref
	}
	return s
}

// extensionOf returns what the schema itself says under the keyword, nil for nothing.
func extensionOf(s *jsonschema.Schema) *extension {
	for _, e := range s.Extensions {
		if found, ok := e.(*extension); ok {
			return found
		}
	}
	return nil
}

// mark finds the schemas that say something under the keyword, or hold one that does, so that Extract need not look into
// the others.
func mark(traits *jsonschema.Schema) map[*jsonschema.Schema]bool {
	holders := make(map[*jsonschema.Schema][]*jsonschema.Schema) // who holds it
	var todo []*jsonschema.Schema
	seen := map[*jsonschema.Schema]bool{traits: true}
	marked := make(map[*jsonschema.Schema]bool)
	for queue := []*jsonschema.Schema{traits}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if extensionOf(s) != nil {
			todo = append(todo, s)
		}
		for _, child := range children(s) {
			holders[child] = append(holders[child], s)
			if !seen[child] {
				seen[child] = true
				queue = append(queue, child)
			}
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		if s := todo[0]; !marked[s] {
			marked[s] = true
			todo = append(todo, holders[s]...)
		}
	}
	return marked
}

// children are the schemas that a schema applies to the value, or to what is in it.
func children(s *jsonschema.Schema) []*jsonschema.Schema {
	all := slices.Concat([]*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else, s.Items2020, s.Contains}, s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems)
	all = slices.AppendSeq(all, maps.Values(s.Properties))
	all = slices.AppendSeq(all, maps.Values(s.PatternProperties))
	all = slices.AppendSeq(all, maps.Values(s.DependentSchemas))
	all = append(all, items(s)...)
	if other, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		all = append(all, other)
	}
	return slices.DeleteFunc(all, func(s *jsonschema.Schema) bool { return s == nil })
}

// items are the schemas of the members of a list, in the form of the drafts before 2020.
func items(s *jsonschema.Schema) []*jsonschema.Schema {
	switch of := s.Items.(type) {
	case *jsonschema.Schema:
		return []*jsonschema.Schema{of}
	case []*jsonschema.Schema:
		return of
	}
	return nil
}
