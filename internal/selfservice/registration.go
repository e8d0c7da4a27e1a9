package selfservice

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const (
	methodProfile  = "profile"
	fieldScreen    = "screen"
	screenPrevious = "previous"
)

// registration is the flow in which a new person says who they are and how they will prove it.
func (h *Handler) registration() flowKind {
	c := h.Config.Flows.Registration
	return flowKind{
		kind: KindRegistration, enabled: c.Enabled, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusUnfinished, begin: h.beginRegistration, submit: h.submitRegistration,
	}
}

func (h *Handler) beginRegistration(ctx context.Context, f *Flow, in *Submission) error {
	if f.LoginChallenge = in.String("login_challenge"); f.LoginChallenge != "" {
		if _, err := h.askOAuth(ctx, f, in); err != nil {
			return err
		}
	}
	switch {
	case in.Session == nil:
	case f.Refresh || f.AAL != "":
		return &Redirect{Location: h.loginURL(ctx, "login_challenge", f.LoginChallenge)} // the client asks for more than a session
	default:
		return h.signedIn(ctx, f, in)
	}
	s, err := h.Schemas.Chosen(ctx, in.String("identity_schema"))
	if err != nil {
		return err
	}
	f.SchemaID = s.ID
	if in.Bool("return_session_token_exchange_code") && f.API() {
		if err := h.beginExchange(ctx, f); err != nil {
			return err
		}
	}
	return h.askRegistration(ctx, f, s, nil)
}

// askRegistration puts the traits and the methods into the form. In two steps, the methods come when the traits are there.
func (h *Handler) askRegistration(ctx context.Context, f *Flow, s *identity.Schema, traits json.RawMessage) error {
	f.Form.Nodes = slices.DeleteFunc(f.Form.Nodes, func(n *ui.Node) bool { return n.Key() != csrfField })
	twoSteps := h.Config.Flows.Registration.Style == StyleProfileFirst && f.Internal.Proven == ""
	f.Form.Add(traitNodes(s, ui.GroupDefault)...)
	first := twoSteps && traits == nil
	if first {
		f.Form.Add(ui.Submit(ui.GroupProfile, "method", methodProfile, ui.RegistrationContinue()))
	}
	for _, m := range h.Methods {
		rm, ok := m.(RegistrationMethod)
		_, early := m.(TraitsMethod)
		if !ok || twoSteps && early != first || f.Internal.Proven != "" && f.Internal.Proven != m.ID() {
			continue
		}
		nodes, err := rm.RegistrationNodes(ctx, f, s)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			f.Form.Upsert(n)
		}
	}
	if twoSteps && !first {
		f.hideTraits(traits)
		f.Form.Add(ui.Submit(ui.GroupProfile, fieldScreen, screenPrevious, ui.RegistrationBack()))
	}
	f.Form.Sort(ui.OrderOf(KindRegistration, names(s)...))
	return nil
}

func (h *Handler) submitRegistration(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	if in.Session != nil {
		return nil, h.meanwhile(ctx, f)
	}
	s, err := h.Schemas.Get(ctx, f.SchemaID)
	if err != nil {
		return nil, err
	}
	in.Coerce(s)
	if in.String(fieldScreen) == screenPrevious {
		return nil, h.previousScreen(ctx, f, in, s)
	}
	draft := &identity.Identity{ID: secret.NewID(), SchemaID: s.ID, State: identity.Active, Traits: in.Traits()}
	if (draft.Traits == nil || string(draft.Traits) == "{}") && f.Internal.Traits != nil { // SDKs send an empty object for nothing
		draft.Traits = f.Internal.Traits
	}
	if draft.Traits == nil {
		draft.Traits = json.RawMessage("{}")
	}
	if in.Method == methodProfile && h.Config.Flows.Registration.Style == StyleProfileFirst {
		return nil, h.chooseCredential(ctx, f, s, draft)
	}
	m := find[RegistrationMethod](h.Methods, in.Method)
	if m == nil {
		in.Method = ""
		return nil, ui.Reject(ui.NoMethod(KindRegistration))
	}
	if err := h.complete(ctx, f, in, s, m, draft); err != nil {
		return nil, err
	}
	how, err := m.Register(ctx, f, in, draft)
	if err != nil {
		return nil, err
	}
	f.Active = in.Method
	return h.register(ctx, f, in, draft, how)
}

// complete makes the draft whole and valid.
func (h *Handler) complete(ctx context.Context, f *Flow, in *Submission, s *identity.Schema, m RegistrationMethod, draft *identity.Identity) error {
	if tm, ok := m.(TraitsMethod); ok {
		if err := tm.Complete(ctx, f, in, draft); err != nil {
			return err
		}
	}
	err := h.Identities.Prepare(ctx, draft)
	if err == nil || f.Internal.Proven == "" {
		return h.reopen(ctx, f, s, err)
	}
	if failed := h.askRegistration(ctx, f, s, nil); failed != nil {
		return failed
	}
	f.typed(&Submission{Values: map[string]any{"traits": decoded(draft.Traits)}})
	return err
}

// chooseCredential ends the first step.
func (h *Handler) chooseCredential(ctx context.Context, f *Flow, s *identity.Schema, draft *identity.Identity) error {
	if err := h.Identities.Prepare(ctx, draft); err != nil {
		return err
	}
	f.Form.Clear()
	f.Active, f.Internal.Traits = methodProfile, draft.Traits
	if err := h.askRegistration(ctx, f, s, draft.Traits); err != nil {
		return err
	}
	f.Form.Message(ui.ChooseCredential())
	return ErrShowAgain
}

// previousScreen goes back to the first step; what was typed there is still in the fields.
func (h *Handler) previousScreen(ctx context.Context, f *Flow, in *Submission, s *identity.Schema) error {
	traits := f.Internal.Traits
	f.Internal.Traits, f.Active, f.State = nil, "", ui.StateChooseMethod
	f.Internal.Code = nil
	f.Form.Clear()
	if err := h.askRegistration(ctx, f, s, nil); err != nil {
		return err
	}
	if sent := in.Traits(); sent != nil && string(sent) != "{}" {
		traits = sent
	}
	f.typed(&Submission{Values: map[string]any{"traits": decoded(traits)}})
	return ErrShowAgain
}

// reopen shows the fields again when what they hold is wrong although the second step was reached.
func (h *Handler) reopen(ctx context.Context, f *Flow, s *identity.Schema, err error) error {
	var invalid *ui.Invalid
	if !errors.As(err, &invalid) || f.Internal.Traits == nil {
		return err
	}
	typed := f.Internal.Traits
	f.Internal.Traits = nil
	if failed := h.askRegistration(ctx, f, s, nil); failed != nil {
		return failed
	}
	f.typed(&Submission{Values: map[string]any{"traits": decoded(typed)}})
	return err
}

// register creates the identity and all that comes with it, in one transaction.
func (h *Handler) register(ctx context.Context, f *Flow, in *Submission, draft *identity.Identity, how *Registered) (*Answer, error) {
	after := h.Config.Flows.Registration.After
	hooks := after.hooks(in.Method)
	if err := h.amended(ctx, hooks, f, in, draft); err != nil {
		return nil, err
	}
	h.prove(draft, how.Verified)
	w := Writes{Flow: f, Spend: true, Create: draft}
	a := &Answer{Location: h.target(ctx, f, after, in.Method)}
	if err := h.verifyToo(ctx, f, in, draft, hooks, &w, a); err != nil {
		return nil, err
	}
	switch {
	case !has(hooks, hookSession) || !draft.IsActive():
	case h.deferred(how, &w):
		w.More[0].Internal.SignIn = &SignIn{Method: how.Method}
		h.verifyFirst(ctx, f, &w, a)
	default:
		a.Session, a.Token = h.SessionStore.New(draft, []session.AuthMethod{how.Method}, in.Client, h.Now())
		w.Insert = a.Session
		w.Exchange = f.ExchangeCode != ""
	}
	f.State = ui.StatePassedChallenge
	f.Form.Clear()
	if h.hides(&w, a) {
		// Or the credential would tell: one that signs in was new.
		draft.Unproven = true
		f.OnBeat()
	}
	if err := h.Store.Finish(ctx, w); err != nil {
		return h.taken(ctx, f, draft, w, a, err)
	}
	h.notify(ctx, hooks, f, in, draft, a.Session)
	return a, h.registeredAnswer(ctx, f, draft, a)
}

// hides reports whether the answer must be the same, in what it says and when it comes, whether or not the identifier is taken.
func (h *Handler) hides(w *Writes, a *Answer) bool {
	return h.Config.AccountEnumeration.Mitigate && a.Session == nil && len(w.More) > 0
}

// deferred reports whether the new person is signed in only when the address is verified: so that the answer to a registration
// is the same whether or not the identifier is taken.
func (h *Handler) deferred(how *Registered, w *Writes) bool {
	return h.Config.AccountEnumeration.Mitigate && len(how.Verified) == 0 && len(w.More) > 0
}

// prove marks the addresses that the registration itself has proven.
func (h *Handler) prove(draft *identity.Identity, verified []Verified) {
	now := h.Now()
	for i := range draft.VerifiableAddresses {
		a := &draft.VerifiableAddresses[i]
		if slices.ContainsFunc(verified, func(v Verified) bool { return v.Via == a.Via && v.Value == a.Value }) {
			a.Verified, a.Status, a.VerifiedAt = true, identity.AddressCompleted, &now
		}
	}
}

// registeredAnswer says where the new person goes.
func (h *Handler) registeredAnswer(ctx context.Context, f *Flow, draft *identity.Identity, a *Answer) error {
	if f.LoginChallenge != "" && a.Session != nil && !a.verifyFirst {
		to, err := h.acceptOAuth(ctx, f.LoginChallenge, a.Session)
		if err != nil {
			return err
		}
		a.Location, a.Moved = to, true
	}
	b := registered{Session: a.Session, Identity: draft.Public(), ContinueWith: f.ContinueWith}
	switch {
	case f.API() && a.Session != nil:
		b.Token = a.Token
		b.ContinueWith = append([]ui.ContinueWith{ui.SetSessionToken(a.Token)}, b.ContinueWith...)
	case !f.API():
		b.ContinueWith = append(slices.Clone(b.ContinueWith), ui.RedirectBrowser(a.returnTo))
	}
	a.Body = b
	return nil
}

// registered is the answer to a registration.
type registered struct {
	Token        string             `json:"session_token,omitempty"`
	Session      *session.Session   `json:"session,omitempty"`
	Identity     *identity.Identity `json:"identity"`
	ContinueWith []ui.ContinueWith  `json:"continue_with"`
}
