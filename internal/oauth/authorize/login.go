package authorize

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// LoginRequest is what the login app gets to know about a login that it shall perform.
func (f *Flows) LoginRequest(ctx context.Context, challenge string) (*LoginRequest, error) {
	flow, err := f.open(ctx, LoginChallenge, challenge, isBegun)
	if err != nil {
		return nil, err
	}
	if flow.Login != nil {
		return nil, used(flow)
	}
	r := flow.request()
	c, err := f.client(ctx, r.ClientID)
	if err != nil {
		return nil, err
	}
	out := &LoginRequest{Challenge: challenge, RequestedScope: orEmpty(r.Scope), RequestedAudience: orEmpty(r.Audience),
		Skip: flow.Begun.Skip, OIDC: r.oidc(), Client: c, RequestURL: r.URL, SessionID: flow.Begun.SessionID,
		Prompt: r.Prompt, MaxAge: r.MaxAge}
	if flow.Begun.Skip {
		out.Subject = flow.Begun.Known.Subject
	}
	return out, nil
}

// orEmpty makes an absent list an empty one, for JSON.
func orEmpty(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}

// errElse is the refusal when somebody else is at the login app than the browser's session says, and may not be asked.
var errElse = Refusal{Error: oauth.ErrLoginRequired.Code, Description: "Somebody else seems to be signed in, and prompt=none forbids to ask."}

// AcceptLogin takes the login app's word for who it is, and says where to send the browser.
func (f *Flows) AcceptLogin(ctx context.Context, challenge string, a LoginAccept) (to string, err error) {
	flow, err := f.open(ctx, LoginChallenge, challenge, isBegun)
	if err != nil {
		return "", err
	}
	if err := checkLogin(&a); err != nil {
		return "", err
	}
	if flow.Begun.Skip && a.Subject != flow.Begun.Known.Subject {
		if flow.request().has("none") { // who must not be asked (OpenID Connect Core §3.1.2.6)
			return f.answerLogin(ctx, flow, &LoginAnswer{At: f.Now(), Refused: &errElse})
		}
		// Somebody else than the browser's session says is at the login app: he must show who he is.
		return withPrompt(flow.request().URL, "login"), nil
	}
	return f.answerLogin(ctx, flow, &LoginAnswer{LoginAccept: a, At: f.Now()})
}

// RejectLogin takes the login app's refusal, and says where to send the browser.
func (f *Flows) RejectLogin(ctx context.Context, challenge string, why Refusal) (to string, err error) {
	flow, err := f.open(ctx, LoginChallenge, challenge, isBegun)
	if err != nil {
		return "", err
	}
	return f.answerLogin(ctx, flow, &LoginAnswer{At: f.Now(), Refused: &why})
}

// answerLogin stores the first answer. The same answer again, which is how a double click looks, gets the same address
// as long as nobody followed it; another answer comes too late.
func (f *Flows) answerLogin(ctx context.Context, flow *Flow, a *LoginAnswer) (to string, err error) {
	if flow, err = f.answer(ctx, flow, stepLogin, a, isLoggedIn); err != nil {
		return "", err
	}
	if flow.Login == nil || flow.SignedIn != nil || !flow.Login.same(a) {
		return "", used(flow)
	}
	return f.Public(ctx, pathAuth+"?login_verifier="+f.Challenges.Make(LoginVerifier, here(ctx), flow.ID)), nil
}

// answer adds an app's answer to a flow unless there is one already, and gives the flow with the one that stands.
func (f *Flows) answer(ctx context.Context, flow *Flow, n step, a any, answered func(*Flow) bool) (*Flow, error) {
	if answered(flow) {
		return flow, nil
	}
	next, err := f.Store.append(ctx, flow, n, a, nil)
	if errors.Is(err, errTaken) {
		return f.Store.find(ctx, flow.ID, answered)
	}
	return next, err
}

// withPrompt adds a value to the prompt of an authorization request's URL.
func withPrompt(request, prompt string) string {
	u, err := url.Parse(request)
	if err != nil {
		return request // ours, so it can be parsed
	}
	q := u.Query()
	values := strings.Fields(q.Get("prompt"))
	kept := values[:0]
	for _, v := range values {
		if v != "none" && v != prompt {
			kept = append(kept, v)
		}
	}
	q.Set("prompt", strings.Join(append(kept, prompt), " "))
	u.RawQuery = q.Encode()
	return u.String()
}

// ResumeLogin takes the browser that comes back from the login app, and sends it to consent. bound tells whether it is
// the browser that began the flow.
func (f *Flows) ResumeLogin(ctx context.Context, verifier string, bound func(flow string) bool) (*Next, error) {
	flow, err := f.open(ctx, LoginVerifier, verifier, isLoggedIn)
	if err != nil {
		return nil, err
	}
	if !bound(flow.ID) {
		return nil, errNotBound.WithDetail(detailRestart, flow.request().URL)
	}
	switch {
	case flow.Login == nil:
		return nil, errNotFound // we gave this verifier to nobody
	case flow.Consent != nil:
		return nil, errCompleted
	case flow.SignedIn != nil:
		return &Next{Location: f.consentURL(ctx, flow)}, nil // the page was loaded again
	}
	c, err := f.clientOf(ctx, flow)
	if err != nil {
		return nil, err
	}
	t := flow.request().target()
	if flow.Login.Refused != nil {
		next := f.fail(ctx, t, flow.Login.Refused.fault())
		next.Release = flow.ID
		return next, nil
	}
	over, err := f.sessionOver(ctx, flow)
	if err != nil {
		return nil, err
	}
	if over && flow.Begun.Skip {
		return &Next{Location: flow.request().URL, Release: flow.ID}, nil
	}
	next, err := f.signIn(ctx, flow, c, over)
	if err != nil {
		next = f.fail(ctx, t, err)
		next.Release = flow.ID
	}
	return next, nil
}

// sessionOver tells whether the session that the browser brought has ended meanwhile. If it was for its sake that nobody
// was asked, the request starts again without it. If not, whoever signs in gets a new one: under the old id, a stolen
// cookie because of which the session was ended would be good again.
func (f *Flows) sessionOver(ctx context.Context, flow *Flow) (bool, error) {
	if flow.Begun.Known == nil {
		return false, nil
	}
	k, err := f.known(ctx, flow.Begun.Known.SessionID)
	return k == nil, err
}

// signIn stores who it is, and the login session where it shall be remembered. over tells that the browser's session has
// ended meanwhile.
func (f *Flows) signIn(ctx context.Context, flow *Flow, c *client.Client, over bool) (*Next, error) {
	r, a := flow.request(), &flow.Login.LoginAccept
	s, err := signIn(flow, clientSubject(c, a.Subject, a.ForceSubjectIdentifier, f.Policy), newSessionID(), over)
	if err != nil {
		return nil, err
	}
	now := f.Now()
	remembered := false
	if !c.SkipConsent && mayRecallConsent(r, c, f.Policy.Development) {
		if remembered, err = f.remembered(ctx, r, c, s.Subject, now); err != nil {
			return nil, err
		}
	}
	if s.SkipConsent, err = decideConsent(r, c, remembered); err != nil {
		return nil, err
	}
	w, next := f.session(flow, s, now)
	if flow, err = f.appendSignedIn(ctx, flow, s, w); err != nil {
		return nil, err
	}
	if k := flow.Begun.Known; k != nil && k.Subject != s.Subject {
		// The browser now belongs to somebody else, so the session it had must not sign in the other one again.
		if err := f.Store.EndSession(ctx, k.SessionID); err != nil {
			return nil, err
		}
		next.Forget = next.SessionID == ""
	}
	next.Location = f.consentURL(ctx, flow)
	return next, nil
}

// appendSignedIn stores the step. Should another request of the same browser have been first, its word stands.
func (f *Flows) appendSignedIn(ctx context.Context, flow *Flow, s *SignedIn, w *write) (*Flow, error) {
	next, err := f.Store.append(ctx, flow, stepSignedIn, s, w)
	if errors.Is(err, errTaken) {
		return f.Store.find(ctx, flow.ID, isSignedIn)
	}
	return next, err
}

// remembered tells whether the person consented to all of this before.
func (f *Flows) remembered(ctx context.Context, r *Request, c *client.Client, subject string, now time.Time) (bool, error) {
	earlier, err := f.Store.recall(ctx, subject, r.ClientID)
	if err != nil {
		return false, err
	}
	for _, m := range earlier {
		// A client of the same id before this one was somebody else.
		if m.covers(r, now) && !m.GrantedAt.Before(c.CreatedAt) {
			return true, nil
		}
	}
	return false, nil
}

// session says what becomes of the login session: begun, renewed, extended, or nothing.
func (f *Flows) session(flow *Flow, s *SignedIn, now time.Time) (*write, *Next) {
	a, k := &flow.Login.LoginAccept, flow.Begun.Known
	lifespan := f.Policy.Lifespans.AuthenticationSession
	w, next := &write{}, &Next{}
	if flow.Begun.Skip && !a.ExtendSessionLifespan || !flow.Begun.Skip && !a.Remember {
		return w, next
	}
	session := &Session{ID: s.SessionID, Subject: s.Subject, AuthenticatedAt: s.AuthTime, ACR: s.ACR, AMR: s.AMR,
		ProviderSession: a.IdentityProviderSessionID, ExpiresAt: sessionExpiry(a, lifespan, now)}
	next.SessionID, next.SessionAge = session.ID, cookieAge(a, lifespan)
	switch {
	case flow.Begun.Skip:
		w.extend = session
	case k != nil && k.SessionID == s.SessionID:
		w.renew = session
	default:
		w.session = session
	}
	return w, next
}
