package flow

import (
	"fmt"
	"time"
)

// Config says which decisions are recorded and for how long they are kept.
type Config struct {
	// Enabled records decisions in the flow database. Default: false.
	Enabled bool `yaml:"enabled"`
	// SampleAllowed is the share of requests that were let through which is recorded, from 0 to 1. Default: 1. Under
	// heavy traffic 0.01 shows as much and costs a hundredth.
	SampleAllowed float64 `yaml:"sample_allowed"`
	// SampleRefused is the share of requests that were turned away which is recorded, from 0 to 1. Default: 1.
	SampleRefused float64 `yaml:"sample_refused"`
	// Subjects records who asked. Default: true. With false the events say nothing about persons but the path.
	Subjects bool `yaml:"subjects"`
	// Queue is how many events may wait to be written; when more come, they are dropped and counted in
	// gatehouse_flow_events_total. Default: 10000. An event takes some 500 bytes.
	Queue int `yaml:"queue" default:"10000" min:"100" max:"1000000"`
	// Retention is how long events are kept. Unit: duration. Default: 168h, a week.
	Retention time.Duration `yaml:"retention" default:"168h" min:"1m" max:"87600h"`
}

// DefaultConfig records nothing; switched on, it records everything for a week.
func DefaultConfig() Config {
	return Config{SampleAllowed: 1, SampleRefused: 1, Subjects: true, Queue: 10_000, Retention: 168 * time.Hour}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() (faults []error) {
	for _, s := range []struct {
		key   string
		share float64
	}{{"sample_allowed", c.SampleAllowed}, {"sample_refused", c.SampleRefused}} {
		if !(s.share >= 0 && s.share <= 1) { // so written, it catches NaN too
			faults = append(faults, fmt.Errorf("%s: must be from 0 to 1, is %v", s.key, s.share))
		}
	}
	return faults
}
