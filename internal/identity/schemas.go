package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// MaxSchema is the size of a schema that is read, in bytes.
const MaxSchema = 256 << 10

// Schemas are the identity schemas of this server: the installation's, and those of the tenants that have some of their own. A tenant
// that has none has the installation's; of one that has, people who came before keep the installation's schema that they follow.
type Schemas struct {
	installation *SchemaSet
	configured   map[tenant.ID]*SchemaSet
	stored       atomic.Pointer[map[tenant.ID]*SchemaSet]
}

// NewSchemas reads and compiles the schemas of the configuration. get reads a document over http; it bounds time and
// size by itself.
func NewSchemas(ctx context.Context, c Config, get func(ctx context.Context, url string) ([]byte, error)) (*Schemas, error) {
	own, err := readSet(ctx, c, get)
	if err != nil {
		return nil, err
	}
	return &Schemas{installation: own, configured: make(map[tenant.ID]*SchemaSet)}, nil
}

// Configure reads and compiles schemas that the configuration has for one tenant. Call it before the schemas are used.
func (s *Schemas) Configure(ctx context.Context, id tenant.ID, c Config, get func(ctx context.Context, url string) ([]byte, error)) (err error) {
	s.configured[id], err = readSet(ctx, c, get)
	return err
}

// Configured tells whether the configuration has schemas for the context's tenant, so that none are stored for it.
func (s *Schemas) Configured(ctx context.Context) bool {
	id, _ := tenant.From(ctx)
	return s.configured[id] != nil
}

// Set puts the schemas that are stored for tenants in the place of those that were before. The map must not be changed any more.
func (s *Schemas) Set(of map[tenant.ID]*SchemaSet) { s.stored.Store(&of) }

// Of returns the schemas of the context's tenant.
func (s *Schemas) Of(ctx context.Context) *SchemaSet {
	id, _ := tenant.From(ctx)
	if set := s.configured[id]; set != nil {
		return set
	}
	if set := s.storedOf(id); set != nil && len(set.ids) > 0 {
		return set
	}
	return s.installation
}

func (s *Schemas) storedOf(id tenant.ID) *SchemaSet {
	stored := s.stored.Load()
	if stored == nil {
		return nil
	}
	return (*stored)[id]
}

// Own tells whether the context's tenant has schemas of its own.
func (s *Schemas) Own(ctx context.Context) bool { return s.Of(ctx) != s.installation }

// Get returns the schema that an identity of the context's tenant follows, the default one for "", or ErrSchema. It may be one that
// nobody is given any more.
func (s *Schemas) Get(ctx context.Context, id string) (*Schema, error) {
	of := s.Of(ctx)
	if id == "" {
		id = of.fallback
	}
	if found, ok := of.byID[id]; ok {
		return found.Schema()
	}
	tenantID, _ := tenant.From(ctx)
	if before := s.storedOf(tenantID); before != nil && before.byID[id].Schema != nil { // one that is given to nobody any more
		return before.byID[id].Schema()
	}
	if found, ok := s.installation.byID[id]; ok {
		return found.Schema()
	}
	return nil, ErrSchema
}

// Chosen returns the schema for somebody who registers and names one, the default one for "": ErrSchema too for a schema that only
// administrators give.
func (s *Schemas) Chosen(ctx context.Context, id string) (*Schema, error) {
	of := s.Of(ctx)
	if id != "" && id != of.fallback && !of.byID[id].Selectable {
		return nil, ErrSchema
	}
	return of.give(id)
}

// SchemaSet are schemas from which one is given to each identity.
type SchemaSet struct {
	fallback string
	ids      []string // of those that are given
	byID     map[string]SetSchema
}

// SetSchema is one schema of a set.
type SetSchema struct {
	// ID is the schema_id of identities.
	ID string
	// Schema compiles it, or gives what was compiled.
	Schema func() (*Schema, error)
	// Selectable lets people choose it when they register.
	Selectable bool
	// Withdrawn schemas are followed by those who have them and given to nobody.
	Withdrawn bool
}

// NewSchemaSet returns a set with its schemas in that order, of which fallback is given where nobody names one.
func NewSchemaSet(fallback string, list ...SetSchema) *SchemaSet {
	s := &SchemaSet{fallback: fallback, byID: make(map[string]SetSchema, len(list))}
	for _, one := range list {
		s.byID[one.ID] = one
		if !one.Withdrawn {
			s.ids = append(s.ids, one.ID)
		}
	}
	return s
}

// Default returns the id of the schema that an identity gets where nobody named one.
func (s *SchemaSet) Default() string { return s.fallback }

// IDs returns the ids of the schemas that are given, in their order. The list must not be changed.
func (s *SchemaSet) IDs() []string { return s.ids }

// Selectable tells whether people may choose a schema when they register.
func (s *SchemaSet) Selectable(id string) bool { return id == s.fallback || s.byID[id].Selectable }

// give returns a schema for an identity that does not follow it yet, the default one for "".
func (s *SchemaSet) give(id string) (*Schema, error) {
	if id == "" {
		id = s.fallback
	}
	if found, ok := s.byID[id]; ok && !found.Withdrawn {
		return found.Schema()
	}
	return nil, ErrSchema
}

func readSet(ctx context.Context, c Config, get func(ctx context.Context, url string) ([]byte, error)) (*SchemaSet, error) {
	var list []SetSchema
	var faults []error
	for i, from := range c.schemas() {
		var schema *Schema
		raw, err := readSchema(ctx, from.URL, get)
		if err == nil {
			schema, err = ParseSchema(from.ID, raw)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("schemas[%d] (%s): %w", i, from.ID, err))
		}
		list = append(list, SetSchema{ID: from.ID, Selectable: from.SelfserviceSelectable, Schema: func() (*Schema, error) { return schema, nil }})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return NewSchemaSet(c.DefaultSchemaID, list...), nil
}

func readSchema(ctx context.Context, uri string, get func(context.Context, string) ([]byte, error)) ([]byte, error) {
	from, err := fetch.ParseSource(uri)
	if err != nil {
		return nil, err
	}
	return from.Read(ctx, MaxSchema, get)
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
