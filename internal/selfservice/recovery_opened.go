package selfservice

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Messages hold links, and links are opened anywhere: on the phone that has the mail, and by programs that look into mails
// for evil before a person sees them. A proof that arrives with the browser that asked for it is used at once. One that
// arrives elsewhere gets a flow of its own there, which shows a button and holds the proof for nobody but that browser; the
// button submits it to the flow that sent it. So a program that only opens links uses nothing up and verifies nothing, and
// who began the flow never sees what was opened by another.

// Linker is a method whose messages hold links that are used when they are opened.
type Linker interface {
	Method
	// Confirms reports whether a link that is opened by another browser than the one which asked for it waits for a button.
	Confirms() bool
}

// window is what a flow remembers that shows the proof of another one.
type window struct {
	Of string `json:"of"`
}

// maxProof is the longest token or code that a link may bring, in bytes. Ours are shorter.
const maxProof = 128

// memoryWindow is the key of window; no method has that id.
const memoryWindow = "window"

// opened handles a link of a message.
func (h *Handler) opened(ctx context.Context, k flowKind, f *Flow, in *Submission) (*Answer, error) {
	if len(in.String(fieldToken)) > maxProof || len(in.String(fieldCode)) > maxProof {
		return nil, errBadSubmission.With("The link is not one that this server has sent: it is too long.")
	}
	if in.Has(fieldToken) && (in.Holder || !h.confirms()) {
		return h.useLink(ctx, k, f, in)
	}
	if in.Holder {
		f.Form.SetValue(fieldCode, in.String(fieldCode))
		return nil, ErrShowAgain
	}
	next := h.windowOf(ctx, k, f, in)
	if err := h.Store.Insert(ctx, next); err != nil {
		return nil, err
	}
	return &Answer{Flow: next}, nil
}

func (h *Handler) confirms() bool {
	l := find[Linker](h.Methods, methodLink)
	return l == nil || l.Confirms()
}

// useLink uses a link. A wrong one leaves the flow alone, which may wait for the right one, and begins another.
func (h *Handler) useLink(ctx context.Context, k flowKind, f *Flow, in *Submission) (*Answer, error) {
	bound, typ := f.Internal.CSRF, f.Type
	f.Internal.CSRF, f.Type = in.bound, ui.TypeBrowser // what comes of it belongs to the browser that brought the link
	a, err := k.submit(ctx, f, in)
	var invalid *ui.Invalid
	if !errors.As(err, &invalid) {
		return a, err
	}
	next, err := h.anew(ctx, k, f, in, invalid.Texts[0].Text)
	f.Internal.CSRF, f.Type = bound, typ
	if err != nil {
		return nil, err
	}
	if err := h.Store.Insert(ctx, next); err != nil {
		return nil, err
	}
	return nil, h.replacement(ctx, k, next, "The link is wrong or was used. Go on with the flow in use_flow_id and request another one.")
}

// windowOf makes the flow that shows what arrived in another browser than that of f.
func (h *Handler) windowOf(ctx context.Context, k flowKind, f *Flow, in *Submission) *Flow {
	next := h.blank(ctx, k, in, f.RequestURL, "")
	next.Internal.CSRF, next.Internal.Parent = in.bound, f.ID
	next.ReturnTo, next.TransientPayload, next.ExpiresAt = f.ReturnTo, f.TransientPayload, f.ExpiresAt
	next.State = ui.StateSentEmail
	_ = next.Remember(memoryWindow, window{Of: f.ID}) // encoding a string never fails
	if token := in.String(fieldToken); token != "" {
		next.Active = methodLink
		next.Form.Add(
			ui.Hidden(ui.GroupLink, fieldToken, token),
			ui.Submit(ui.GroupLink, "method", methodLink, ui.LabelContinue()),
		)
		return next
	}
	next.Active = methodCode
	next.Form.Add(
		CodeNode(k.kind, ui.WithValue(in.String(fieldCode))),
		ui.Hidden(ui.GroupCode, "method", methodCode),
		ui.Submit(ui.GroupCode, "method", methodCode, ui.LabelContinue()),
	)
	return next
}

// behind returns the flow that a submission is about: f, or the one that f shows the proof of. Of what was sent for the latter
// only the proof counts.
func (h *Handler) behind(ctx context.Context, k flowKind, f *Flow, in *Submission) (*Flow, *Submission, error) {
	var w window
	if !f.Recall(memoryWindow, &w) {
		return f, in, nil
	}
	of, err := h.Store.Get(ctx, k.kind, w.Of)
	switch {
	case errors.Is(err, ErrNoFlow):
		err = h.over(ctx, k, f, in, ui.StateFailure(k.kind))
	case err != nil:
	case !of.spent.IsZero():
		err = h.over(ctx, k, f, in, ui.AlreadyCompleted(k.kind))
	case !h.Now().Before(of.ExpiresAt):
		err = h.over(ctx, k, f, in, ui.FlowExpired(k.kind, of.ExpiresAt, h.Now()))
	}
	if err != nil {
		return nil, nil, err
	}
	proof := *in
	proof.Method = f.Active
	proof.Values = map[string]any{}
	for _, name := range []string{fieldToken, fieldCode} {
		if in.Has(name) {
			proof.Values[name] = in.String(name)
		}
	}
	return of, &proof, nil
}

// over ends a flow that shows the proof of one that has ended.
func (h *Handler) over(ctx context.Context, k flowKind, f *Flow, in *Submission, why ui.Text) error {
	next, err := h.anew(ctx, k, f, in, why)
	if err != nil {
		return err
	}
	if err := h.Store.Finish(ctx, Writes{Flow: f, Spend: true, More: []*Flow{next}}); err != nil {
		return err
	}
	return h.replacement(ctx, k, next, why.Text)
}

// passed notes in the flow that sent the proof how the one that showed it ended.
func (f *Flow) passed(shown *Flow) {
	if f == shown {
		return
	}
	f.State, f.Form, f.IdentityID, f.SessionID = shown.State, shown.Form, shown.IdentityID, shown.SessionID
	f.Internal.Code = nil
}

// echo ends the flow that showed the proof after the one that sent it has ended. Both say the same.
func (h *Handler) echo(ctx context.Context, of, f *Flow) error {
	if of == f {
		return nil
	}
	c := *f
	c.ContinueWith = nil // it holds what is told once
	if err := h.Store.Finish(ctx, Writes{Flow: &c, Spend: true}); err != nil && !errors.Is(err, ErrFlowChanged) {
		return err
	}
	return nil
}
