package selfservice

import (
	"context"
	"errors"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// verification is the flow that proves an address:
//
//	choose_method ── address ──► sent_email ── code or link ──► passed_challenge
//	                               │  ▲
//	                               └──┘ another address, or the same again
func (h *Handler) verification() flowKind {
	c := h.Config.Flows.Verification
	return flowKind{
		kind: KindVerification, enabled: c.Enabled, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusOK, begin: h.verificationBegin, submit: h.verificationSubmit, arrive: h.verificationArrive,
	}
}

// statusOK is the status of recoveries and verifications that go on: a code that was sent, or was wrong, is no failed request.
const statusOK = 200

// verifier returns the method of that id, nil where there is none.
func (h *Handler) verifier(id string) VerificationMethod {
	for _, m := range h.Methods {
		if v, ok := m.(VerificationMethod); ok && m.ID() == id {
			return v
		}
	}
	return nil
}

func (h *Handler) verificationBegin(ctx context.Context, f *Flow, _ *Submission) error {
	use := h.Config.Flows.Verification.Use
	m := h.verifier(use)
	if m == nil {
		return errFlowDisabled
	}
	f.Active = use
	nodes, err := m.VerificationNodes(ctx, f)
	f.Form.Add(nodes...)
	return err
}

func (h *Handler) verificationSubmit(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	m := h.verifier(h.chosen(f, in, h.Config.Flows.Verification.Use))
	if m == nil {
		in.Method = ""
		return nil, ui.Reject(ui.NoMethod(KindVerification))
	}
	started := h.Now()
	v, err := m.Verify(ctx, f, in)
	switch {
	case err == nil:
		return h.verified(ctx, f, in, v)
	case errors.Is(err, ErrTriedTooOften):
		return nil, h.abandon(ctx, h.verification(), f, in)
	case errors.Is(err, ErrShowAgain):
		return h.asked(ctx, f, in, started)
	}
	return nil, err
}

// verified ends a verification: the address is marked in the transaction that spends the code, the hooks run, and the page
// says so and leads on.
func (h *Handler) verified(ctx context.Context, f *Flow, in *Submission, v *Verified) (*Answer, error) {
	who, err := h.Identities.Get(ctx, v.IdentityID)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, ui.Reject(invalidText(f))
	}
	if err != nil {
		return nil, err
	}
	after := h.Config.Flows.Verification.After
	h.markVerified(who, v.Via, v.Value)
	f.IdentityID, f.State, f.Internal.Code = who.ID, ui.StatePassedChallenge, nil
	w := Writes{Flow: f, Spend: true, Verified: []Verified{*v}}
	a := &Answer{Flow: f}
	to := h.target(f, after, f.Active)
	f.succeed(to, v.Via)
	if _, err := h.call(ctx, after.hooks(f.Active), f, in, who, nil); err != nil {
		return nil, err
	}
	with, err := h.signInVerified(ctx, f, in, who, &w, a, to)
	if err != nil {
		return nil, err
	}
	if err := h.Store.Finish(ctx, w); err != nil {
		return nil, err
	}
	f.ContinueWith = append(f.ContinueWith, with...) // a session token has no place in the database
	return a, nil
}

// signInVerified opens the session that a registration has put off until the address was proven, or that the hook session
// asks for. An OAuth login that waits for it is answered.
func (h *Handler) signInVerified(ctx context.Context, f *Flow, in *Submission, who *identity.Identity, w *Writes, a *Answer, to string) ([]ui.ContinueWith, error) {
	waiting := f.Internal.SignIn
	if waiting == nil && has(h.Config.Flows.Verification.After.hooks(f.Active), hookSession) {
		waiting = &SignIn{Method: session.AuthMethod{Method: f.Active + "_verification", AAL: session.AAL1}}
	}
	// Who is signed in already stays so: verifying another address, or in the browser of somebody else, signs nobody in.
	if waiting == nil || !who.IsActive() || in.Session != nil {
		return nil, nil
	}
	made, token := h.SessionStore.New(who, []session.AuthMethod{waiting.Method}, in.Client, h.Now())
	w.Insert, f.SessionID = made, made.ID
	if !in.Browser {
		return []ui.ContinueWith{ui.SetSessionToken(token)}, nil
	}
	a.Session, a.Token, a.Location = made, token, to
	return []ui.ContinueWith{ui.RedirectBrowser(to)}, nil
}

// succeed puts the end of a verification on the page: what was proven, and a link that leads on.
func (f *Flow) succeed(to, via string) {
	f.Form = ui.NewForm(to)
	f.Form.Method = "GET"
	label := ui.LabelContinue()
	n := ui.Anchor(f.Active, "continue", to, label)
	n.Meta.Label = &label
	f.Form.Add(n)
	if via == identity.ViaSMS {
		f.Form.Message(ui.PhoneVerified())
		return
	}
	f.Form.Message(ui.EmailVerified())
}

// markVerified notes in an identity that was read what the database is about to note.
func (h *Handler) markVerified(who *identity.Identity, via, value string) {
	now := h.Now()
	for i := range who.VerifiableAddresses {
		a := &who.VerifiableAddresses[i]
		if a.Via == via && a.Value == value && !a.Verified {
			a.Verified, a.VerifiedAt, a.Status, a.UpdatedAt = true, &now, identity.AddressCompleted, now
		}
	}
}

// beginVerification makes a flow for each address of who that waits to be verified and was sent nothing yet, and notes in who
// that it was. The caller stores the flows, with their messages, in the transaction that stores who, and has given who its id.
// It makes none where addresses are not verified.
func (h *Handler) beginVerification(ctx context.Context, parent *Flow, who *identity.Identity, in *Submission) (continuing, error) {
	var c continuing
	for i := range who.VerifiableAddresses {
		a := &who.VerifiableAddresses[i]
		if a.Verified || a.Status == identity.AddressSent {
			continue
		}
		f, with, err := h.verificationOf(ctx, parent, who, *a, in)
		if err != nil {
			return continuing{}, err
		}
		if f == nil {
			break
		}
		a.Status = identity.AddressSent
		c.flows, c.with = append(c.flows, f), append(c.with, with)
	}
	return c, nil
}

// verificationOf makes a flow that has sent its message to the address, whatever was sent there before; nil where addresses
// are not verified. It belongs to the browser or app that drives parent.
func (h *Handler) verificationOf(ctx context.Context, parent *Flow, who *identity.Identity, a identity.VerifiableAddress, in *Submission) (*Flow, ui.ContinueWith, error) {
	k := h.verification()
	m := h.verifier(h.Config.Flows.Verification.Use)
	if !k.enabled || m == nil {
		return nil, ui.ContinueWith{}, nil
	}
	f := h.blank(k, in, h.Base.Join("/self-service/verification/"+parent.Type), "")
	f.Type, f.Internal.CSRF, f.Internal.Parent = parent.Type, parent.Internal.CSRF, parent.ID
	f.TransientPayload, f.ReturnTo = parent.TransientPayload, h.afterVerification(parent)
	if f.ReturnTo != "" {
		f.RequestURL = withQuery(f.RequestURL, "return_to", f.ReturnTo)
	}
	f.Active, f.IdentityID = m.ID(), who.ID
	if err := m.BeginVerification(ctx, f, who, a, in.Lang); err != nil {
		return nil, ui.ContinueWith{}, err
	}
	page := ""
	if !f.API() {
		page = h.page(k, f, in)
	}
	return f, ui.ShowVerification(f.ID, a.Value, page), nil
}

// afterVerification is where the verification that follows a flow leads: after_verification_return_to of the flow's request,
// else where the flow itself would lead.
func (h *Handler) afterVerification(parent *Flow) string {
	u, err := url.Parse(parent.RequestURL)
	if err != nil {
		return parent.ReturnTo
	}
	if to := u.Query().Get("after_verification_return_to"); to != "" {
		if checked, err := h.returns().check(to); err == nil {
			return checked
		}
	}
	return parent.ReturnTo
}
