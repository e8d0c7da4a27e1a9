package selfservice

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// ErrTriedTooOften says that a method takes no further try for what it sent. The flow is over; a new one takes its place.
var ErrTriedTooOften = errors.New("the code was tried too often")

// RecoveryIssuer is a RecoveryMethod whose code or link an administrator may hand to a person.
type RecoveryIssuer interface {
	RecoveryMethod
	// IssueRecovery puts what proves the identity into the flow, good for the lifespan (0: the method's own), and returns what
	// the person has to show. Nothing is sent and nothing written.
	IssueRecovery(ctx context.Context, f *Flow, identityID string, lifespan time.Duration) (proof string, err error)
}

// recovery is the flow by which somebody gets back into an account:
//
//	choose_method ── address ──► sent_email ── code or link ──► passed_challenge ──► settings, signed in
//	                               │  ▲
//	                               └──┘ another address, or the same again
//
// An address that nobody has is answered like one that somebody has, and as fast.
func (h *Handler) recovery() flowKind {
	c := h.Config.Flows.Recovery
	return flowKind{
		kind: KindRecovery, enabled: c.Enabled, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusOK, begin: h.recoveryBegin, submit: h.recoverySubmit, arrive: h.recoveryArrive,
	}
}

// recoverer returns the method of that id, nil where there is none.
func (h *Handler) recoverer(id string) RecoveryMethod {
	for _, m := range h.Methods {
		if r, ok := m.(RecoveryMethod); ok && m.ID() == id {
			return r
		}
	}
	return nil
}

// recoveryMemory is what a recovery remembers from its beginning.
type recoveryMemory struct {
	// SkipSettings leads to return_to at the end, and not to the settings.
	SkipSettings bool `json:"skip_settings,omitempty"`
}

// memoryRecovery is the key of recoveryMemory; no method has that id.
const memoryRecovery = "recovery"

func (h *Handler) recoveryBegin(ctx context.Context, f *Flow, in *Submission) error {
	if in.Session != nil {
		return &Redirect{
			Location: h.target(f, AfterConfig{}, ""),
			Fault:    errSignedIn.With("A valid session was detected and thus recovery is not possible."),
		}
	}
	use := h.Config.Flows.Recovery.Use
	m := h.recoverer(use)
	if m == nil {
		return errFlowDisabled
	}
	f.Active = use
	if in.Bool("skip_settings") {
		if err := f.Remember(memoryRecovery, recoveryMemory{SkipSettings: true}); err != nil {
			return err
		}
	}
	nodes, err := m.RecoveryNodes(ctx, f)
	f.Form.Add(nodes...)
	return err
}

func (h *Handler) recoverySubmit(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	m := h.recoverer(h.chosen(f, in, h.Config.Flows.Recovery.Use))
	if m == nil {
		in.Method = ""
		return nil, ui.Reject(ui.NoMethod(KindRecovery))
	}
	started := h.Now()
	r, err := m.Recover(ctx, f, in)
	switch {
	case err == nil:
		return h.recovered(ctx, f, in, r)
	case errors.Is(err, ErrTriedTooOften):
		return nil, h.abandon(ctx, h.recovery(), f, in)
	case errors.Is(err, ErrShowAgain):
		return h.asked(ctx, f, in, started)
	}
	return nil, err
}

// recovered ends a recovery: who proved an address is signed in and led to the settings, to choose a new password.
func (h *Handler) recovered(ctx context.Context, f *Flow, in *Submission, r *Recovered) (*Answer, error) {
	who := r.Identity
	if !who.IsActive() {
		return nil, ui.Reject(ui.Disabled())
	}
	now := h.Now()
	w := Writes{Flow: f, Spend: true}
	if r.Value != "" && unverified(who, r.Via, r.Value) {
		w.Verified = []Verified{{IdentityID: who.ID, Via: r.Via, Value: r.Value}}
		h.markVerified(who, r.Via, r.Value)
	}
	made, token := h.SessionStore.New(who, []session.AuthMethod{r.Method}, in.Client, now)
	w.Insert = made
	f.Form.Clear()
	f.State, f.IdentityID, f.SessionID, f.Internal.Code = ui.StatePassedChallenge, who.ID, made.ID, nil
	hooks := h.Config.Flows.Recovery.After.hooks(f.Active)
	if _, err := h.call(ctx, hooks, f, in, who, made); err != nil {
		return nil, err
	}
	if has(hooks, hookRevoke) {
		w.RevokeAll = who.ID
	}
	a := &Answer{Flow: f}
	next, err := h.afterRecovery(ctx, f, in, made, &w, a)
	if err != nil {
		return nil, err
	}
	if err := h.Store.Finish(ctx, w); err != nil {
		return nil, err
	}
	// A session token has no place in the database, so this comes after.
	if in.Browser {
		a.Session, a.Token = made, token
	} else {
		f.ContinueWith = append(f.ContinueWith, ui.SetSessionToken(token))
	}
	f.ContinueWith = append(f.ContinueWith, next)
	return a, nil
}

// afterRecovery says where a recovery leads.
func (h *Handler) afterRecovery(ctx context.Context, f *Flow, in *Submission, s *session.Session, w *Writes, a *Answer) (ui.ContinueWith, error) {
	var memory recoveryMemory
	to := h.target(f, h.Config.Flows.Recovery.After, f.Active)
	if f.Recall(memoryRecovery, &memory) && memory.SkipSettings {
		a.Location = to
		return ui.RedirectBrowser(to), nil
	}
	settings, err := h.settingsAfterRecovery(ctx, f, in, s)
	if err != nil {
		return ui.ContinueWith{}, err
	}
	w.More = append(w.More, settings)
	page := h.page(h.settings(), settings, in)
	a.Location = page
	return ui.ShowSettings(settings.ID, page), nil
}
