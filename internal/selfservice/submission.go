package selfservice

import (
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Submission is what came with a request, in whichever form: the answer to a flow, or the query with which one is begun.
type Submission struct {
	// Method is the `method` field: which Method is meant.
	Method string
	// Values are the fields, nested: a form's "traits.name.first" is traits → name → first.
	Values map[string]any
	// Session is who is signed in, nil where nobody is. It holds the identity.
	Session *session.Session
	// Client is where the request came from.
	Client session.Client
	// Browser says that the flow is one of browsers, AJAX that the browser's script asks for JSON.
	Browser, AJAX bool
	// Form says that the values came from an HTML form, where everything is text.
	Form bool
	// Get says that this came by GET, by a link for example, and so without a CSRF token.
	Get bool
	// Returned is what the flow knew of the server from which the browser has come back, with what that server says; nil where the
	// browser was nowhere else.
	Returned *Returned
	// Holder says that the browser is the one that began the flow. It always is, but for Get.
	Holder bool
	// bound is what a flow of the browser would remember of its CSRF token; for Get alone.
	bound string
	// Lang is the best of our languages for the person: "en" or "de".
	Lang string
	// devices are the names that this browser has proved before; nil where nobody looks.
	devices *devices
	// Request are the facts of the request that web hooks are told.
	Request hook.Call
}

// meant is the method that the submission is for. The buttons that lead to providers name only the provider: no more is in the
// forms of Kratos' clients.
func (s *Submission) meant() string {
	if method := s.String("method"); method != "" {
		return method
	}
	for _, name := range []string{"provider", "link", "unlink"} {
		if s.String(name) != "" {
			return identity.OIDC
		}
	}
	return ""
}

// value walks a dotted path.
func (s *Submission) value(path string) any {
	var at any = s.Values
	for name := range strings.SplitSeq(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[name]
	}
	return at
}

// String returns the text at the path, such as "traits.email"; empty where there is none.
func (s *Submission) String(path string) string {
	switch v := s.value(path).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Bool returns whether the field at the path is true, "true", "on" or "1".
func (s *Submission) Bool(path string) bool {
	switch v := s.value(path).(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "on" || v == "1"
	}
	return false
}

// Has reports whether the path was sent at all.
func (s *Submission) Has(path string) bool { return s.value(path) != nil }

// Traits returns the traits that were sent as JSON; nil where there were none.
func (s *Submission) Traits() json.RawMessage { return s.JSON("traits") }

// JSON returns what stands at the path as JSON; nil where there is nothing.
func (s *Submission) JSON(path string) json.RawMessage {
	v := s.value(path)
	if v == nil {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}

// Coerce gives the traits of a form the types that the schema asks for: in a form everything is text. Fields left empty were
// not filled in. It does nothing to JSON.
func (s *Submission) Coerce(schema *identity.Schema) {
	traits, ok := s.value("traits").(map[string]any)
	if !s.Form || !ok {
		return
	}
	for _, field := range schema.Fields() {
		coerce(traits, strings.TrimPrefix(field.Name, "traits."), field.Kind)
	}
	prune(traits)
}

// coerce gives one trait its type; what does not look like one stays text, and the schema says what is wrong with it.
func coerce(traits map[string]any, path, kind string) {
	name, rest, nested := strings.Cut(path, ".")
	if nested {
		if inner, ok := traits[name].(map[string]any); ok {
			coerce(inner, rest, kind)
		}
		return
	}
	text, ok := traits[name].(string)
	if !ok {
		return
	}
	switch kind {
	case ui.KindCheckbox:
		switch text {
		case "true", "on", "1":
			traits[name] = true
		case "false", "off", "0", "":
			traits[name] = false
		}
	case ui.KindNumber:
		if n := json.Number(strings.TrimSpace(text)); json.Valid([]byte(n)) && n != "" && strings.IndexAny(string(n[0]), "-0123456789") == 0 {
			traits[name] = n
		}
	}
}

// prune takes out what was left empty.
func prune(values map[string]any) {
	for name, v := range values {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(values, name)
			}
		case map[string]any:
			if prune(v); len(v) == 0 {
				delete(values, name)
			}
		}
	}
}
