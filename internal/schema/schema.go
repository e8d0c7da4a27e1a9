package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
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

// Precondition is what a caller expects a schema to be; it gets nil where there is none. A nil one expects nothing.
type Precondition func(s *Stored) error

// Options are what a Library works with.
type Options struct {
	// Store keeps schemas.
	Store *Store
	// Schemas are what the server asks on every request.
	Schemas *identity.Schemas
	// Followers counts the people of the context's tenant who follow a schema, up to a limit.
	Followers func(ctx context.Context, id string, limit int) (int, error)
}

// Library has the schemas that are stored, and keeps the server's true to them.
type Library struct {
	Options

	wake chan struct{}

	mu    sync.Mutex // one reading at a time
	known map[tenant.ID][]Stored
	made  map[string]func() (*identity.Schema, error) // by tenant, id and digest
}

// New returns a library that has read nothing yet.
func New(o Options) *Library {
	l := &Library{Options: o, wake: make(chan struct{}, 1)}
	o.Store.watch(func() {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	})
	return l
}

// Open reads the schemas before anything is served.
func (l *Library) Open(ctx context.Context) error { return l.follow(ctx) }

// Run follows changes until ctx ends.
func (l *Library) Run(ctx context.Context) error { return wait.Follow(ctx, l.wake, l.follow) }

// readings is how often a reading begins anew because schemas were changed meanwhile.
const readings = 10

// follow reads what is stored: what has not changed stays as it was made.
func (l *Library) follow(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range readings {
		all, err := l.Store.load(ctx)
		if err != nil {
			return err
		}
		made, err := l.make(ctx, all)
		if err != nil {
			return err
		}
		if made == nil {
			continue
		}
		l.made, l.known = made, make(map[tenant.ID][]Stored)
		for _, s := range all {
			l.known[s.Tenant] = append(l.known[s.Tenant], s)
		}
		l.Schemas.Set(l.sets())
		return nil
	}
	return errors.New("schema: others change schemas faster than this server can read them")
}

// make returns what compiles each schema, nil where one has changed since. A schema is compiled when somebody needs it, so that a
// start does nothing for each of a thousand tenants.
func (l *Library) make(ctx context.Context, all []Stored) (map[string]func() (*identity.Schema, error), error) {
	made, unknown := make(map[string]func() (*identity.Schema, error), len(all)), map[string]bool{}
	for _, s := range all {
		if was := l.made[s.key()]; was != nil {
			made[s.key()] = was
		} else {
			unknown[s.Digest] = true
		}
	}
	texts, err := l.Store.texts(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if made[s.key()] != nil {
			continue
		}
		text, ok := texts[s.Digest]
		if !ok {
			return nil, nil
		}
		made[s.key()] = sync.OnceValues(func() (*identity.Schema, error) {
			schema, err := identity.ParseSchema(s.ID, text)
			if err != nil {
				err = fmt.Errorf("the stored identity schema %s: %w", s.ID, err)
			}
			return schema, err
		})
	}
	return made, nil
}

func (s *Stored) key() string { return string(s.Tenant) + "\x00" + s.ID + "\x00" + s.Digest }

// sets are the schemas as package identity wants them. A tenant of which all are removed has the installation's again.
func (l *Library) sets() map[tenant.ID]*identity.SchemaSet {
	sets := make(map[tenant.ID]*identity.SchemaSet, len(l.known))
	for id, list := range l.known {
		fallback := defaultOf(list)
		set := make([]identity.SetSchema, len(list))
		for i, s := range list {
			set[i] = identity.SetSchema{ID: s.ID, Schema: l.made[s.key()], Selectable: s.Selectable, Withdrawn: s.Removed != nil}
		}
		sets[id] = identity.NewSchemaSet(fallback, set...)
	}
	return sets
}

// attempts is how often a change begins anew because others were faster.
const attempts = 20

// change makes a change of the context's tenant by decide, which gets its schemas as they are, until nobody was faster.
func (l *Library) change(ctx context.Context, decide func(list []Stored) (*write, error)) error {
	if l.Schemas.Configured(ctx) {
		return ErrConfigured
	}
	for range attempts {
		list, err := l.Store.of(ctx)
		if err != nil {
			return err
		}
		w, err := decide(list)
		if err != nil || w == nil {
			return err
		}
		done, err := l.Store.apply(ctx, w)
		if err != nil {
			return err
		}
		if done {
			return l.follow(ctx)
		}
	}
	return errors.New("schema: others change schemas faster than this server can")
}

// Put writes a schema of the context's tenant. created tells that there was none of this id.
func (l *Library) Put(ctx context.Context, id string, d Draft, expects Precondition) (created bool, err error) {
	if err := check(id, d.Schema); err != nil {
		return false, err
	}
	if err := l.purge(ctx); err != nil {
		return false, err
	}
	digest := sha256.Sum256(d.Schema)
	err = l.change(ctx, func(list []Stored) (*write, error) {
		was, now := find(list, id), l.Store.now()
		if err := expected(was, expects); err != nil {
			return nil, err
		}
		next := Stored{ID: id, Created: now}
		if created = was == nil || was.Removed != nil; was != nil {
			next = *was
		}
		next.Digest, next.Size, next.Changed, next.Removed = hex.EncodeToString(digest[:]), len(d.Schema), now, nil
		if created {
			next.Selectable, next.DefaultAt = false, nil
		}
		if d.Selectable != nil {
			next.Selectable = *d.Selectable
		}
		fallback := defaultOf(list)
		if fallback == "" || d.Default && fallback != id {
			next.DefaultAt = laterThan(find(list, fallback), now)
		}
		if err := fits(list, &next, was == nil); err != nil {
			return nil, err
		}
		w := &write{was: was, next: next, document: d.Schema, event: activity.Event{Action: activity.SchemaUpdated}}
		var before any
		if created {
			w.event.Action = activity.SchemaCreated
		} else {
			before = was.said(fallback == id)
		}
		w.event.Before, w.event.After = activity.Diff(before, next.said(fallback == "" || fallback == id || d.Default))
		return w, nil
	})
	return created, err
}

// check says what is wrong with a schema by itself.
func check(id string, text json.RawMessage) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	if id == "" || len(id) > maxID || strings.Trim(id, ".") == "" || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return ErrInvalid.Withf("id: it is 1 to %d of letters, digits and . _ -", maxID)
	}
	if _, err := identity.ParseSchema(id, text); err != nil {
		return ErrInvalid.With("schema: " + err.Error() + ".")
	}
	return nil
}

// fits refuses what would be more than one tenant may have.
func fits(list []Stored, next *Stored, added bool) error {
	total := next.Size
	for _, s := range list {
		if s.ID != next.ID {
			total += s.Size
		}
	}
	switch {
	case added && len(list) >= maxSchemas:
		return ErrLimit.Withf("The tenant has %d identity schemas, which is as many as it may have; those that were removed count for an hour.", len(list))
	case total > maxTotal:
		return ErrLimit.Withf("The identity schemas of a tenant are at most %d bytes together; with this one they would be %d.", maxTotal, total)
	}
	return nil
}

func expected(s *Stored, expects Precondition) error {
	if expects == nil {
		return nil
	}
	if s != nil && s.Removed != nil {
		s = nil
	}
	return expects(s)
}

// Remove takes a schema that nobody follows from the context's tenant. With the last one it has the installation's again.
func (l *Library) Remove(ctx context.Context, id string, expects Precondition) error {
	if err := l.purge(ctx); err != nil {
		return err
	}
	return l.change(ctx, func(list []Stored) (*write, error) {
		was, given := find(list, id), 0
		for _, s := range list {
			if s.Removed == nil {
				given++
			}
		}
		switch {
		case was == nil || was.Removed != nil:
			return nil, identity.ErrSchema
		case given > 1 && defaultOf(list) == id:
			return nil, ErrDefault
		}
		if err := expected(was, expects); err != nil {
			return nil, err
		}
		n, err := l.Followers(ctx, id, mostCounted+1)
		if err == nil {
			err = inUse(n)
		}
		if err != nil {
			return nil, err
		}
		next, now := *was, l.Store.now()
		next.Changed, next.Removed, next.DefaultAt = now, &now, nil
		e := activity.Event{Action: activity.SchemaDeleted}
		e.Before, _ = activity.Diff(was.said(given == 1), nil)
		return &write{was: was, next: next, event: e}, nil
	})
}

func inUse(n int) error {
	switch {
	case n == 0:
		return nil
	case n > mostCounted:
		return ErrInUse.Withf("More than %d people follow this identity schema: give them another one, or delete them, first.", mostCounted)
	default:
		return ErrInUse.Withf("%d people follow this identity schema: give them another one, or delete them, first.", n)
	}
}

// purge deletes schemas that were removed long ago and that nobody follows.
func (l *Library) purge(ctx context.Context) error {
	list, err := l.Store.of(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Removed == nil || s.Removed.After(l.Store.now().Add(-withdrawnFor)) {
			continue
		}
		n, err := l.Followers(ctx, s.ID, 1)
		if err == nil && n == 0 {
			err = l.Store.delete(ctx, &s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
