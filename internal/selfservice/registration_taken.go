package selfservice

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// taken answers a registration whose identifier somebody has. Where nobody may find out, it looks as if it had succeeded, and
// only the owner of the address learns otherwise.
func (h *Handler) taken(ctx context.Context, f *Flow, draft *identity.Identity, w Writes, a *Answer, err error) (*Answer, error) {
	if !errors.Is(err, identity.ErrExists) {
		return nil, err
	}
	if !h.hides(&w, a) && f.Internal.Proven != "" {
		return nil, h.linkInstead(ctx, f, draft, err)
	}
	if !h.hides(&w, a) {
		f.State, f.ContinueWith, f.Internal.Code = ui.StateChooseMethod, nil, nil
		return nil, h.duplicate(ctx, f, draft, err)
	}
	pretend := Writes{Flow: f, Spend: true, More: w.More}
	for _, v := range w.More {
		h.hollow(ctx, v)
	}
	if err := h.Store.Finish(ctx, pretend); err != nil {
		return nil, err
	}
	return a, h.registeredAnswer(ctx, f, draft, a)
}

// duplicate says that somebody has the identifier, in the first step of two, where it can be changed.
func (h *Handler) duplicate(ctx context.Context, f *Flow, draft *identity.Identity, cause error) error {
	said := ui.Duplicate()
	if h.Config.Flows.Registration.LoginHints && !h.Config.AccountEnumeration.Mitigate {
		said = h.hinted(ctx, draft, said)
	}
	invalid := ui.Reject(said)
	s, err := h.Schemas.Get(ctx, f.SchemaID)
	if err != nil {
		return errors.Join(cause, err)
	}
	return h.reopen(ctx, f, s, invalid)
}

// hinted tells which credentials the owner of the identifier has.
func (h *Handler) hinted(ctx context.Context, draft *identity.Identity, plain ui.Text) ui.Text {
	identifier := h.identifierOf(ctx, draft)
	for _, kind := range []string{identity.Password, identity.Code} {
		who, err := h.Identities.ByIdentifier(ctx, kind, identifier)
		if err != nil {
			continue
		}
		if who, err = h.Identities.WithCredentials(ctx, who.ID); err != nil {
			continue
		}
		var types []string
		for t := range who.Credentials {
			types = append(types, t)
		}
		slices.Sort(types)
		return ui.DuplicateWithHints(types, nil, identifier)
	}
	return plain
}

// hollow takes out of a verification flow what could verify anything, because the address is not the person's who registered:
// its code answers to nobody, and the message becomes one to the owner of the address. It was counted when it was made, and is not
// counted again: how much may still be sent to an address must not tell whether somebody has it.
func (h *Handler) hollow(ctx context.Context, f *Flow) {
	if f.Internal.Code != nil {
		f.Internal.Code.Digest, f.Internal.Code.IdentityID = secret.Digest(secret.Random(32)), ""
	}
	f.IdentityID, f.Internal.SignIn = "", nil
	for i := range f.outbox {
		m := &f.outbox[i]
		m.Template = templateTaken
		m.Data = map[string]any{"to": m.Recipient, "request_url": f.RequestURL, "recovery_url": h.Base.Join(ctx, "/self-service/recovery/browser")}
	}
}
