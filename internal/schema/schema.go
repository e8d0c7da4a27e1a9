package schema

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Errors of this package.
var (
	ErrInvalid    = fault.New(fault.Invalid, "bad_request", "The identity schema cannot be like this.")
	ErrConfigured = fault.New(fault.Conflict, "schemas_are_configured", "The configuration lists the identity schemas of this tenant: change them there, below `tenants`, and restart the servers.")
	ErrStale      = fault.New(fault.Stale, "precondition_failed", "The identity schema has changed since: read it again.")
	ErrInUse      = fault.New(fault.Conflict, "schema_in_use", "People follow this identity schema.")
	ErrDefault    = fault.New(fault.Conflict, "schema_is_default", "This identity schema is the default: make another one the default first, by `default: true`.")
	ErrLimit      = fault.New(fault.Conflict, "too_many_schemas", "The tenant has as many identity schemas as it may have.")
)

// What one tenant may have. One that was removed counts for an hour.
const (
	maxSchemas = 50
	maxTotal   = 512 << 10
	maxID      = 100
	// withdrawnFor is how long a removed schema stays at least: whatever was about to use it has come to its end by then.
	withdrawnFor = time.Hour
	// mostCounted bounds the count of people who follow a schema.
	mostCounted = 1000
)

// Draft is what is to be written.
type Draft struct {
	// Schema is the JSON Schema itself.
	Schema json.RawMessage
	// Selectable lets people choose it when they register; nil leaves that as it is, which for a new one is false.
	Selectable *bool
	// Default makes it the schema that an identity gets where nobody names one. A tenant's first one is that by itself.
	Default bool
}

// Stored is a schema as it is kept, but for its text.
type Stored struct {
	Tenant     tenant.ID
	ID         string
	Digest     string
	Size       int
	Selectable bool
	DefaultAt  *time.Time
	Version    int64
	Created    time.Time
	Changed    time.Time
	// Removed is when it was; nil for one that is given.
	Removed *time.Time
}

// etag changes with the schema and what is said of it. The digest keeps one that was removed and written anew from being taken for
// the one before.
func (s *Stored) etag() string {
	return `"` + s.Digest[:16] + "-" + strconv.FormatInt(s.Version, 10) + `"`
}

// said is what the activity log tells of a schema.
func (s *Stored) said(isDefault bool) map[string]any {
	return map[string]any{"sha256": s.Digest, "selfservice_selectable": s.Selectable, "default": isDefault}
}

// defaultOf returns the id of the default among the schemas of a tenant, "" where there is none that is given.
func defaultOf(list []Stored) string {
	var latest *Stored
	for i := range list {
		s := &list[i]
		if s.Removed == nil && (latest == nil || after(s.DefaultAt, latest.DefaultAt)) {
			latest = s
		}
	}
	if latest == nil {
		return ""
	}
	return latest.ID
}

// laterThan is when another schema becomes the default: now, unless the clock of who made the present one that was ahead.
func laterThan(fallback *Stored, now time.Time) *time.Time {
	if fallback != nil && fallback.DefaultAt != nil && !now.After(*fallback.DefaultAt) {
		now = fallback.DefaultAt.Add(time.Microsecond)
	}
	return &now
}

func after(a, b *time.Time) bool { return a != nil && (b == nil || a.After(*b)) }

func find(list []Stored, id string) *Stored {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}
