package selfservice

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// settings is the flow in which somebody who is signed in changes their traits and credentials. It may be submitted again and
// again until it expires.
func (h *Handler) settings() flowKind {
	c := h.Config.Flows.Settings
	return flowKind{
		kind: KindSettings, enabled: true, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusOK, begin: h.beginSettings, submit: h.submitSettings, mayFetch: h.ownSettings,
	}
}

func (h *Handler) beginSettings(ctx context.Context, f *Flow, in *Submission) error {
	if err := h.mayChange(ctx, in, in.Request.RequestURL); err != nil {
		return err
	}
	f.IdentityID, f.SessionID, f.State = in.Session.IdentityID, in.Session.ID, ui.StateShowForm
	who, err := h.Identities.WithCredentials(ctx, f.IdentityID)
	if err != nil {
		return err
	}
	return h.askSettings(ctx, f, who)
}

// mayChange makes sure that somebody is signed in, with a second factor where one is there. back is where a browser comes back
// to when it was sent to sign in.
func (h *Handler) mayChange(ctx context.Context, in *Submission, back string) error {
	if in.Session == nil {
		return &Redirect{Location: h.loginURL(ctx, "return_to", back), Fault: session.ErrNoSession}
	}
	if err := h.Sessions.Satisfied(ctx, in.Session, h.Config.Flows.Settings.RequiredAAL); err != nil {
		return &Redirect{Location: withQuery(h.loginURL(ctx, "aal", session.AAL2), "return_to", back), Fault: err}
	}
	return nil
}

// ownSettings keeps others from a person's settings.
func (h *Handler) ownSettings(ctx context.Context, f *Flow, in *Submission) error {
	if err := h.mayChange(ctx, in, h.page(ctx, h.settings(), f)); err != nil {
		return err
	}
	if f.IdentityID != in.Session.IdentityID {
		return errIdentityMismatch
	}
	return nil
}

// askSettings puts the nodes of the methods into the form.
func (h *Handler) askSettings(ctx context.Context, f *Flow, who *identity.Identity) error {
	f.Form.Nodes = slices.DeleteFunc(f.Form.Nodes, func(n *ui.Node) bool { return n.Key() != csrfField })
	for _, m := range h.Methods {
		sm, ok := m.(SettingsMethod)
		if !ok {
			continue
		}
		nodes, err := sm.SettingsNodes(ctx, f, who)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			f.Form.Upsert(n)
		}
	}
	s, err := h.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return err
	}
	f.Form.Sort(ui.OrderOf(KindSettings, names(s)...))
	return nil
}

func (h *Handler) submitSettings(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	if err := h.ownSettings(ctx, f, in); err != nil {
		return nil, err
	}
	m := find[SettingsMethod](h.Methods, in.Method)
	if m == nil {
		in.Method = ""
		return nil, ui.Reject(ui.NoMethod(KindSettings))
	}
	s, err := h.Schemas.Get(ctx, in.Session.Identity.SchemaID)
	if err != nil {
		return nil, err
	}
	in.Coerce(s)
	if m.Privileged(ctx, in) && h.Now().Sub(in.Session.AuthenticatedAt) > h.Config.Flows.Settings.PrivilegedSessionMaxAge {
		return nil, h.proveAgain(ctx, f, in)
	}
	for try := 0; ; try++ {
		a, err := h.change(ctx, f, in, m)
		// Somebody else, an administrator for example, changed the identity at the same time: what the person wants is
		// applied to what it is now.
		if !errors.Is(err, identity.ErrChanged) || try == 2 {
			return a, err
		}
	}
}

// proveAgain sends the person to sign in once more. What was typed waits in the form; secrets are typed anew.
func (h *Handler) proveAgain(ctx context.Context, f *Flow, in *Submission) error {
	f.Form.Clear()
	f.typed(in)
	if err := h.Store.Save(ctx, f); err != nil {
		return err
	}
	back := h.page(ctx, h.settings(), f)
	return &Redirect{Location: withQuery(h.loginURL(ctx, "refresh", "true"), "return_to", back), Fault: errRefresh}
}

func (h *Handler) change(ctx context.Context, f *Flow, in *Submission, m SettingsMethod) (*Answer, error) {
	who, err := h.Identities.WithCredentials(ctx, f.IdentityID)
	if err != nil {
		return nil, err
	}
	before := who.Clone()
	if err := m.Settings(ctx, f, in, who); err != nil {
		return nil, err
	}
	if err := h.Identities.Prepare(ctx, who); err != nil {
		return nil, err
	}
	if err := h.mayAskForOthers(ctx, before, who); err != nil {
		return nil, err
	}
	after := h.Config.Flows.Settings.After
	hooks := after.hooks(in.Method)
	if err := h.amended(ctx, hooks, f, in, who); err != nil {
		return nil, err
	}
	f.Active, f.State, f.shown, f.ContinueWith = in.Method, ui.StateSuccess, who, nil
	who.Unproven = false // whoever let the person in here
	w := Writes{Flow: f, Update: who}
	a := &Answer{Flow: f, Location: h.afterSettings(ctx, f, in, after)}
	if has(hooks, hookRevoke) {
		w.RevokeAll, w.RevokeBut = who.ID, in.Session.ID
	}
	if fresh := newAddresses(before, who); len(fresh) > 0 {
		if err := h.verifyToo(ctx, f, in, only(who, fresh), hooks, &w, a); err != nil {
			return nil, err
		}
	}
	f.Form.Clear()
	if err := h.askSettings(ctx, f, who); err != nil {
		return nil, err
	}
	f.Form.Message(ui.Saved())
	if err := h.Store.Finish(ctx, w); err != nil {
		f.State, f.ContinueWith = ui.StateShowForm, nil
		return nil, h.notChanged(ctx, who, err)
	}
	h.notify(ctx, hooks, f, in, who, in.Session)
	return a, nil
}

// Who is signed in learns from a change that is refused that somebody else has the address. Hiding that would take a change that
// waits until the address is proven, whoever has it, and so is seen nowhere before: clients of Kratos expect it at once. So it is
// told, to few: after some such answers an account waits, longer each time, whatever it changes in between.

// mayAskForOthers refuses a change of traits by who was told too often that others have what they chose.
func (h *Handler) mayAskForOthers(ctx context.Context, before, now *identity.Identity) error {
	if !h.Config.AccountEnumeration.Mitigate || bytes.Equal(before.Traits, now.Traits) {
		return nil
	}
	return h.Limits.Locked(ctx, takenKey(now))
}

// notChanged says why an identity could not be written, and counts how often others had what was chosen.
func (h *Handler) notChanged(ctx context.Context, who *identity.Identity, err error) error {
	if !errors.Is(err, identity.ErrExists) {
		return err
	}
	if h.Config.AccountEnumeration.Mitigate {
		if err := h.Limits.Failed(ctx, takenKey(who)); err != nil {
			return err
		}
	}
	return ui.Reject(ui.Duplicate())
}

// takenKey is what such answers are counted for in the limits.
func takenKey(who *identity.Identity) string { return "settings:taken:" + who.ID }

// afterSettings is where the browser goes: back to the settings, where nothing else is said.
func (h *Handler) afterSettings(ctx context.Context, f *Flow, in *Submission, after AfterConfig) string {
	if f.ReturnTo == "" && after.returnTo(in.Method) == "" {
		return h.page(ctx, h.settings(), f)
	}
	return h.target(ctx, f, after, in.Method)
}

// newAddresses are those that need to be verified since the change.
func newAddresses(before, now *identity.Identity) []identity.VerifiableAddress {
	var fresh []identity.VerifiableAddress
	for _, a := range now.VerifiableAddresses {
		if !a.Verified && !slices.ContainsFunc(before.VerifiableAddresses, func(b identity.VerifiableAddress) bool {
			return b.Via == a.Via && b.Value == a.Value
		}) {
			fresh = append(fresh, a)
		}
	}
	return fresh
}

// only is the identity with some of its addresses.
func only(who *identity.Identity, addresses []identity.VerifiableAddress) *identity.Identity {
	c := who.Clone()
	c.VerifiableAddresses = addresses
	return c
}

// settingsAfterRecovery makes the settings flow, not stored yet, in which somebody who recovered an account chooses a new
// password. s is the session that the recovery opens, f the flow of the recovery.
func (h *Handler) settingsAfterRecovery(ctx context.Context, f *Flow, in *Submission, s *session.Session) (*Flow, error) {
	k := h.settings()
	next := h.child(ctx, k, f, in)
	next.ReturnTo = f.ReturnTo
	next.IdentityID, next.SessionID, next.State = s.IdentityID, s.ID, ui.StateShowForm
	who, err := h.Identities.WithCredentials(ctx, s.IdentityID)
	if err != nil {
		return nil, err
	}
	next.Form.Message(ui.RecoverySuccessful(s.AuthenticatedAt.Add(h.Config.Flows.Settings.PrivilegedSessionMaxAge), h.Now()))
	return next, h.askSettings(ctx, next, who)
}
