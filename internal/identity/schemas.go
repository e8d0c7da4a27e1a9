package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// maxSchema is the size of a schema that is read, in bytes.
const maxSchema = 256 << 10

// Schemas are the identity schemas of this server.
type Schemas struct {
	fallback string
	ids      []string
	byID     map[string]*Schema
	open     map[string]bool // those that people may choose themselves
}

// NewSchemas reads and compiles the schemas of the configuration. get reads a document over http; it bounds time and
// size by itself.
func NewSchemas(ctx context.Context, c Config, get func(ctx context.Context, url string) ([]byte, error)) (*Schemas, error) {
	s := &Schemas{fallback: c.DefaultSchemaID, byID: make(map[string]*Schema), open: map[string]bool{c.DefaultSchemaID: true}}
	var faults []error
	for i, from := range c.schemas() {
		raw, err := readSchema(ctx, from.URL, get)
		if err == nil {
			s.byID[from.ID], err = ParseSchema(from.ID, raw)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("schemas[%d] (%s): %w", i, from.ID, err))
		}
		s.ids = append(s.ids, from.ID)
		s.open[from.ID] = s.open[from.ID] || from.SelfserviceSelectable
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return s, nil
}

// Default returns the id of the schema that an identity gets where nobody named one.
func (s *Schemas) Default() string { return s.fallback }

// IDs returns the ids of the schemas, in the order of the configuration. The list must not be changed.
func (s *Schemas) IDs() []string { return s.ids }

// Get returns the schema of that id, the default one for "", or ErrSchema.
func (s *Schemas) Get(id string) (*Schema, error) {
	if id == "" {
		id = s.fallback
	}
	if found, ok := s.byID[id]; ok {
		return found, nil
	}
	return nil, ErrSchema
}

// Chosen is Get for somebody who registers: ErrSchema too for a schema that only administrators give.
func (s *Schemas) Chosen(id string) (*Schema, error) {
	if id != "" && !s.open[id] {
		return nil, ErrSchema
	}
	return s.Get(id)
}

func readSchema(ctx context.Context, uri string, get func(context.Context, string) ([]byte, error)) ([]byte, error) {
	from, err := fetch.ParseSource(uri)
	if err != nil {
		return nil, err
	}
	return from.Read(ctx, maxSchema, get)
}

// encodedBuiltIn is the built-in schema as the configuration would have it.
func encodedBuiltIn() string { return base64.RawStdEncoding.EncodeToString([]byte(builtIn)) }

// builtIn is the schema that there is where none is configured.
const builtIn = `{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "Person",
  "type": "object",
  "properties": {
    "traits": {
      "type": "object",
      "properties": {
        "email": {
          "type": "string",
          "format": "email",
          "title": "E-Mail",
          "maxLength": 254,
          "ory.sh/kratos": {
            "credentials": {
              "password": {"identifier": true},
              "webauthn": {"identifier": true},
              "code": {"identifier": true, "via": "email"},
              "totp": {"account_name": true},
              "passkey": {"display_name": true}
            },
            "verification": {"via": "email"},
            "recovery": {"via": "email"}
          }
        },
        "name": {
          "type": "object",
          "properties": {
            "first": {"type": "string", "title": "First name", "maxLength": 100},
            "last": {"type": "string", "title": "Last name", "maxLength": 100}
          },
          "additionalProperties": false
        }
      },
      "required": ["email"],
      "additionalProperties": false
    }
  }
}
`
