package activity

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config says how long the activity log is kept and who else gets it.
type Config struct {
	// Retention is how long events are kept. Unit: duration. Default: 9528h, 397 days. What an export has not sent yet is kept
	// longer.
	Retention time.Duration `yaml:"retention" default:"9528h" min:"24h" max:"876000h"`
	// Exports send each event elsewhere too, at least once, in the order of the log. Default: none.
	Exports []ExportConfig `yaml:"exports"`
}

// ExportConfig is one receiver of events.
type ExportConfig struct {
	// Name tells it from the others, in logs and metrics: 1 to 63 of a-z, 0-9 and "-". How far it has come is kept under this
	// name, so another name begins with the oldest event. Required.
	Name string `yaml:"name"`
	// URL is where events go, and how. Required. `file:///var/log/gatehouse/activity.jsonl` appends JSON lines to a file, which
	// may be rotated at any time. `syslog+tls://logs.example.com:6514`, `syslog+tcp://logs.example.com:601` and
	// `syslog+udp://logs.example.com:514` send RFC 5424 messages. `https://logs.example.com/ingest` posts JSON lines and takes any
	// 2xx for their receipt; http is allowed as well. Over syslog, what was sent before a connection broke may be lost.
	URL string `yaml:"url"`
	// Header is sent with each HTTP request, for example `Authorization: Bearer …`. Default: none.
	Header map[string]secret.String `yaml:"header"`
	// CAFile is a PEM file of authorities to trust, besides the system's, for https and syslog+tls. Default: none.
	CAFile string `yaml:"ca_file"`
	// Batch is the most events that are sent at once. Large ones are sent in fewer, half a megabyte or one event. Default: 200.
	Batch int `yaml:"batch" default:"200" min:"1" max:"1000"`
	// Timeout bounds one attempt. Unit: duration. Default: 10s.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"100ms" max:"5m"`
}

// DefaultConfig keeps events for 397 days, which is a year and what of it is looked into a month late, and exports none.
func DefaultConfig() Config { return Config{Retention: 9528 * time.Hour} }

// withDefaults fills in what is empty.
func (c ExportConfig) withDefaults() ExportConfig {
	if c.Batch == 0 {
		c.Batch = 200
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return c
}

// Names returns the names of the exports.
func (c Config) Names() []string {
	names := make([]string, len(c.Exports))
	for i, e := range c.Exports {
		names[i] = e.Name
	}
	return names
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() (faults []error) {
	names := make(map[string]bool)
	for i, e := range c.Exports {
		for _, err := range e.validate() {
			faults = append(faults, fmt.Errorf("exports[%d].%w", i, err))
		}
		if names[e.Name] {
			faults = append(faults, fmt.Errorf("exports[%d].name: %q is there twice", i, e.Name))
		}
		names[e.Name] = true
	}
	return faults
}

func (c ExportConfig) validate() (faults []error) {
	if c.Name == "" || len(c.Name) > 63 || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		faults = append(faults, fmt.Errorf("name: %q is not 1 to 63 of a-z, 0-9 and \"-\"", c.Name))
	}
	if err := c.checkURL(); err != nil {
		faults = append(faults, fmt.Errorf("url: %w", err))
	}
	for _, err := range fetch.ValidateHeaders(c.Header) {
		faults = append(faults, fmt.Errorf("header: %w", err))
	}
	return faults
}

// checkURL does not repeat the address: somebody may have written a password into it.
func (c ExportConfig) checkURL() error {
	u, err := url.Parse(c.URL)
	const forms = "write it like file:///var/log/activity.jsonl, syslog+tls://host:6514, syslog+tcp://host:601, syslog+udp://host:514 or https://host/path"
	if err != nil {
		return errors.New("is no URL: " + forms)
	}
	if u.User != nil {
		return errors.New("must not hold a user or password: put what the receiver asks for into header")
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasSuffix(u.Path, "/") {
			return errors.New("names no file: " + forms)
		}
	case "syslog+tls", "syslog+tcp", "syslog+udp":
		if u.Hostname() == "" || u.Port() == "" {
			return errors.New("needs a host and a port: " + forms)
		}
	case "http", "https":
		if u.Hostname() == "" {
			return errors.New("needs a host: " + forms)
		}
	default:
		return errors.New("has a scheme that is not known: " + forms)
	}
	return nil
}
