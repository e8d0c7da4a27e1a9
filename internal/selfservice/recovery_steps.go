package selfservice

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// What recoveries and verifications share.

// statusOK is the status of recoveries and verifications that go on: a code that was sent, or was wrong, is no failed request.
const statusOK = 200

const (
	fieldToken = "token"
	fieldCode  = "code"
	methodLink = "link"
	methodCode = "code"
)

// chosen is the id of the method that a submission is for: the one that it names, else the one whose proof it brings, else the
// one that the flow was begun with. Only that one and the configured one are taken.
func chosen(f *Flow, in *Submission, use string) string {
	id := in.Method
	switch {
	case id != "":
	case in.Has(fieldToken):
		id = methodLink
	case in.Has(fieldCode):
		id = methodCode
	default:
		id = f.Active
	}
	if id != use && id != f.Active {
		return ""
	}
	return id
}

// proven runs a submission of a recovery or verification on the flow that sent the proof, and answers what both kinds answer
// alike: that something was sent or was wrong, and that it was tried too often.
func (h *Handler) proven(ctx context.Context, k flowKind, f *Flow, in *Submission, run func(of *Flow, in *Submission) (*Answer, error)) (*Answer, error) {
	of, in, err := h.behind(ctx, k, f, in)
	if err != nil {
		return nil, err
	}
	of.began = h.Now()
	a, err := run(of, in)
	if wrongProof(err) {
		h.noteFailure(of, in, err)
	}
	switch {
	case errors.Is(err, ErrTriedTooOften):
		return nil, h.abandon(ctx, k, of, f, in)
	case errors.Is(err, ErrShowAgain):
		return h.asked(ctx, of, f)
	}
	return a, err
}

// asked saves and shows a flow that has sent something or was given something wrong.
func (h *Handler) asked(ctx context.Context, of, f *Flow) (*Answer, error) {
	if err := h.Store.Save(ctx, of); err != nil {
		return nil, err
	}
	h.keepBeat(ctx, of)
	if of != f {
		f.Form.Clear()
		f.Form.Messages = of.Form.Messages
		if err := h.Store.Save(ctx, f); err != nil {
			return nil, err
		}
	}
	return &Answer{Flow: f}, nil
}

// abandon ends a flow whose code was tried too often, and begins another one for who drives f, which says so.
func (h *Handler) abandon(ctx context.Context, k flowKind, of, f *Flow, in *Submission) error {
	next, err := h.anew(ctx, k, f, in, ui.CodeTriedTooOften())
	if err != nil {
		return err
	}
	of.Internal.Code = nil
	if err := h.Store.Finish(ctx, Writes{Flow: of, Spend: true, More: []*Flow{next}}); err != nil {
		return err
	}
	return h.replacement(ctx, k, next, "The code was tried too often. Go on with the flow in use_flow_id and request another code.")
}

// anew makes a flow, not stored yet, for the browser or app that drives f. It says why.
func (h *Handler) anew(ctx context.Context, k flowKind, f *Flow, in *Submission, why ui.Text) (*Flow, error) {
	again := *in
	// Who is signed in was allowed to begin the first flow.
	again.Values, again.Method, again.Session = map[string]any{}, "", nil
	next := h.blank(ctx, k, &again, f.RequestURL, "")
	next.ReturnTo, next.Internal.CSRF, next.Type = f.ReturnTo, f.Internal.CSRF, f.Type
	if err := k.begin(ctx, next, &again); err != nil {
		return nil, err
	}
	next.Form.Message(why)
	return next, nil
}

// replacement sends the client to the flow that took another one's place.
func (h *Handler) replacement(ctx context.Context, k flowKind, next *Flow, why string) error {
	page := h.page(ctx, k, next)
	e := errFlowReplaced.With(why).WithDetail("use_flow_id", next.ID)
	if k.kind == KindRecovery {
		e = e.WithDetail("continue_with", []ui.ContinueWith{ui.ShowRecovery(next.ID, page)})
	}
	return &Redirect{Location: page, Fault: e}
}
