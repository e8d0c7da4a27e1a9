package identity

import (
	"encoding/json"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Schema says which traits an identity has and what each is for.
type Schema struct {
	// ID is the schema's name in the configuration.
	ID string
	// Raw is the schema as it was written.
	Raw json.RawMessage

	root   *jsonschema.Schema // of {"traits": …}
	traits *jsonschema.Schema
	marked map[*jsonschema.Schema]bool // below which something is of use to Extract
	fields []Field
	weight int
}

// Field is one trait that a person can type, as a form needs it.
type Field struct {
	// Name is the trait's path in dots, beginning with "traits.".
	Name string
	// Title is what a person reads; "" where the schema has none.
	Title string
	// Kind is the type of the input, one of package ui's Kind constants.
	Kind string
	// Required says that the traits are invalid without it.
	Required bool
	// Disabled says that a person cannot change it: the schema says "disableFormField".
	Disabled bool
	// Autocomplete tells the browser what the field is for, "" for nothing.
	Autocomplete string
	// Pattern is the regular expression that the value matches, "" for any.
	Pattern string
	// MinLength and MaxLength are bounds in characters; 0 is none.
	MinLength, MaxLength int
	// Choices are the values that the schema offers, nil for any.
	Choices []any
	// Identifies lists the credential types of which the trait is an identifier.
	Identifies []string
	// CodeVia is how a one-time code reaches the trait, "" where it is no identifier of codes.
	CodeVia string
}

// Extraction is what a schema finds in traits. Addresses and identifiers are normalised.
type Extraction struct {
	// Identifiers are by credential type.
	Identifiers map[string][]string
	// CodeVia says for each identifier of codes how a code is sent to it.
	CodeVia map[string]string
	// Verifiable and Recovery are the addresses.
	Verifiable, Recovery []Address
	// TOTPAccount is what an authenticator app calls the account.
	TOTPAccount string
	// PasskeyName is what a passkey is called when it is made.
	PasskeyName string
}

// Address is a normalised address and how it is reached.
type Address struct {
	Value, Via string
}

// Validate returns nil when the traits follow the schema, else a *ui.Invalid with a text for each fault.
func (s *Schema) Validate(traits json.RawMessage) error {
	value, err := decodeTraits(traits)
	if err != nil {
		return err
	}
	return s.validate(value, len(traits))
}

// maxWork bounds what it takes to hold traits against their schema: its weight for each byte of theirs. It is some seconds at worst,
// and small traits may have any schema, large ones those that most people write.
const maxWork = 100_000_000

func (s *Schema) tooLarge(size int) bool { return s.weight*size > maxWork }

// validate is Validate for traits that were read from so many bytes.
func (s *Schema) validate(traits any, size int) error {
	if s.tooLarge(size) {
		return ui.RejectField("traits", ui.Generic("The traits are too large for their schema."))
	}
	return explain(s.root.Validate(map[string]any{"traits": traits}))
}

// Fields returns the traits that a form asks for, in the schema's order. The list must not be changed.
func (s *Schema) Fields() []Field { return s.fields }

// Extract returns what the schema finds in the traits. They need not be valid.
func (s *Schema) Extract(traits json.RawMessage) Extraction {
	value, err := decodeTraits(traits)
	if err != nil || s.tooLarge(len(traits)) {
		return Extraction{}
	}
	return s.extract(value)
}
