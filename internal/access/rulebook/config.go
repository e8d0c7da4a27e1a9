package rulebook

import (
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Config says where rules are read. All sources together are one set: it is loaded whole or not at all. Rules that
// the admin API was given come on top.
type Config struct {
	// The places of rules, as in Oathkeeper: file:///etc/gatehouse/rules.yaml, file:///etc/gatehouse/rules/ for all .json,
	// .yaml and .yml files of a directory, https://…, s3://bucket/key?region=…&endpoint=… and inline://, followed by the
	// rules in base64. Files are watched, the others polled. The rules belong to the tenant default.
	Repositories []string `yaml:"repositories"`
	// More places, with what they need beside a URL. Here belong credentials; a URL is shown in logs and metrics.
	Sources []source.Config `yaml:"sources"`
	// How often files are looked at. A changed one is read when it was the same at two looks, so that a file which is just
	// being written is left alone.
	FilePoll time.Duration `yaml:"file_poll" default:"1s" min:"10ms" max:"1h"`
	// How often https, http and s3 are asked whether the rules have changed. After a failure the pauses grow, to ten times
	// as much.
	RemotePoll time.Duration `yaml:"remote_poll" default:"30s" min:"1s" max:"24h"`
	// How long reading from https, http and s3 may take.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"100ms" max:"5m"`
	// How large the rules of one source may be. Unit: bytes.
	MaxBytes int64 `yaml:"max_bytes" default:"16777216" min:"1024" max:"1073741824"`
	// What rules of the admin API can do.
	API engine.APIConfig `yaml:"api"`
}

// DefaultConfig reads rules from nowhere; the admin API can add some.
func DefaultConfig() Config {
	return Config{FilePoll: time.Second, RemotePoll: 30 * time.Second, Timeout: 10 * time.Second, MaxBytes: 16 << 20}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() (faults []error) {
	for i, uri := range c.Repositories {
		if _, err := source.Locate(uri); err != nil {
			faults = append(faults, fmt.Errorf("repositories[%d]: %w", i, err))
		}
	}
	for i, s := range c.Sources {
		for _, fault := range s.Validate() {
			faults = append(faults, fmt.Errorf("sources[%d].%w", i, fault))
		}
	}
	for _, fault := range c.API.Validate() {
		faults = append(faults, fmt.Errorf("api.%w", fault))
	}
	return faults
}

// all gives the repositories and sources in one form.
func (c Config) all() []source.Config {
	list := make([]source.Config, 0, len(c.Repositories)+len(c.Sources))
	for _, uri := range c.Repositories {
		list = append(list, source.Config{URL: uri})
	}
	list = append(list, c.Sources...)
	for i := range list {
		if list[i].Tenant == "" {
			list[i].Tenant = tenant.Default
		}
	}
	return list
}
