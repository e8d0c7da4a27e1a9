package admin

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// All stands in the place of a tenant for all of them and for the installation itself.
const All tenant.ID = "*"

// State is where in its life a key is.
type State string

// The states.
const (
	Active  State = "active"
	Expired State = "expired"
	Revoked State = "revoked"
)

// Key is an admin key without its text.
type Key struct {
	ID string `json:"id"`
	// Tenant is where it may act, or All.
	Tenant tenant.ID  `json:"tenant"`
	Name   string     `json:"name"`
	Role   actor.Role `json:"role"`
	// Only are the areas that it is confined to, as paths below /admin: "clients", "oauth2/introspect". None is no confinement.
	Only  []string `json:"only,omitempty"`
	State State    `json:"state"`
	// CreatedAt, ExpiresAt, UsedAt and RevokedAt are UTC. A key without ExpiresAt does not expire; UsedAt is up to an hour behind.
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	UsedAt    time.Time `json:"used_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// ReplacedBy is the id of its successor, where it was rotated.
	ReplacedBy string `json:"replaced_by,omitempty"`

	digest string
	// noted is UsedAt in Unix microseconds as this process last wrote or read it, 0 for never.
	noted atomic.Int64
}

// Made is a key together with its text, which is shown this once.
type Made struct {
	*Key
	Text string `json:"key"`
}

// New is what a key is to be.
type New struct {
	Tenant tenant.ID
	Name   string
	Role   actor.Role
	Only   []string
	// Expires is when it ends; the zero time is never.
	Expires time.Time
}

// The errors of keys.
var (
	// ErrInvalid says that a key cannot be made like that.
	ErrInvalid = fault.New(fault.Invalid, "invalid_request", "The admin key cannot be made like that.")
	// ErrNotFound says that there is no key with an id.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "There is no admin key with this id.")
	// ErrOver says that a key that is over cannot be changed.
	ErrOver = fault.New(fault.Conflict, "conflict", "This admin key is revoked, expired or replaced already: make a new one.")
)

const (
	maxName  = 100 // characters
	maxAreas = 32
	maxArea  = 64 // bytes
	// longest bounds the life of a key that expires.
	longest = 10 * 366 * 24 * time.Hour
)

// check returns what is wrong with the key that is to be made.
func (n New) check(now time.Time) error {
	switch {
	case n.Tenant != All && !n.Tenant.Valid():
		return ErrInvalid.With(`tenant: it is the id of a tenant, or "*" for all tenants and the installation.`)
	case n.Name == "" || utf8.RuneCountInString(n.Name) > maxName || strings.ContainsFunc(n.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return ErrInvalid.Withf("name: give it 1 to %d printable characters that say who uses the key and for what.", maxName)
	case !n.Role.Valid():
		return ErrInvalid.With("role: it is viewer, operator or admin.")
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return ErrInvalid.With("expires: it lies in the past.")
	case n.Expires.After(now.Add(longest)):
		return ErrInvalid.With("expires: it lies more than ten years ahead; a key that is not to expire has none.")
	case len(n.Only) > maxAreas:
		return ErrInvalid.Withf("only: it may name at most %d areas.", maxAreas)
	}
	for _, area := range n.Only {
		if !validArea(area) {
			return ErrInvalid.With("only: an area is a path below /admin without a slash at its ends, such as clients, oauth2/introspect or metrics.")
		}
	}
	return nil
}

// validArea tells whether a text is a path of lower-case words: what routes begin with.
func validArea(s string) bool {
	if s == "" || len(s) > maxArea || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//") {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-/") == ""
}

// at says which state the key is in at a time.
func (k *Key) at(now time.Time) State {
	switch {
	case !k.RevokedAt.IsZero():
		return Revoked
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return Expired
	default:
		return Active
	}
}

// reaches tells whether a key that is confined to areas may call the route of a pattern such as "GET /admin/clients/{id}".
func reaches(only []string, pattern string) bool {
	if len(only) == 0 {
		return true
	}
	_, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/admin"), "/")
	return slices.ContainsFunc(only, func(area string) bool { return path == area || strings.HasPrefix(path, area+"/") })
}

// ParseExpiry reads when a key is to end: a duration in days or hours ("90d", "12h"), a day (its first moment in UTC), a time in
// RFC 3339, or "never".
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "never" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	d, err := ParseSpan(s)
	if err != nil || d == 0 {
		return time.Time{}, fmt.Errorf("%q is no end: write 90d, 12h, 2027-01-31 or never", s)
	}
	return now.Add(d), nil
}

// ParseSpan reads a duration, in days ("90d") or as Go writes it ("36h", "0s").
func ParseSpan(s string) (time.Duration, error) {
	text := s
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if days == "" || len(days) > 4 || strings.Trim(days, "0123456789") != "" {
			return 0, fmt.Errorf("%q is no time: write 90d or 36h", s)
		}
		text = days + "h"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time: write 90d or 36h", s)
	}
	if text != s {
		d *= 24
	}
	if d > longest {
		return 0, fmt.Errorf("%q is longer than ten years", s)
	}
	return d, nil
}
