package oidc

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// RegistrationNodes offers the providers, or to go on with the one that said already who it is.
func (m *Method) RegistrationNodes(_ context.Context, f *selfservice.Flow, _ *identity.Schema) ([]*ui.Node, error) {
	if found := remembered(f); found != nil {
		label := func(ProviderConfig) ui.Text { return ui.RegistrationContinue() }
		return m.buttons(fieldProvider, label, func(c ProviderConfig) bool { return c.ID == found.Provider }), nil
	}
	return m.buttons(fieldProvider, func(c ProviderConfig) ui.Text { return ui.SignUpWith(c.label(), c.ID) }, nil), nil
}

// Complete fills in what the provider says of the person. Who has an account here already signs in with it.
func (m *Method) Complete(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, draft *identity.Identity) error {
	found, p, err := m.prove(ctx, f, in, in.String(fieldProvider))
	if err != nil {
		return err
	}
	who, err := m.owner(ctx, found)
	if err != nil {
		return err
	}
	if who != nil && !who.Unproven {
		return &selfservice.Turn{To: selfservice.KindLogin, Proven: found}
	}
	s, err := m.Schemas.Get(ctx, draft.SchemaID)
	if err != nil {
		return err
	}
	made, err := m.mapped(ctx, p, s, found.Claims)
	if err != nil {
		return m.failed(ctx, p, err)
	}
	typed := draft.Traits
	if in.Traits() == nil && found.Traits != nil { // on the page from which the person went to the provider
		typed = found.Traits
	}
	if draft.Traits, err = merged(s, typed, made.Traits); err != nil {
		return m.failed(ctx, p, err)
	}
	draft.MetadataPublic, draft.MetadataAdmin = made.MetadataPublic, made.MetadataAdmin
	found.Verified = made.Verified
	f.Internal.Proven = id
	return f.Remember(id, found)
}

// Register gives the draft the account.
func (m *Method) Register(_ context.Context, f *selfservice.Flow, _ *selfservice.Submission, draft *identity.Identity) (*selfservice.Registered, error) {
	found := remembered(f)
	if found == nil {
		return nil, ui.Reject(ui.NoMethod(f.Kind))
	}
	how := &selfservice.Registered{Method: m.proof(found)}
	for _, a := range found.Verified {
		value, ok := identity.NormalizeAddress(a.Via, a.Value)
		if ok && slices.ContainsFunc(draft.VerifiableAddresses, func(v identity.VerifiableAddress) bool { return v.Via == a.Via && v.Value == value }) {
			how.Verified = append(how.Verified, selfservice.Verified{Via: a.Via, Value: value})
		}
	}
	return how, draft.AddLink(found.link())
}
