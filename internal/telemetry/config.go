package telemetry

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config gathers what this package reads from the configuration.
type Config struct {
	// Log says what is logged and how.
	Log LogConfig `yaml:"log"`
	// Tracing says where OpenTelemetry traces go.
	Tracing TracingConfig `yaml:"tracing"`
}

// LogConfig is the `log` part of the configuration.
type LogConfig struct {
	// Level is the least important level that is logged: trace, debug, info, warn or error. Default: info.
	Level string `yaml:"level"`
	// Format is text, for people, or json, one object per line. Default: text; json in the production profile.
	Format string `yaml:"format"`
	// Access says which requests are logged: errors (answers of 400 and above), all or none. Causes of our own
	// errors are logged under each of them. Default: errors.
	Access string `yaml:"access"`
	// LeakSensitiveValues turns the redaction off: e-mail addresses, tokens, codes and client addresses appear in
	// the log as they are. For debugging with data of nobody's. Default: false.
	LeakSensitiveValues bool `yaml:"leak_sensitive_values"`
}

// TracingConfig is the `tracing` part of the configuration.
type TracingConfig struct {
	// Endpoint is the OTLP/HTTP collector's URL, for example "http://localhost:4318". Default: none, no traces are
	// made and they cost nothing.
	Endpoint string `yaml:"endpoint"`
	// Headers are sent with each export, for example the collector's credential.
	Headers map[string]secret.String `yaml:"headers"`
	// SampleRatio is the share of requests that are traced when the caller's own trace does not decide it, from 0
	// to 1. Default: 1.
	SampleRatio float64 `yaml:"sample_ratio"`
	// ServiceName is the name that traces carry. Default: gatehouse.
	ServiceName string `yaml:"service_name"`
}

// DefaultConfig logs errors and above info as text and traces nothing.
func DefaultConfig() Config {
	return Config{
		Log:     LogConfig{Level: "info", Format: "text", Access: "errors"},
		Tracing: TracingConfig{SampleRatio: 1, ServiceName: "gatehouse"},
	}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() []error {
	var faults []error
	for _, f := range c.Log.Validate() {
		faults = append(faults, fmt.Errorf("log.%w", f))
	}
	for _, f := range c.Tracing.Validate() {
		faults = append(faults, fmt.Errorf("tracing.%w", f))
	}
	return faults
}

// LevelTrace is below debug: everything.
const LevelTrace slog.Level = -8

// Validate returns all that is wrong, each fault beginning with its key.
func (c LogConfig) Validate() []error {
	var faults []error
	if _, ok := level(c.Level); !ok {
		faults = append(faults, fmt.Errorf("level: %q is not one of trace, debug, info, warn, error", c.Level))
	}
	if c.Format != "" && c.Format != "text" && c.Format != "json" {
		faults = append(faults, fmt.Errorf("format: %q is not one of text, json", c.Format))
	}
	switch c.Access {
	case "", "errors", "all", "none":
	default:
		faults = append(faults, fmt.Errorf("access: %q is not one of errors, all, none", c.Access))
	}
	return faults
}

func level(word string) (slog.Level, bool) {
	switch strings.ToLower(word) {
	case "trace":
		return LevelTrace, true
	case "debug":
		return slog.LevelDebug, true
	case "", "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	default:
		return 0, false
	}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c TracingConfig) Validate() []error {
	var faults []error
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			faults = append(faults, fmt.Errorf("endpoint: is not an http or https URL: write it like http://localhost:4318"))
		}
	}
	if !(c.SampleRatio >= 0 && c.SampleRatio <= 1) { // also refuses NaN
		faults = append(faults, fmt.Errorf("sample_ratio: must be from 0 to 1, is %v", c.SampleRatio))
	}
	return faults
}
