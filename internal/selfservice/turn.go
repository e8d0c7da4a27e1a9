package selfservice

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// maxTurns is how often one submission may go on as another kind of flow: a login, as a registration, as a login that links.
const maxTurns = 2

// turn goes on as another kind of flow with what the method has proven, and hands it the submission. The flow before is spent.
func (h *Handler) turn(ctx context.Context, k flowKind, f *Flow, in *Submission, t *Turn) (flowKind, *Flow, *Answer, error) {
	to := h.login()
	if t.To == KindRegistration {
		to = h.registration()
	}
	if !to.enabled {
		return k, f, nil, ui.Reject(ui.AccountNotFound())
	}
	next := h.child(ctx, to, f, in)
	next.ReturnTo, next.LoginChallenge, next.OAuthRequest = f.ReturnTo, f.LoginChallenge, f.OAuthRequest
	next.ExchangeCode, next.Internal.ReturnCode = f.ExchangeCode, f.Internal.ReturnCode
	next.Active, next.Internal.Proven, next.Internal.Link = in.Method, in.Method, t.link
	err := next.Remember(in.Method, t.Proven)
	if err == nil {
		err = h.ask(ctx, next)
	}
	if err == nil {
		err = h.runBefore(ctx, to.before, next, in)
	}
	if err != nil {
		return k, f, nil, err
	}
	w := Writes{Flow: f, Spend: true, More: []*Flow{next}}
	if f.ExchangeCode != "" {
		w.Hand = next.ID
	}
	if err := h.Store.Finish(ctx, w); err != nil {
		return k, f, nil, err
	}
	next.began = f.began
	if t.link != "" {
		for _, said := range t.said {
			next.Form.Message(said)
		}
		next.Form.SetValue(fieldIdentifier, t.link)
		return to, next, nil, ErrShowAgain
	}
	a, err := to.submit(ctx, next, in)
	return to, next, a, err
}

// ask fills in the form of a login or registration that nobody has begun.
func (h *Handler) ask(ctx context.Context, f *Flow) error {
	if f.Kind == KindLogin {
		f.AAL = session.AAL1
		return h.askLogin(ctx, f)
	}
	s, err := h.Schemas.Chosen(ctx, "")
	if err != nil {
		return err
	}
	f.SchemaID = s.ID
	return h.askRegistration(ctx, f, s, nil)
}

// linkInstead answers somebody who has proven an account at another provider and cannot register, because the identifier is that
// of an account here: whoever signs in to that one has both.
func (h *Handler) linkInstead(ctx context.Context, f *Flow, draft *identity.Identity, cause error) error {
	cause = h.Identities.Conflict(ctx, draft, cause)
	if slices.Contains(identity.Taken(cause), f.Internal.Proven) {
		return &Turn{To: KindLogin, Proven: f.Internal.Method[f.Internal.Proven]} // registered by another request, this moment
	}
	m := find[LinkingMethod](h.Methods, f.Internal.Proven)
	identifier := h.identifierOf(ctx, draft)
	if m == nil || identifier == "" {
		return h.duplicate(ctx, f, draft, cause)
	}
	return &Turn{To: KindLogin, Proven: f.Internal.Method[f.Internal.Proven], link: identifier, said: []ui.Text{ui.LoginLink(ui.Linking{
		Identifier: identifier, Provider: m.Named(f), NewLoginURL: h.Base.Join(ctx, "/self-service/login/browser"),
	})}}
}

// link gives who signs in the credential that waits in the flow, where the account is the one that it waits for. Who would need a
// second factor to change the account gets it in the settings.
func (h *Handler) link(ctx context.Context, f *Flow, who *identity.Identity, s *session.Session, w *Writes) error {
	if f.Internal.Link == "" {
		return nil
	}
	m := find[LinkingMethod](h.Methods, f.Internal.Proven)
	enough := h.Sessions.Satisfied(ctx, s, h.Config.Flows.Settings.RequiredAAL) == nil
	if m == nil || !enough {
		return nil
	}
	schema, err := h.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return err
	}
	if !owns(schema.Extract(who.Traits), f.Internal.Link) {
		return ui.Reject(ui.LinkedCredentialsDiffer())
	}
	whole := w.Update // what a proof of the address has left
	if whole == nil {
		if whole, err = h.Identities.WithCredentials(ctx, who.ID); err != nil {
			return err
		}
	}
	if err := m.Link(ctx, f, whole); err != nil {
		return err
	}
	w.Update = whole
	return nil
}

// owns tells whether an identifier is one that follows from the traits.
func owns(found identity.Extraction, identifier string) bool {
	for _, list := range found.Identifiers {
		if slices.Contains(list, identifier) {
			return true
		}
	}
	return false
}
