package selfservice

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// ErrTriedTooOften says that a recovery or verification method takes no further try for what it sent. The flow is over, and a
// new one takes its place.
var ErrTriedTooOften = errors.New("the code was tried too often")

var errSomebodyElse = errSignedIn.With("Somebody else is signed in here. To recover another account sign out first, and then open the link or enter the code again.")

// ErrUnreachable says that nothing can be sent to an address, because there is no channel for it.
var ErrUnreachable = errors.New("nothing can be sent to the address")

// RecoveryIssuer is a RecoveryMethod whose code or link an administrator may hand to a person.
type RecoveryIssuer interface {
	RecoveryMethod
	// IssueRecovery puts what proves the identity into the flow, good for as long as the flow, and returns what the person has
	// to show. Nothing is sent and nothing written.
	IssueRecovery(ctx context.Context, f *Flow, identityID string) (proof string, err error)
	// Lifespan is for how long the proof is good where nobody says otherwise.
	Lifespan() time.Duration
}

// recovery is the flow by which somebody gets back into an account:
//
//	choose_method ── address ──► sent_email ── code or link ──► passed_challenge ──► settings, signed in
//	                               │  ▲
//	                               └──┘ another address, or the same again
//
// An address that nobody has is answered like one that somebody has, and as fast. A second factor is still asked for: who
// recovered an account is signed in with one factor.
func (h *Handler) recovery() flowKind {
	c := h.Config.Flows.Recovery
	return flowKind{
		kind: KindRecovery, enabled: c.Enabled, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusOK, begin: h.recoveryBegin, submit: h.recoverySubmit, arrive: h.recoveryArrive,
	}
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
			Location: h.target(ctx, f, AfterConfig{}, ""),
			Fault:    errSignedIn.With("A valid session was detected and thus recovery is not possible."),
		}
	}
	m := find[RecoveryMethod](h.Methods, h.Config.Flows.Recovery.Use)
	if m == nil {
		return errFlowDisabled
	}
	f.Active = m.ID()
	if in.Bool("skip_settings") {
		if err := f.Remember(memoryRecovery, recoveryMemory{SkipSettings: true}); err != nil {
			return err
		}
	}
	nodes, err := m.RecoveryNodes(ctx, f)
	f.Form.Add(nodes...)
	return err
}

func (h *Handler) recoveryArrive(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	return h.opened(ctx, h.recovery(), f, in)
}

func (h *Handler) recoverySubmit(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	return h.proven(ctx, h.recovery(), f, in, func(of *Flow, in *Submission) (*Answer, error) {
		m := find[RecoveryMethod](h.Methods, chosen(of, in, h.Config.Flows.Recovery.Use))
		if m == nil {
			in.Method = ""
			return nil, ui.Reject(ui.NoMethod(KindRecovery))
		}
		r, err := m.Recover(ctx, of, in)
		if err != nil {
			return nil, err
		}
		return h.recovered(ctx, of, f, in, r)
	})
}

// recovered ends a recovery: who proved an address is signed in and led to the settings, to choose a new password. of is the
// flow that sent the code, f the one that the client drives; most often they are the same.
func (h *Handler) recovered(ctx context.Context, of, f *Flow, in *Submission, r *Recovered) (*Answer, error) {
	who := r.Identity
	if !who.IsActive() {
		return nil, ui.Reject(ui.Disabled())
	}
	if in.Session != nil && in.Session.IdentityID != who.ID {
		return nil, errSomebodyElse // who was sent another person's link would go on in that person's account, unawares
	}
	if r.Value != "" && !recoveredBy(who, r.Via, r.Value) {
		// The person has another address now. Who reads this one, and has a code or link from before, may be somebody else.
		return nil, ui.Reject(ui.StateFailure(KindRecovery))
	}
	if changedSince(who, of.Internal.Code) {
		return nil, ui.Reject(ui.StateFailure(KindRecovery)) // who had it sent may be the one whom the new password keeps out
	}
	made, token := h.SessionStore.New(who, []session.AuthMethod{r.Method}, in.Client, h.Now())
	w := Writes{Flow: of, Spend: true, Insert: made}
	if unverified(who, r.Via, r.Value) {
		disown(who, &w)
		w.Verified = []Verified{{IdentityID: who.ID, Via: r.Via, Value: r.Value}}
		h.markVerified(who, r.Via, r.Value)
	}
	hooks := h.Config.Flows.Recovery.After.hooks(of.Active)
	if has(hooks, hookRevoke) {
		w.RevokeAll = who.ID
	}
	if err := h.interrupt(ctx, hooks, f, in, who, made); err != nil {
		return nil, err // with the flow as it was: the same code may be tried again
	}
	a := &Answer{Flow: f}
	next, err := h.afterRecovery(ctx, of, f, in, made, &w, a)
	if err != nil {
		return nil, err
	}
	f.State, f.IdentityID, f.SessionID, f.Internal.Code = ui.StatePassedChallenge, who.ID, made.ID, nil
	f.Keep()
	f.leadOn(a.Location)
	of.passed(f)
	if err := h.Store.Finish(ctx, w); err != nil {
		return nil, err
	}
	h.notify(ctx, hooks, f, in, who, made)
	// A session token has no place in the database, so this comes after.
	if in.Browser {
		a.Session, a.Token = made, token
	} else {
		f.ContinueWith = append(f.ContinueWith, ui.SetSessionToken(token))
	}
	f.ContinueWith = append(f.ContinueWith, next)
	return a, h.echo(ctx, of, f)
}

// disown takes the password, accounts at other providers, the sessions and what applications hold from an account none of whose
// addresses was ever proven. A stranger may have registered the address to wait for its owner, who proves it now and would share
// the account unawares.
func (h *Handler) disown(ctx context.Context, who *identity.Identity, w *Writes) error {
	if verifiedSome(who) {
		return nil
	}
	whole, err := h.Identities.WithCredentials(ctx, who.ID)
	if err == nil {
		disown(whole, w)
	}
	return err
}

// disown is Handler.disown of an identity that was read with all its credentials.
func disown(whole *identity.Identity, w *Writes) {
	if verifiedSome(whole) {
		return
	}
	w.RevokeAll, w.Disown = whole.ID, whole.ID
	for _, kind := range []string{identity.Password, identity.OIDC} {
		if _, ok := whole.Credentials[kind]; !ok {
			continue
		}
		if w.Update == nil {
			w.Update = whole.Clone()
		}
		delete(w.Update.Credentials, kind)
	}
}

// changedSince reports whether the identity, which was read with its credentials, got another password since the code or link was
// made.
func changedSince(who *identity.Identity, sent *Code) bool {
	return sent != nil && who.Credentials[identity.Password].UpdatedAt.After(sent.SentAt)
}

// afterRecovery says where a recovery leads: to the settings, unless its beginning said otherwise.
func (h *Handler) afterRecovery(ctx context.Context, of, f *Flow, in *Submission, s *session.Session, w *Writes, a *Answer) (ui.ContinueWith, error) {
	var memory recoveryMemory
	if of.Recall(memoryRecovery, &memory) && memory.SkipSettings {
		a.Location = h.target(ctx, of, h.Config.Flows.Recovery.After, of.Active)
		return ui.RedirectBrowser(a.Location), nil
	}
	settings, err := h.settingsAfterRecovery(ctx, f, in, s)
	if err != nil {
		return ui.ContinueWith{}, err
	}
	if settings.ReturnTo == "" {
		if to := h.Config.Flows.Recovery.After.returnTo(of.Active); to != "" {
			settings.ReturnTo = h.absolute(ctx, to)
		}
	}
	w.More = append(w.More, settings)
	a.Location = h.page(ctx, h.settings(), settings)
	return ui.ShowSettings(settings.ID, a.Location), nil
}

// recoveredBy reports whether the account can be recovered by the address.
func recoveredBy(who *identity.Identity, via, value string) bool {
	return slices.ContainsFunc(who.RecoveryAddresses, func(a identity.RecoveryAddress) bool { return a.Via == via && a.Value == value })
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
