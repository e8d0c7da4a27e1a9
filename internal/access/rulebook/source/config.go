package source

import (
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Config is one place of rules, and what reading them takes.
type Config struct {
	// Where the rules are, as in repositories.
	URL string `yaml:"url"`
	// The tenant to whom they belong. Default: default.
	Tenant tenant.ID `yaml:"tenant"`
	// Headers to send along (https, http).
	Headers map[string]secret.String `yaml:"headers"`
	// How this server proves who it is (https, http).
	Auth fetch.AuthConfig `yaml:"auth"`
	// The keys for the object store (s3). Default: those of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), of
	// the file ~/.aws/credentials, or of the machine's role.
	S3 S3Config `yaml:"s3"`
}

// S3Config are keys for an object store.
type S3Config struct {
	// The access key's id.
	AccessKeyID string `yaml:"access_key_id"`
	// The secret that belongs to the access key.
	SecretAccessKey secret.String `yaml:"secret_access_key"`
	// The session token of temporary keys.
	SessionToken secret.String `yaml:"session_token"`
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() (faults []error) {
	at, err := Locate(c.URL)
	if err != nil {
		faults = append(faults, fmt.Errorf("url: %w", err))
	}
	if c.Tenant != "" && !c.Tenant.Valid() {
		faults = append(faults, errors.New("tenant: is no tenant id"))
	}
	for _, fault := range fetch.ValidateHeaders(c.Headers) {
		faults = append(faults, fmt.Errorf("headers.%w", fault))
	}
	for _, fault := range c.Auth.Validate() {
		faults = append(faults, fmt.Errorf("auth.%w", fault))
	}
	if err == nil && at.Kind != KindHTTP && (len(c.Headers) > 0 || c.Auth.Type != "") {
		faults = append(faults, errors.New("headers: only https and http have headers and auth"))
	}
	switch keys := c.S3; {
	case keys == (S3Config{}):
	case err == nil && at.Kind != KindS3:
		faults = append(faults, errors.New("s3: the url is not of s3"))
	case keys.AccessKeyID == "" || keys.SecretAccessKey == "":
		faults = append(faults, errors.New("s3: access_key_id and secret_access_key go together"))
	}
	return faults
}
