package token
// Config holds the settings of tokens; see fields.
type Config struct{}
