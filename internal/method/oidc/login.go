package oidc

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// LoginNodes offers the providers. Somebody who is to sign in anew is offered those where there is an account; who signs in to link
// one, the others.
func (m *Method) LoginNodes(ctx context.Context, f *selfservice.Flow) ([]*ui.Node, error) {
	if f.AAL == session.AAL2 {
		return nil, nil
	}
	label := func(c ProviderConfig) ui.Text { return ui.SignInWith(c.label(), c.ID) }
	if f.Refresh {
		has, err := m.linked(ctx, f.IdentityID)
		if err != nil {
			return nil, err
		}
		return m.buttons(fieldProvider, label, func(c ProviderConfig) bool { return has[c.ID] > 0 }), nil
	}
	waiting := ""
	if found := remembered(f); found != nil && f.Internal.Link != "" {
		waiting = found.Provider
	}
	return m.buttons(fieldProvider, label, func(c ProviderConfig) bool { return c.ID != waiting }), nil
}

// linked counts the accounts of an identity by provider.
func (m *Method) linked(ctx context.Context, identityID string) (map[string]int, error) {
	who, err := m.Identities.WithCredentials(ctx, identityID)
	if err != nil {
		return nil, err
	}
	return links(who)
}

func links(who *identity.Identity) (map[string]int, error) {
	all, err := who.Links()
	if err != nil {
		return nil, err
	}
	has := make(map[string]int, len(all))
	for _, l := range all {
		has[l.Provider]++
	}
	return has, nil
}

// remembered is what the flow remembers of a proof; nil where there is none.
func remembered(f *selfservice.Flow) *proven {
	var found proven
	if !f.Recall(id, &found) {
		return nil
	}
	return &found
}

// Login finds out whose account at the provider it is. Who has none here registers.
func (m *Method) Login(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Identified, error) {
	if f.AAL == session.AAL2 {
		return nil, ui.Reject(ui.NoMethod(ui.Login))
	}
	found, _, err := m.prove(ctx, f, in, in.String(fieldProvider))
	if err != nil {
		return nil, err
	}
	stranger := &selfservice.Turn{To: selfservice.KindRegistration, Proven: found}
	who, err := m.owner(ctx, found)
	switch {
	case err != nil:
		return nil, err
	case who == nil:
		return nil, stranger
	}
	f.About(who.ID)
	if who.Unproven && (in.Session == nil || in.Session.IdentityID != who.ID) {
		// As if nobody had registered: that one could, would tell that the address was free.
		return nil, &selfservice.Unproven{Who: who, Said: stranger}
	}
	return &selfservice.Identified{Identity: who, Method: m.proof(found)}, nil
}

// owner is who has the account here; nil where nobody has.
func (m *Method) owner(ctx context.Context, found *proven) (*identity.Identity, error) {
	who, err := m.Identities.ByIdentifier(ctx, id, identity.LinkIdentifier(found.Provider, found.Subject))
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	return who, err
}

// Named is what people call the provider of which the flow remembers a proof.
func (m *Method) Named(f *selfservice.Flow) string {
	if found := remembered(f); found != nil {
		if p := m.provider(found.Provider); p != nil {
			return p.c.label()
		}
	}
	return ""
}

// Link gives who the account of which the flow remembers a proof.
func (m *Method) Link(_ context.Context, f *selfservice.Flow, who *identity.Identity) error {
	found := remembered(f)
	if found == nil {
		return ui.Reject(ui.NoMethod(f.Kind))
	}
	return who.AddLink(found.link())
}
