package oidc

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// SettingsNodes offers to link accounts at the providers where there is none, and to take the others back: but for the last way in.
func (m *Method) SettingsNodes(_ context.Context, f *selfservice.Flow, who *identity.Identity) ([]*ui.Node, error) {
	if f.API() {
		return nil, nil
	}
	has, err := links(who)
	if err != nil {
		return nil, err
	}
	ways := identity.FirstFactors(who, m.CodeSignsIn)
	linkable := m.buttons(fieldLink, func(c ProviderConfig) ui.Text { return ui.LinkProvider(c.label()) },
		func(c ProviderConfig) bool { return has[c.ID] == 0 })
	return append(linkable, m.buttons(fieldUnlink, func(c ProviderConfig) ui.Text { return ui.UnlinkProvider(c.label()) },
		func(c ProviderConfig) bool { return has[c.ID] > 0 && has[c.ID] < ways })...), nil
}

// Privileged is true: whoever finds an unlocked computer must not be able to make himself a way in.
func (m *Method) Privileged(context.Context, *selfservice.Submission) bool { return true }

// Settings links an account, or takes one back.
func (m *Method) Settings(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, who *identity.Identity) error {
	has, err := links(who)
	if err != nil {
		return err
	}
	if name := in.String(fieldUnlink); name != "" {
		if has[name] == 0 || has[name] >= identity.FirstFactors(who, m.CodeSignsIn) {
			return ui.Reject(ui.NoMethod(f.Kind))
		}
		return who.RemoveLinks(name)
	}
	name := in.String(fieldLink)
	if in.Returned != nil {
		name = in.Returned.Provider
	}
	if has[name] > 0 {
		return ui.Reject(ui.NoMethod(f.Kind))
	}
	found, _, err := m.prove(ctx, f, in, name)
	if err != nil {
		return err
	}
	other, err := m.owner(ctx, found)
	if err != nil {
		return err
	}
	if other != nil && other.ID != who.ID {
		return ui.Reject(ui.Duplicate())
	}
	return who.AddLink(found.link())
}
