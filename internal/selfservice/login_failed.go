package selfservice

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// reasonRejected is the reason of a failure that the person was shown a message about.
const reasonRejected = "rejected"

// failed tells the web hooks of failed logins of one, with its reason; what they answer counts for nothing. who is whose login it
// was, where that was proven.
func (h *Handler) failed(ctx context.Context, f *Flow, in *Submission, who *identity.Identity, why error) {
	list := webHooks(h.Config.Flows.Login.After.Failed.Hooks)
	if len(list) == 0 || !attempted(why) {
		return
	}
	f.OnBeat() // what hooks are told takes time, and more where there is somebody to tell of
	f.typed(in)
	c := in.Request
	c.Failure = h.failure(f, in, why)
	if who == nil {
		var err error
		if who, err = h.meant(ctx, f, in, c.Failure.Identifier); err != nil && h.Log != nil {
			h.Log.WarnContext(ctx, "a hook on failed logins is not told who was meant", "error", err)
		}
	}
	if _, err := h.tell(ctx, list, c, f, in, who, nil); err != nil && h.Log != nil {
		h.Log.WarnContext(ctx, "a hook on failed logins failed", "error", err)
	}
}

// shut tells whether an account lets nobody in, though the proof was right. What a hook refused, the operator knows already.
func shut(err error) bool {
	if errors.Is(err, session.ErrIdentityDisabled) || errors.Is(err, errOutdated) {
		return true
	}
	invalid, ok := errors.AsType[*ui.Invalid](err)
	return ok && invalid.Texts[0].Text.ID == ui.AddressNotVerified().ID
}

// attempted tells a wrong proof from a form that was not filled in, and from our own failures.
func attempted(err error) bool {
	if invalid, ok := errors.AsType[*ui.Invalid](err); ok {
		missing := ui.Required("").ID
		return slices.ContainsFunc(invalid.Texts, func(t ui.FieldText) bool { return t.Text.ID != missing })
	}
	return wrongProof(err) || fault.From(err).Kind == fault.Limited || shut(err)
}

// wrongProof tells whether a method has refused a proof and says so in the flow itself.
func wrongProof(err error) bool { return errors.Is(err, ErrWrong) || errors.Is(err, ErrTriedTooOften) }

// failure puts together why a login failed.
func (h *Handler) failure(f *Flow, in *Submission, why error) *hook.Failure {
	told := &hook.Failure{Method: in.Method, Identifier: in.String(fieldIdentifier)}
	if told.Identifier == "" {
		told.Identifier = in.String("password_identifier") // what old clients of Kratos send
	}
	if told.Identifier == "" {
		told.Identifier = f.Identifier
	}
	if len(told.Identifier) > maxKept {
		told.Identifier = ""
	}
	if invalid, ok := errors.AsType[*ui.Invalid](why); ok {
		text := invalid.Texts[0].Text
		told.Reason, told.MessageID, told.Message = reasonRejected, text.ID, text.Text
		return told
	}
	if wrongProof(why) {
		told.Reason = reasonRejected
		return told
	}
	shown := fault.From(why)
	told.Reason, told.Message = shown.Code, shown.Message
	return told
}

// meant finds out whose account a failed login was about: of who is signed in already, of who was sent a code, or of whom the
// identifier belongs to. It is nil where there is nobody.
func (h *Handler) meant(ctx context.Context, f *Flow, in *Submission, identifier string) (who *identity.Identity, err error) {
	switch sent := f.Internal.Code; {
	case in.Session != nil:
		return in.Session.Identity, nil
	case sent != nil && in.Method == identity.Code && sent.IdentityID == "":
		return nil, nil
	case sent != nil && in.Method == identity.Code:
		who, err = h.Identities.Get(ctx, sent.IdentityID)
	default:
		who, err = h.Identities.ByIdentifier(ctx, in.Method, identifier)
	}
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	return who, err
}
