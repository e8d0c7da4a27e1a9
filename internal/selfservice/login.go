package selfservice

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const (
	methodIdentifierFirst = "identifier_first"
	fieldIdentifier       = "identifier"
	// What the field of a first step asks browsers for: keys that sign in by themselves as well.
	autocompleteFirst = "username webauthn"
)

// login is the flow in which somebody proves who they are: anew, once more (refresh), or with a second factor (aal2).
func (h *Handler) login() flowKind {
	c := h.Config.Flows.Login
	return flowKind{
		kind: KindLogin, enabled: true, uiURL: c.UIURL, lifespan: c.Lifespan, before: c.Before.Hooks,
		showAgain: statusUnfinished, begin: h.beginLogin, submit: h.submitLogin,
	}
}

func (h *Handler) beginLogin(ctx context.Context, f *Flow, in *Submission) error {
	f.AAL = in.String("aal")
	switch f.AAL {
	case "":
		f.AAL = session.AAL1
	case session.AAL1, session.AAL2:
	default:
		return errBadAAL
	}
	f.Refresh = in.Bool("refresh") && in.Session != nil
	hint := ""
	if f.LoginChallenge = in.String("login_challenge"); f.LoginChallenge != "" {
		asked, err := h.askOAuth(ctx, f, in)
		if err != nil {
			return err
		}
		hint = asked.LoginHint
	}
	switch {
	case in.Session == nil && f.AAL == session.AAL2:
		return &Redirect{Location: h.loginURL(ctx, "return_to", in.Request.RequestURL), Fault: errNoFirstFactor}
	case in.Session == nil:
	case f.Refresh:
		f.Form.Message(ui.ConfirmIdentity())
		f.IdentityID, f.Identifier = in.Session.IdentityID, h.identifierOf(ctx, in.Session.Identity)
	case f.AAL > in.Session.AAL:
		f.Form.Message(ui.SecondFactorNeeded())
		f.IdentityID, f.Identifier = in.Session.IdentityID, h.identifierOf(ctx, in.Session.Identity)
	default:
		return h.signedIn(ctx, f, in)
	}
	if in.Bool("return_session_token_exchange_code") && f.API() {
		if err := h.beginExchange(ctx, f); err != nil {
			return err
		}
	}
	if err := h.askLogin(ctx, f); err != nil {
		return err
	}
	if n := f.Form.Node(fieldIdentifier); n != nil && hint != "" && (n.Attributes.Value == nil || n.Attributes.Value == "") {
		n.Attributes.Value = hint
	}
	return nil
}

// loginURL is where a login begins, with one parameter.
func (h *Handler) loginURL(ctx context.Context, key, value string) string {
	return withQuery(h.Base.Join(ctx, "/self-service/login/browser"), key, value)
}

// beginExchange gives a native app the first of two codes that are traded for the session token.
func (h *Handler) beginExchange(ctx context.Context, f *Flow) (err error) {
	if h.Exchanges == nil {
		return nil
	}
	f.ExchangeCode, f.Internal.ReturnCode, err = h.Exchanges.New(ctx, f.ID)
	return err
}

// identifierOf is what somebody who is signed in would type to sign in again.
func (h *Handler) identifierOf(ctx context.Context, who *identity.Identity) string {
	s, err := h.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return ""
	}
	found := s.Extract(who.Traits).Identifiers
	for _, credential := range []string{identity.Password, identity.Code} {
		if len(found[credential]) > 0 {
			return found[credential][0]
		}
	}
	return ""
}

// askLogin puts the nodes of the methods into the form. In the first step of an identifier-first login those stay out that
// need an identifier; in the second, and where it is known who has to sign in, the identifier cannot be changed.
func (h *Handler) askLogin(ctx context.Context, f *Flow) error {
	f.Form.Nodes = slices.DeleteFunc(f.Form.Nodes, func(n *ui.Node) bool { return n.Key() != csrfField })
	first := h.Config.Flows.Login.Style == StyleIdentifierFirst && f.Identifier == "" && f.AAL == session.AAL1
	label := ui.LabelID() // or what a method that asks for an identifier calls it
	for _, m := range h.Methods {
		lm, ok := m.(LoginMethod)
		if !ok {
			continue
		}
		nodes, err := lm.LoginNodes(ctx, f)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if own := n.Meta.Label; n.Key() == fieldIdentifier && own != nil && own.ID != ui.LabelID().ID {
				label = *own
			}
			if !first || n.Group != ui.GroupPassword && n.Group != ui.GroupCode && n.Key() != fieldIdentifier {
				f.Form.Upsert(n)
			}
		}
	}
	switch {
	case first:
		f.Form.Add(
			ui.Input(ui.GroupIdentifierFirst, fieldIdentifier, ui.KindText, ui.WithRequired(), ui.WithAutocomplete(autocompleteFirst), ui.WithLabel(label)),
			ui.Submit(ui.GroupIdentifierFirst, "method", methodIdentifierFirst, ui.LoginContinue()),
		)
	case f.Identifier != "":
		f.fixIdentifier(label)
	}
	if len(f.Form.Nodes) == 1 {
		f.Form.Message(ui.NoMethodsAvailable())
	}
	f.Form.Sort(ui.OrderOf(KindLogin))
	return nil
}

// fixIdentifier replaces what asks for an identifier by the one that is known. One that was typed in a first step stays where that
// step had it, so that clients and password managers see the same field.
func (f *Flow) fixIdentifier(label ui.Text) {
	if f.Form.Node(fieldIdentifier) == nil {
		return
	}
	f.Form.RemoveNodes(fieldIdentifier)
	if f.IdentityID != "" { // somebody who is signed in
		f.Form.Add(ui.Hidden(ui.GroupDefault, fieldIdentifier, f.Identifier))
		return
	}
	f.Form.Add(ui.Input(ui.GroupIdentifierFirst, fieldIdentifier, ui.KindHidden, ui.WithValue(f.Identifier), ui.WithRequired(),
		ui.WithAutocomplete(autocompleteFirst), ui.WithLabel(label)))
}

func (h *Handler) submitLogin(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
	switch s := in.Session; {
	case s == nil && f.AAL == session.AAL2:
		return nil, &Redirect{Location: h.loginURL(ctx, "return_to", f.RequestURL), Fault: errNoFirstFactor}
	case s == nil:
		f.Refresh = false
	case !f.Refresh && f.AAL <= s.AAL:
		return nil, h.meanwhile(ctx, f)
	}
	if in.Method == methodIdentifierFirst {
		return nil, h.identify(ctx, f, in)
	}
	m := find[LoginMethod](h.Methods, in.Method)
	if m == nil {
		in.Method = ""
		return nil, ui.Reject(ui.NoMethod(KindLogin))
	}
	who, err := m.Login(ctx, f, in)
	if err != nil {
		h.failed(ctx, f, in, nil, err)
		return nil, h.remind(ctx, f, in, err)
	}
	f.Active = in.Method
	answer, err := h.signIn(ctx, f, in, who)
	if shut(err) {
		h.failed(ctx, f, in, who.Identity, err)
	}
	return answer, err
}

// find returns the method of that name that can do what T says; the zero T where there is none.
func find[T Method](methods []Method, id string) (none T) {
	for _, m := range methods {
		if t, ok := m.(T); ok && m.ID() == id {
			return t
		}
	}
	return none
}

// identify is the first step of an identifier-first login. What follows is the same for every identifier, whether somebody has
// it or not.
func (h *Handler) identify(ctx context.Context, f *Flow, in *Submission) error {
	typed := in.String(fieldIdentifier)
	if typed == "" {
		return ui.RejectField(fieldIdentifier, ui.Required(fieldIdentifier))
	}
	if len(typed) > 1024 {
		return ui.RejectField(fieldIdentifier, ui.MaxLength(1024, len(typed)))
	}
	f.Identifier, f.Active = typed, methodIdentifierFirst
	f.Form.Clear()
	if err := h.askLogin(ctx, f); err != nil {
		return err
	}
	return ErrShowAgain
}

// signIn opens the session of somebody who has proven who they are, or raises the one that is open.
func (h *Handler) signIn(ctx context.Context, f *Flow, in *Submission, who *Identified) (*Answer, error) {
	if !who.Identity.IsActive() {
		return nil, session.ErrIdentityDisabled
	}
	after := h.Config.Flows.Login.After.AfterConfig
	hooks := after.hooks(in.Method)
	w := Writes{Flow: f, Spend: true}
	a := &Answer{Location: h.target(ctx, f, after, in.Method)}
	s := in.Session
	if err := h.proveLogin(ctx, in, who, &w); err != nil {
		return nil, err
	}
	if has(hooks, hookRequireVerified) && !verifiedSome(who.Identity) {
		return nil, ui.Reject(ui.AddressNotVerified())
	}
	if s != nil && s.IdentityID == who.Identity.ID {
		a.Token = h.SessionStore.Renew(s, who.Identity, []session.AuthMethod{who.Method}, in.Client, h.Now())
		w.Change = s
	} else {
		if f.AAL == session.AAL2 {
			return nil, errIdentityMismatch
		}
		s, a.Token = h.SessionStore.New(who.Identity, []session.AuthMethod{who.Method}, in.Client, h.Now())
		w.Insert = s
	}
	a.Session = s
	if err := h.link(ctx, f, who.Identity, s, &w); err != nil {
		return nil, err
	}
	if err := h.interrupt(ctx, hooks, f, in, who.Identity, s); err != nil {
		return nil, err
	}
	if has(hooks, hookRevoke) {
		w.RevokeAll, w.RevokeBut = who.Identity.ID, s.ID
	}
	if has(hooks, hookShowVerification) || has(hooks, hookVerification) {
		if err := h.verifyToo(ctx, f, in, who.Identity, hooks, &w, a); err != nil {
			return nil, err
		}
	}
	f.State = ui.StatePassedChallenge
	f.Form.Clear()
	w.Exchange = f.ExchangeCode != "" && w.Insert != nil
	if err := h.Store.Finish(ctx, w); err != nil {
		return nil, err
	}
	if err := h.stillGood(ctx, s, a.Token); err != nil {
		return nil, err
	}
	if who.Upgrade != nil {
		if err := who.Upgrade(ctx); err != nil && h.Log != nil {
			h.Log.WarnContext(ctx, "a credential could not be stored in today's form", "identity_id", who.Identity.ID, "error", err)
		}
	}
	h.notify(ctx, hooks, f, in, who.Identity, s)
	return a, h.signedInAnswer(ctx, f, in, a)
}

// proveLogin notes the addresses that the login has proven. As in a recovery, an account none of whose addresses was ever proven
// is taken from who prepared it; who is signed in to it already knows its password, and proves the address as well.
func (h *Handler) proveLogin(ctx context.Context, in *Submission, who *Identified, w *Writes) error {
	for _, v := range who.Verified {
		if !unverified(who.Identity, v.Via, v.Value) {
			continue
		}
		if in.Session == nil || in.Session.IdentityID != who.Identity.ID {
			if err := h.disown(ctx, who.Identity, w); err != nil {
				return err
			}
		}
		w.Verified = append(w.Verified, Verified{IdentityID: who.Identity.ID, Via: v.Via, Value: v.Value})
		h.markVerified(who.Identity, v.Via, v.Value)
	}
	return nil
}

// verifiedSome reports whether one of the addresses is verified.
func verifiedSome(who *identity.Identity) bool {
	return slices.ContainsFunc(who.VerifiableAddresses, func(a identity.VerifiableAddress) bool { return a.Verified })
}

// signedInAnswer says where a person goes who has just signed in.
func (h *Handler) signedInAnswer(ctx context.Context, f *Flow, in *Submission, a *Answer) error {
	if err := h.Sessions.Satisfied(ctx, a.Session, h.Sessions.Config.Whoami.RequiredAAL); err != nil && in.Browser {
		a.Location = withQuery(h.loginURL(ctx, "aal", session.AAL2), "return_to", a.Location)
		if f.LoginChallenge != "" {
			a.Location = withQuery(a.Location, "login_challenge", f.LoginChallenge)
		}
		a.Moved = true
	} else if f.LoginChallenge != "" && !a.verifyFirst {
		to, err := h.acceptOAuth(ctx, f.LoginChallenge, a.Session)
		if err != nil {
			return err
		}
		a.Location, a.Moved = to, true
	}
	b := signedIn{Session: a.Session, ContinueWith: f.ContinueWith}
	if f.API() {
		b.Token = a.Token
		b.ContinueWith = append([]ui.ContinueWith{ui.SetSessionToken(a.Token)}, b.ContinueWith...)
	} else {
		b.ContinueWith = append(slices.Clone(b.ContinueWith), ui.RedirectBrowser(a.Location))
	}
	a.Body = b
	return nil
}

// signedIn is the answer to a login.
type signedIn struct {
	Token        string            `json:"session_token,omitempty"`
	Session      *session.Session  `json:"session"`
	ContinueWith []ui.ContinueWith `json:"continue_with,omitempty"`
}
