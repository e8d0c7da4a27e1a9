package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// maxTexts bounds what is said about one document.
const maxTexts = 50

// explain turns what the validator found into texts, each with its field.
func explain(err error) error {
	if err == nil {
		return nil
	}
	invalid := &ui.Invalid{}
	if found, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		collect(invalid, found)
	}
	if len(invalid.Texts) == 0 {
		invalid.Add("", ui.Generic("The traits do not follow the schema."))
	}
	return invalid
}

// collect says what is wrong at the leaves: the keywords in between only repeat it.
func collect(invalid *ui.Invalid, e *jsonschema.ValidationError) {
	if len(invalid.Texts) >= maxTexts {
		return
	}
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not:
		// What each alternative wants would contradict itself.
	default:
		for _, cause := range e.Causes {
			collect(invalid, cause)
		}
		if len(e.Causes) > 0 {
			return
		}
	}
	say(invalid, e)
}

func say(invalid *ui.Invalid, e *jsonschema.ValidationError) {
	at := e.InstanceLocation
	missing := func(names []string) {
		for _, name := range names {
			add(invalid, append(slices.Clone(at), name), ui.Required(name))
		}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		missing(k.Missing)
	case *kind.DependentRequired:
		missing(k.Missing)
	case *kind.Dependency:
		missing(k.Missing)
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(invalid, append(slices.Clone(at), name), ui.Generic("This field is not allowed here."))
		}
	default:
		add(invalid, at, textOf(e.ErrorKind))
	}
}

func add(invalid *ui.Invalid, at []string, t ui.Text) {
	said := ui.FieldText{Pointer: strings.Join(at, "."), Text: t}
	if !slices.ContainsFunc(invalid.Texts, func(f ui.FieldText) bool { return f.Pointer == said.Pointer && f.Text.Text == t.Text }) {
		invalid.Texts = append(invalid.Texts, said)
	}
}

// textOf returns the text for what one keyword found. None repeats a text that somebody typed, except in its context.
func textOf(k jsonschema.ErrorKind) ui.Text {
	switch k := k.(type) {
	case *kind.MinLength:
		return ui.MinLength(k.Want, k.Got)
	case *kind.MaxLength:
		return ui.MaxLength(k.Want, k.Got)
	case *kind.Pattern:
		return ui.PatternMismatch(k.Want)
	case *kind.Minimum:
		return ui.Minimum(number(k.Want), number(k.Got))
	case *kind.Maximum:
		return ui.Maximum(number(k.Want), number(k.Got))
	case *kind.ExclusiveMinimum:
		return ui.ExclusiveMinimum(number(k.Want), number(k.Got))
	case *kind.ExclusiveMaximum:
		return ui.ExclusiveMaximum(number(k.Want), number(k.Got))
	case *kind.MultipleOf:
		return ui.MultipleOf(number(k.Want), number(k.Got))
	case *kind.MinItems:
		return ui.MinItems(k.Want, k.Got)
	case *kind.MaxItems:
		return ui.MaxItems(k.Want, k.Got)
	case *kind.UniqueItems:
		return ui.UniqueItems(k.Duplicates[0], k.Duplicates[1])
	case *kind.Type:
		return ui.WrongType(k.Want, k.Got)
	case *kind.Const:
		return ui.Const(k.Want)
	case *kind.Enum:
		return ui.Generic("value must be one of " + choices(k.Want))
	case *kind.Format:
		return formatText(k)
	case badAddress:
		return addressText(k.via, k.value)
	case badIdentifier:
		return ui.Generic("This cannot be an identifier: it " + k.LocalizedString(nil) + ".")
	case *kind.FalseSchema, *kind.PropertyNames:
		return ui.Generic("This field is not allowed here.")
	}
	return ui.Generic("This value is not allowed here.")
}

func formatText(k *kind.Format) ui.Text {
	switch k.Want {
	case "email":
		return addressText(ViaEmail, k.Got)
	case "tel":
		return addressText(ViaSMS, k.Got)
	}
	return ui.Generic(fmt.Sprintf("is not valid %q", k.Want))
}

func addressText(via string, got any) ui.Text {
	typed, _ := got.(string)
	if via == ViaSMS {
		return ui.PhoneInvalid(typed)
	}
	return ui.EmailInvalid(typed)
}

func number(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

func choices(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			raw = []byte("?")
		}
		texts[i] = string(raw)
	}
	return strings.Join(texts, ", ")
}

// refusal is what the admin API says of traits that do not follow their schema. The message names the fields without
// their values, for it goes into the log; the details hold the texts.
func refusal(invalid *ui.Invalid) *fault.Error {
	said := make([]string, 0, len(invalid.Texts))
	list := make([]map[string]any, 0, len(invalid.Texts))
	for _, t := range invalid.Texts {
		field := t.Pointer
		if field == "" {
			field = "traits"
		}
		said = append(said, field+": "+plain(t.Text))
		list = append(list, map[string]any{
			"instance_ptr": "#/" + strings.ReplaceAll(t.Pointer, ".", "/"), "messages": []ui.Text{t.Text},
		})
	}
	return ErrInvalid.With("The identity does not follow its schema. "+strings.Join(said, "; ")).WithDetail("validation", list)
}

// plain is a text without what somebody typed.
func plain(t ui.Text) string {
	if _, typed := t.Context["actual"]; typed {
		return fmt.Sprintf("is out of bounds (%d)", t.ID)
	}
	return strings.TrimSuffix(t.Text, ".")
}
