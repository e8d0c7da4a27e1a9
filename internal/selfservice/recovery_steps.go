package selfservice

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// What recoveries and verifications share.

// chosen is the id of the method that a submission is for: the one that it names, else the one whose proof it brings, else the
// one that the flow was begun with. Only that one and the configured one are taken.
func (h *Handler) chosen(f *Flow, in *Submission, use string) string {
	id := in.Method
	switch {
	case id != "":
	case in.Has("token"):
		id = "link"
	case in.Has("code"):
		id = "code"
	default:
		id = f.Active
	}
	if id != use && id != f.Active {
		return ""
	}
	return id
}

// asked saves and shows a flow that has sent something, or says that it was given something wrong. It answers at a beat, so
// that how long the work took tells nobody whether there was somebody to send something to.
func (h *Handler) asked(ctx context.Context, f *Flow, _ *Submission, started time.Time) (*Answer, error) {
	err := h.Store.Save(ctx, f)
	keepBeat(ctx, h.Now().Sub(started))
	if err != nil {
		return nil, err
	}
	return &Answer{Flow: f}, nil
}

// beat is the grid of answers that must not tell by their time. Work takes a few milliseconds; where a busy database makes it
// longer than a beat, the answer comes at the next one.
const beat = 100 * time.Millisecond

// keepBeat waits until a whole number of beats has passed.
func keepBeat(ctx context.Context, elapsed time.Duration) {
	t := time.NewTimer(beat - elapsed%beat)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// abandon ends a flow whose code was tried too often, and begins another one that says so.
func (h *Handler) abandon(ctx context.Context, k flowKind, f *Flow, in *Submission) error {
	again := *in
	again.Values = map[string]any{}
	next := h.blank(k, &again, f.RequestURL, "")
	next.ReturnTo, next.Internal.CSRF, next.Type = f.ReturnTo, f.Internal.CSRF, f.Type
	again.Session = nil // whoever is signed in was allowed to begin the first flow
	if err := k.begin(ctx, next, &again); err != nil {
		return err
	}
	next.Form.Message(ui.CodeTriedTooOften())
	f.Internal.Code = nil
	if err := h.Store.Finish(ctx, Writes{Flow: f, Spend: true, More: []*Flow{next}}); err != nil {
		return err
	}
	page := h.page(k, next, in)
	why := errFlowReplaced.With("The code was tried too often. Go on with the flow in use_flow_id and request another code.").
		WithDetail("use_flow_id", next.ID)
	if k.kind == KindRecovery {
		why = why.WithDetail("continue_with", []ui.ContinueWith{ui.ShowRecovery(next.ID, page)})
	}
	return &Redirect{Location: page, Fault: why}
}

// invalidText says that what a flow was given is wrong.
func invalidText(f *Flow) ui.Text {
	if f.Active == "link" {
		return ui.LinkInvalid(f.Kind)
	}
	return ui.CodeInvalid(f.Kind)
}

// unverified reports whether the identity has the address and never proved it.
func unverified(who *identity.Identity, via, value string) bool {
	for _, a := range who.VerifiableAddresses {
		if a.Via == via && a.Value == value {
			return !a.Verified
		}
	}
	return false
}
