package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Config is `selfservice.methods.profile`.
type Config struct {
	// Whether people can change their traits.
	Enabled bool `yaml:"enabled" default:"true"`
}

// DefaultConfig lets people change their traits.
func DefaultConfig() Config { return Config{Enabled: true} }

// Method changes traits. Its fields are set once, by app.
type Method struct {
	// Schemas say which traits there are.
	Schemas *identity.Schemas
}

var _ selfservice.SettingsMethod = (*Method)(nil)

// errNoTraits says that a submission has nothing to change.
var errNoTraits = fault.New(fault.Invalid, "invalid_request", "Did not receive any value changes.")

// id names the method and the group of its nodes.
const id = "profile"

// ID is "profile".
func (m *Method) ID() string { return id }

// SettingsNodes asks for every trait that a form can show, filled in with what it is.
func (m *Method) SettingsNodes(ctx context.Context, _ *selfservice.Flow, who *identity.Identity) ([]*ui.Node, error) {
	s, err := m.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return nil, err
	}
	traits, err := decode(who.Traits)
	if err != nil {
		return nil, err
	}
	var nodes []*ui.Node
	for _, f := range s.Fields() {
		n := selfservice.TraitNode(f, ui.GroupProfile)
		if value, ok := f.Value(traits); ok {
			n.Attributes.Value = value
		}
		n.Attributes.Disabled = f.Disabled
		nodes = append(nodes, n)
	}
	return append(nodes, ui.Submit(ui.GroupProfile, "method", id, ui.LabelSave())), nil
}

// Privileged reports whether the submission changes what somebody signs in with, or an address that verifies or recovers.
func (m *Method) Privileged(ctx context.Context, in *selfservice.Submission) bool {
	if in.Session == nil || in.Session.Identity == nil {
		return true
	}
	who := in.Session.Identity
	s, err := m.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return true
	}
	next, err := changed(s, who.Traits, in)
	return err != nil || !sameRights(s.Extract(who.Traits), s.Extract(next))
}

// Settings puts the traits that were sent on who. The core validates them.
func (m *Method) Settings(ctx context.Context, _ *selfservice.Flow, in *selfservice.Submission, who *identity.Identity) error {
	s, err := m.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return err
	}
	next, err := changed(s, who.Traits, in)
	if err != nil {
		return err
	}
	who.Traits = next
	return nil
}

// changed gives the traits as they are after the submission. A script sends all of them. A form sends its fields, where one
// that was emptied is missing, and cannot show everything: what it cannot show stays.
func changed(s *identity.Schema, old json.RawMessage, in *selfservice.Submission) (json.RawMessage, error) {
	raw := in.Traits()
	if raw == nil {
		return nil, errNoTraits
	}
	sent, err := decode(raw)
	if err != nil {
		return nil, errNoTraits.Because(err)
	}
	now, err := decode(old)
	if err != nil {
		return nil, err
	}
	next := sent
	if in.Form {
		if next, err = decode(old); err != nil {
			return nil, err
		}
	}
	for _, f := range s.Fields() {
		from := sent
		if f.Disabled {
			from = now
		}
		value, there := f.Value(from)
		switch {
		case there:
			f.SetValue(next, value)
		case in.Form || f.Disabled:
			f.RemoveValue(next)
		}
	}
	return json.Marshal(next)
}

// sameRights tells whether traits give the same ways into the account.
func sameRights(a, b identity.Extraction) bool {
	if len(a.Identifiers) != len(b.Identifiers) {
		return false
	}
	for kind, list := range a.Identifiers {
		if !sameSet(list, b.Identifiers[kind], strings.Compare) {
			return false
		}
	}
	byValue := func(x, y identity.Address) int { return strings.Compare(x.Via+x.Value, y.Via+y.Value) }
	return sameSet(a.Verifiable, b.Verifiable, byValue) && sameSet(a.Recovery, b.Recovery, byValue)
}

func sameSet[T comparable](a, b []T, compare func(T, T) int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, compare)
	slices.SortFunc(b, compare)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// decode reads traits; numbers stay as they were written.
func decode(raw json.RawMessage) (map[string]any, error) {
	traits := map[string]any{}
	if len(raw) == 0 {
		return traits, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err := d.Decode(&traits)
	if traits == nil { // null
		traits = map[string]any{}
	}
	return traits, err
}
