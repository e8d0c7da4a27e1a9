package identity

import (
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// Config says which schemas identities follow.
type Config struct {
	// Id of the schema that an identity gets where a request names none. It is one of schemas, or "default" for the
	// built-in one.
	DefaultSchemaID string `yaml:"default_schema_id" default:"default"`
	// The identity schemas. An empty list stands for one built-in schema named "default": an e-mail address that signs in
	// with password and code, is verified and recovers the account, and a name of first and last.
	Schemas []SchemaConfig `yaml:"schemas"`
}

// SchemaConfig is one schema and where it is read from.
type SchemaConfig struct {
	// Name of the schema: the schema_id of identities. It is stored with each of them, so it never changes.
	ID string `yaml:"id"`
	// Where the schema is read from when the server starts: file:// and a path, a https:// or http:// URL, or base64://
	// and the JSON itself. The server does not start when it cannot be read.
	URL string `yaml:"url"`
	// Whether people may choose this schema when they register, by the parameter identity_schema. With false only the admin
	// API, imports and web hooks give it to an identity: leave it so where a schema means rights, such as those of employees.
	// The default schema can always be registered with.
	SelfserviceSelectable bool `yaml:"selfservice_selectable" default:"false"`
}

// DefaultConfig has the built-in schema.
func DefaultConfig() Config { return Config{DefaultSchemaID: "default"} }

// Validate returns everything that is wrong with c, each fault with the path of its field below `identity`. It reads no
// schema.
func (c Config) Validate() []error {
	var faults []error
	seen := make(map[string]bool)
	for i, s := range c.Schemas {
		switch {
		case s.ID == "":
			faults = append(faults, fmt.Errorf("schemas[%d].id: it is missing", i))
		case len(s.ID) > maxKey || !validIdentifier(s.ID):
			faults = append(faults, fmt.Errorf("schemas[%d].id: it is longer than %d bytes or of more than one line", i, maxKey))
		case seen[s.ID]:
			faults = append(faults, fmt.Errorf("schemas[%d].id: %q is there already", i, s.ID))
		}
		seen[s.ID] = true
		if _, err := fetch.ParseSource(s.URL); err != nil {
			faults = append(faults, fmt.Errorf("schemas[%d].url: %w", i, err))
		}
	}
	if len(c.Schemas) == 0 {
		seen["default"] = true
	}
	if !seen[c.DefaultSchemaID] {
		faults = append(faults, fmt.Errorf("default_schema_id: there is no schema %q in schemas", c.DefaultSchemaID))
	}
	return faults
}

// CheckSchemas reads the schemas that need no network, and returns what is wrong with them, each fault with the path of its field
// below `identity`.
func (c Config) CheckSchemas() (faults []error) {
	for i, s := range c.schemas() {
		from, err := fetch.ParseSource(s.URL)
		if err == nil && from.URL != "" {
			continue
		}
		var raw []byte
		if err == nil {
			raw, err = from.Local(MaxSchema)
		}
		if err == nil {
			_, err = ParseSchema(s.ID, raw)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("schemas[%d].url: %w", i, err))
		}
	}
	return faults
}

// schemas are the configured ones, or the built-in one.
func (c Config) schemas() []SchemaConfig {
	if len(c.Schemas) > 0 {
		return c.Schemas
	}
	return []SchemaConfig{{ID: "default", URL: "base64://" + encodedBuiltIn()}}
}
