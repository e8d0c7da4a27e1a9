package selfservice

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// templateTaken is the message to the owner of an address which somebody tried to register.
const templateTaken = courier.RegistrationDuplicate

// child makes a flow that comes out of another one and belongs to the same browser or app. It is not stored yet.
func (h *Handler) child(ctx context.Context, k flowKind, parent *Flow, in *Submission) *Flow {
	f := h.blank(ctx, k, in, parent.RequestURL, "")
	f.Type, f.Internal.CSRF, f.Internal.Parent = parent.Type, parent.Internal.CSRF, parent.ID
	f.OrganizationID, f.TransientPayload = parent.OrganizationID, parent.TransientPayload
	return f
}

// verifyToo adds verification flows of the addresses that are not verified, and leads the person to the first of them where a
// hook says so. Afterwards the verification goes on to where the answer would have gone.
func (h *Handler) verifyToo(ctx context.Context, f *Flow, in *Submission, who *identity.Identity, hooks []HookConfig, w *Writes, a *Answer) error {
	a.returnTo = a.Location
	if f.LoginChallenge != "" {
		a.returnTo = h.loginURL(ctx, "login_challenge", f.LoginChallenge) // who is signed in by then is sent on to the client
	}
	made, err := h.beginVerification(ctx, f, who, in)
	if err != nil || len(made.flows) == 0 {
		return err
	}
	for _, v := range made.flows {
		if v.ReturnTo == "" {
			v.ReturnTo = a.Location
		}
	}
	w.More = append(w.More, made.flows...)
	f.ContinueWith = append(f.ContinueWith, made.with...)
	if has(hooks, hookShowVerification) {
		h.verifyFirst(ctx, f, w, a)
	}
	return nil
}

// verifyFirst leads the person to the first verification. An OAuth client waits until it is over.
func (h *Handler) verifyFirst(ctx context.Context, f *Flow, w *Writes, a *Answer) {
	a.Location, a.verifyFirst = h.page(ctx, h.verification(), w.More[0]), true
	if f.LoginChallenge == "" {
		return
	}
	for _, v := range w.More {
		v.ReturnTo = a.returnTo
	}
}

// interrupt runs the web hooks that may stop the flow.
func (h *Handler) interrupt(ctx context.Context, hooks []HookConfig, f *Flow, in *Submission, who *identity.Identity, s *session.Session) error {
	_, err := h.call(ctx, waited(hooks, true), f, in, who, s)
	return err
}

// amended runs the web hooks that may stop the flow or change the identity before it is stored.
func (h *Handler) amended(ctx context.Context, hooks []HookConfig, f *Flow, in *Submission, who *identity.Identity) error {
	reply, err := h.call(ctx, waited(hooks, true), f, in, who, nil)
	if err != nil || reply == nil || reply.Identity == nil {
		return err
	}
	if err := patch(who, reply.Identity); err != nil {
		return err
	}
	return h.Identities.Prepare(ctx, who)
}

// notify runs the web hooks that are told when all is done. Their failures are logged: what was done is done.
func (h *Handler) notify(ctx context.Context, hooks []HookConfig, f *Flow, in *Submission, who *identity.Identity, s *session.Session) {
	if _, err := h.call(ctx, waited(hooks, false), f, in, who, s); err != nil && h.Log != nil {
		h.Log.WarnContext(ctx, "a hook failed after the flow had ended", "flow", f.Kind, "identity_id", who.ID, "error", err)
	}
}

// waited returns the web hooks whose answer counts, or the others.
func waited(hooks []HookConfig, counts bool) []HookConfig {
	var out []HookConfig
	for _, c := range hooks {
		if c.Hook == hookWeb && (c.Config.Response.Parse || c.Config.CanInterrupt) == counts {
			out = append(out, c)
		}
	}
	return out
}
