package tenancy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/patch"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Errors of this package.
var (
	ErrUnknown    = fault.New(fault.NotFound, "unknown_tenant", "There is no tenant with this id.")
	ErrInvalid    = fault.New(fault.Invalid, "bad_request", "The tenant cannot be like this.")
	ErrTaken      = fault.New(fault.Conflict, "tenant_exists", "There is something of another tenant already.")
	ErrConfigured = fault.New(fault.Conflict, "tenant_is_configured", "This tenant is one of the configuration's: change it there, below `tenants`, and restart the servers.")
	ErrState      = fault.New(fault.Conflict, "tenant_state", "The tenant is not in a state in which that can be done.")
	ErrStale      = fault.New(fault.Stale, "precondition_failed", "The tenant has changed since: read it again.")
	ErrLast       = fault.New(fault.Conflict, "last_tenant", "This is the only tenant: make another one first.")
	ErrConfirm    = fault.New(fault.Invalid, "not_confirmed", "To delete a tenant with everything of its, repeat its id as the parameter confirm.")
)

// Draft is what an operator says of a tenant.
type Draft struct {
	ID       tenant.ID       `json:"id"`
	Name     string          `json:"name"`
	Hosts    []string        `json:"hosts"`
	Prefix   string          `json:"path_prefix"`
	Settings tenant.Settings `json:"settings"`
}

const (
	maxName     = 200
	maxHosts    = 100
	maxSettings = 256 << 10
)

// ParseNew reads the draft of a tenant that is to be made. One that says nothing of where it is reached is so below /t/ and its id.
func ParseNew(document []byte) (Draft, error) {
	d, err := ParseDraft(document)
	if err != nil {
		return d, err
	}
	var says struct {
		Hosts  json.RawMessage `json:"hosts"`
		Prefix json.RawMessage `json:"path_prefix"`
	}
	if err := json.Unmarshal(document, &says); err != nil {
		return d, ErrInvalid.With("The request body is not JSON that can be read.")
	}
	if d.ID.Valid() && says.Hosts == nil && says.Prefix == nil {
		d.Prefix = "/t/" + string(d.ID)
	}
	return d, nil
}

// ParseDraft reads a draft from JSON. What it does not know it refuses by its path.
func ParseDraft(document []byte) (Draft, error) {
	var d Draft
	if err := known(document, reflect.TypeFor[Draft](), ""); err != nil {
		return d, ErrInvalid.With(err.Error())
	}
	if err := json.Unmarshal(document, &d); err != nil {
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return d, ErrInvalid.Withf("%s: a JSON %s cannot stand there.", kind.Field, strings.Fields(kind.Value)[0])
		}
		return d, ErrInvalid.With("The request body is not JSON that can be read.")
	}
	return d, nil
}

var errNotObject = errors.New("the request body must be a JSON object")

// known refuses members of objects that the type has no field for. A raw message may hold anything.
func known(document []byte, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return nil
	case t.Kind() == reflect.Slice:
		var list []json.RawMessage
		_ = json.Unmarshal(document, &list) // where it is none, the decoder says so
		for i, item := range list {
			if err := known(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	case t.Kind() != reflect.Struct:
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(document, &members) != nil || members == nil {
		if path == "" {
			return errNotObject
		}
		return nil
	}
	fields := map[string]reflect.Type{}
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name], names = f.Type, append(names, name)
	}
	for name, value := range members {
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("%s is not a setting: known there are %s", join(path, name), strings.Join(names, ", "))
		}
		if err := known(value, field, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// patched applies a merge patch (RFC 7396) to a draft.
func (d Draft) patched(change []byte) (Draft, error) {
	current, err := json.Marshal(d)
	if err != nil {
		return d, err
	}
	if !json.Valid(change) {
		return d, ErrInvalid.With("The request body is not JSON that can be read.")
	}
	if change = bytes.TrimSpace(change); change[0] != '{' {
		return d, ErrInvalid.With("The request body must be a JSON object.")
	}
	merged, err := patch.Merge(current, change)
	if err != nil {
		return d, err
	}
	next, err := ParseDraft(merged)
	if err == nil && next.ID != d.ID {
		err = ErrInvalid.With("id: it is written into every row, so it never changes.")
	}
	return next, err
}

// check says everything that is wrong with a draft by itself, and brings its hosts into the form in which they compare.
func (d *Draft) check(https bool) error {
	var faults []string
	add := func(path string, err error) { faults = append(faults, path+": "+err.Error()) }
	if !d.ID.Valid() {
		add("id", fmt.Errorf("%q is not a tenant id: use 1 to 63 of a-z, 0-9 and \"-\", not at the ends", d.ID))
	}
	if !spell.Line(d.Name, maxName) {
		add("name", fmt.Errorf("it is one line of at most %d bytes", maxName))
	}
	if len(d.Hosts) > maxHosts {
		add("hosts", fmt.Errorf("there are at most %d", maxHosts))
	}
	hosts := make([]string, 0, len(d.Hosts))
	for i, h := range d.Hosts {
		name, err := tenant.ParseHost(h)
		if err == nil && slices.Contains(hosts, name) {
			err = fmt.Errorf("%q is there twice", h)
		}
		if err != nil {
			add(fmt.Sprintf("hosts[%d]", i), err)
		}
		hosts = append(hosts, name)
	}
	d.Hosts = hosts
	if d.Prefix != "" {
		if err := tenant.CheckPrefix(d.Prefix); err != nil {
			add("path_prefix", err)
		} else if len(d.Hosts) > 0 {
			add("path_prefix", errors.New("a tenant has hosts or a path prefix, not both: links could only lead to one of them. Write an empty one where it gets hosts"))
		}
	}
	if issuer := d.Settings.Issuer; issuer != "" {
		if err := tenant.CheckIssuer(issuer); err != nil {
			add("settings.issuer", err)
		} else if https && !strings.HasPrefix(issuer, "https://") {
			add("settings.issuer", errors.New("must start with https:// in production (OpenID Connect Core §2)"))
		}
	}
	if document, err := json.Marshal(d.Settings); err != nil || len(document) > maxSettings {
		add("settings", fmt.Errorf("they are at most %d bytes", maxSettings))
	}
	if len(faults) == 0 {
		return nil
	}
	return ErrInvalid.With(strings.Join(faults, "; ")).WithDetail("faults", faults)
}

// draft is the tenant as an operator would write it.
func draft(t *tenant.Tenant) Draft {
	return Draft{ID: t.ID, Name: t.Name, Hosts: slices.Clone(t.Hosts), Prefix: t.Prefix, Settings: t.Settings}
}

// same tells whether two drafts say the same.
func (d Draft) same(other Draft) bool {
	a, errA := json.Marshal(d)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// collides says with whom else of the list the draft shares a host, a prefix or an issuer.
func (d Draft) collides(list *tenant.List) error {
	for _, t := range list.All() {
		if t.ID == d.ID || t.State == tenant.Deleted {
			continue
		}
		for i, h := range d.Hosts {
			if slices.Contains(t.Hosts, h) {
				return ErrTaken.Withf("hosts[%d]: %q is a host of tenant %q.", i, h, t.ID)
			}
		}
		if d.Prefix != "" && t.Prefix != "" && tenant.Overlap(d.Prefix, t.Prefix) {
			return ErrTaken.Withf("path_prefix: %q and %q of tenant %q are the same or one lies below the other.", d.Prefix, t.Prefix, t.ID)
		}
		if i := d.Settings.Issuer; i != "" && i == t.Settings.Issuer {
			return ErrTaken.Withf("settings.issuer: %q is the issuer of tenant %q.", i, t.ID)
		}
	}
	return nil
}
