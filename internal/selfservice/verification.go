package selfservice

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// verification is the flow that proves an address:
//
//	choose_method ── address ──► sent_email ── code or link ──► passed_challenge
//	                               │  ▲
//	                               └──┘ another address, or the same again
//
// An address that nobody has is answered like one that somebody has, and as fast.
func (h *Handler) verification() flowKind {
	c := h.Config.Flows.Verification
	return flowKind{
		kind: KindVerification, enabled: c.Enabled, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusOK, begin: h.verificationBegin, submit: h.verificationSubmit, arrive: h.verificationArrive,
	}
}

func (h *Handler) verificationBegin(ctx context.Context, f *Flow, _ *Submission) error {
	m := find[VerificationMethod](h.Methods, h.Config.Flows.Verification.Use)
	if m == nil {
		return errFlowDisabled
	}
	f.Active = m.ID()
	nodes, err := m.VerificationNodes(ctx, f)
	f.Form.Add(nodes...)
	return err
}

func (h *Handler) verificationArrive(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	return h.opened(ctx, h.verification(), f, in)
}

func (h *Handler) verificationSubmit(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	return h.proven(ctx, h.verification(), f, in, func(of *Flow, in *Submission) (*Answer, error) {
		m := find[VerificationMethod](h.Methods, chosen(of, in, h.Config.Flows.Verification.Use))
		if m == nil {
			in.Method = ""
			return nil, ui.Reject(ui.NoMethod(KindVerification))
		}
		v, err := m.Verify(ctx, of, in)
		if err != nil {
			return nil, err
		}
		return h.verified(ctx, of, f, in, v)
	})
}

// verified ends a verification: the address is marked in the transaction that spends the code, and the page says so and leads
// on. of is the flow that sent the code, f the one that the client drives; most often they are the same.
func (h *Handler) verified(ctx context.Context, of, f *Flow, in *Submission, v *Verified) (*Answer, error) {
	who, err := h.Identities.Get(ctx, v.IdentityID)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, ui.Reject(ui.LinkInvalid(KindVerification)) // it was deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(who.VerifiableAddresses, func(a identity.VerifiableAddress) bool { return a.Via == v.Via && a.Value == v.Value }) {
		return nil, ui.Reject(ui.StateFailure(KindVerification)) // the person has another address now
	}
	hooks := h.Config.Flows.Verification.After.hooks(of.Active)
	h.markVerified(who, v.Via, v.Value)
	to := h.target(ctx, of, h.Config.Flows.Verification.After, of.Active)
	w := Writes{Flow: of, Spend: true, Verified: []Verified{*v}}
	token := ""
	// A link that is opened elsewhere verifies the address and signs nobody in: the person there need not be who registered.
	if of == f && (!in.Get || in.Holder) {
		token = h.signInVerified(of, in, who, hooks, &w)
	}
	if err := h.interrupt(ctx, hooks, f, in, who, w.Insert); err != nil {
		return nil, err // with the flow as it was: the same code may be tried again
	}
	a := &Answer{Flow: f}
	f.succeed(who.ID, to, v.Via)
	of.passed(f)
	if err := h.Store.Finish(ctx, w); err != nil {
		return nil, err
	}
	h.notify(ctx, hooks, f, in, who, w.Insert)
	if w.Insert != nil {
		a.signsIn(in, who, w.Insert, token, to)
	}
	return a, h.echo(ctx, of, f)
}

// signInVerified opens the session that a registration has put off until its address was proven, or that the hook session
// asks for. Who is signed in stays so: an address may be verified in the browser of somebody else.
func (h *Handler) signInVerified(of *Flow, in *Submission, who *identity.Identity, hooks []HookConfig, w *Writes) (token string) {
	waiting := of.Internal.SignIn
	if waiting != nil && of.IdentityID != who.ID {
		waiting = nil // another address was typed in the meantime, and it is somebody else's
	}
	if waiting == nil && has(hooks, hookSession) {
		waiting = &SignIn{Method: session.AuthMethod{Method: of.Active, AAL: session.AAL1}}
	}
	if waiting == nil || in.Session != nil || !who.IsActive() {
		return ""
	}
	w.Insert, token = h.SessionStore.New(who, []session.AuthMethod{waiting.Method}, in.Client, h.Now())
	of.SessionID = w.Insert.ID
	return token
}

// signsIn hands over the new session: browsers get its cookie and go on, native apps its token.
func (a *Answer) signsIn(in *Submission, who *identity.Identity, s *session.Session, token, to string) {
	if in.Browser {
		a.Session, a.Token, a.Location = s, token, to
		return
	}
	a.Flow, a.Body = nil, registered{
		Token: token, Session: s, Identity: who.Public(), ContinueWith: []ui.ContinueWith{ui.SetSessionToken(token)},
	}
}

// succeed puts the end of a verification on the page: what was proven, and a link that leads on.
func (f *Flow) succeed(identityID, to, via string) {
	f.State, f.IdentityID, f.Internal.Code = ui.StatePassedChallenge, identityID, nil
	f.Form = ui.NewForm(to)
	f.Form.Method = "GET"
	f.leadOn(to)
	if via == identity.ViaSMS {
		f.Form.Message(ui.PhoneVerified())
		return
	}
	f.Form.Message(ui.EmailVerified())
}

// leadOn adds the link that leads on to a form that has ended.
func (f *Flow) leadOn(to string) {
	label := ui.LabelContinue()
	n := ui.Anchor(f.Active, "continue", to, label)
	n.Meta.Label = &label
	f.Form.Add(n)
}

// markVerified notes in an identity that was read what the database is about to note.
func (h *Handler) markVerified(who *identity.Identity, via, value string) {
	h.prove(who, []Verified{{Via: via, Value: value}})
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
		switch {
		case errors.Is(err, ErrUnreachable):
			continue
		case err != nil:
			return continuing{}, err
		case f == nil:
			return c, nil
		}
		a.Status = identity.AddressSent
		c.flows, c.with = append(c.flows, f), append(c.with, with)
	}
	return c, nil
}

// verificationOf is verificationMade with its message counted: where too many were sent to the address there is none.
func (h *Handler) verificationOf(ctx context.Context, parent *Flow, who *identity.Identity, a identity.VerifiableAddress, in *Submission) (*Flow, ui.ContinueWith, error) {
	f, with, err := h.verificationMade(ctx, parent, who, a, in)
	if f != nil && f.MaySend(ctx, h.Limits, in, a.Value) != nil {
		f.outbox = nil // the flow looks as always: who registers must not find out what others had sent there
	}
	return f, with, err
}

// verificationMade makes a flow that has sent its message to the address, whatever was sent there before; nil where addresses
// are not verified. It belongs to the browser or app that drives parent.
func (h *Handler) verificationMade(ctx context.Context, parent *Flow, who *identity.Identity, a identity.VerifiableAddress, in *Submission) (*Flow, ui.ContinueWith, error) {
	k := h.verification()
	m := find[VerificationMethod](h.Methods, h.Config.Flows.Verification.Use)
	if !k.enabled || m == nil {
		return nil, ui.ContinueWith{}, nil
	}
	f := h.blank(ctx, k, in, h.Base.Join(ctx, "/self-service/verification/"+parent.Type), "")
	f.Type, f.Internal.CSRF, f.Internal.Parent = parent.Type, parent.Internal.CSRF, parent.ID
	f.TransientPayload, f.ReturnTo = parent.TransientPayload, h.afterVerification(ctx, parent)
	if f.ReturnTo != "" {
		f.RequestURL = withQuery(f.RequestURL, "return_to", f.ReturnTo)
	}
	f.Active, f.IdentityID = m.ID(), who.ID
	if err := m.BeginVerification(ctx, f, who, a, in.Lang); err != nil {
		return nil, ui.ContinueWith{}, err
	}
	page := ""
	if !f.API() {
		page = h.page(ctx, k, f)
	}
	return f, ui.ShowVerification(f.ID, a.Value, page), nil
}

// afterVerification is where the verification that follows a flow leads: after_verification_return_to of the flow's request,
// else where the flow itself would lead.
func (h *Handler) afterVerification(ctx context.Context, parent *Flow) string {
	u, err := url.Parse(parent.RequestURL)
	if err != nil {
		return parent.ReturnTo
	}
	if to := u.Query().Get("after_verification_return_to"); to != "" {
		if checked, err := h.returns(ctx).check(to); err == nil {
			return checked
		}
	}
	return parent.ReturnTo
}
