package authorize

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Paths of this package that others link to.
const (
	pathAuth            = "/oauth2/auth"
	pathFallbackLogin   = "/oauth2/fallbacks/login"
	pathFallbackConsent = "/oauth2/fallbacks/consent"
)

var (
	errNotFound = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")
	errExpired  = fault.New(fault.Unauthenticated, "request_unauthorized",
		"The request has expired: the person took too long. Start again at the address in redirect_to, or in the application.")
	errUsed = fault.New(fault.Gone, "request_used",
		"The request was used already. Send the person to the address in redirect_to to start again.")
	errCompleted = fault.New(fault.Gone, "request_used",
		"This sign-in was completed already, so its address cannot be used again. Go back to the application; if you are not signed in there, start again.")
	errChanged = fault.New(fault.Gone, "request_used",
		"The application's registration was changed while you signed in. Go back to the application and start again.")
	errNotBound = fault.New(fault.Forbidden, "request_forbidden",
		"This browser did not bring the cookie that was set when the sign-in began, so we cannot tell whether it is the same browser.")
)

// detailRestart is the member of an error in which callers find the address to start again at.
const detailRestart = "redirect_to"

// Flows leads authorization requests through login and consent to their answer. It knows nothing of HTTP.
type Flows struct {
	Policy     Policy
	Clients    *client.Store
	Issuer     *token.Issuer
	Keys       token.Verifier // of our own ID tokens, for id_token_hint
	Store      *Store
	Challenges Challenges
	// Login is the login that is built into this server; nil where people sign in elsewhere.
	Login Login
	// Public gives the URL of a path on the public listener, as the tenant of ctx is reached.
	Public func(ctx context.Context, path string) string
	Now    func() time.Time
}

// Login is who signs people in when this server does so itself. Its sessions are what logins come of: a login that is remembered
// here counts as long as the session does out of which it came (identity_provider_session_id), so that signing out there needs no
// word here to be signed out here too.
type Login interface {
	// Live tells whether a session is still good.
	Live(ctx context.Context, session string) (bool, error)
	// End ends a session. One that does not exist is no error.
	End(ctx context.Context, session string) error
	// EndAll ends all sessions of a subject.
	EndAll(ctx context.Context, subject string) error
}

// Next is where the browser goes from here: on to another page, or back to the client with the answer.
type Next struct {
	Location string
	Answer   *Answer
	// Err is why the answer is an error, for the log.
	Err error

	// Bind is the flow to which this browser is bound from now on, Release the one that it is done with.
	Bind, Release string
	// SessionID is the login session that the browser shall remember, for SessionAge (0: until it is closed). Forget
	// makes it forget the one that it has.
	SessionID  string
	SessionAge time.Duration
	Forget     bool
}

// Begin takes an authorization request. url is the request as a URL, sid the login session that the browser brought. An
// error is for the person at the browser: the client cannot be told, since it is not known where it is.
func (f *Flows) Begin(ctx context.Context, p params, url, sid string) (*Next, error) {
	if p.doubled("client_id") {
		return nil, oauth.ErrInvalidRequest.With("The parameter client_id was sent more than once.")
	}
	c, err := f.client(ctx, p.get("client_id"))
	if err != nil {
		return nil, err
	}
	t, err := findTarget(p, c)
	if err != nil {
		return nil, err
	}
	next, err := f.begin(ctx, p, t, c, url, sid)
	if err != nil {
		return f.fail(ctx, t, err), nil
	}
	return next, nil
}

// client finds the client of a request.
func (f *Flows) client(ctx context.Context, id string) (*client.Client, error) {
	if id == "" {
		return nil, oauth.ErrInvalidRequest.With("The client_id parameter is missing.")
	}
	c, err := f.Clients.Get(ctx, id)
	if errors.Is(err, client.ErrNotFound) {
		return nil, oauth.ErrInvalidClient.With("There is no client of this client_id. Check the application's settings.")
	}
	return c, err
}

// clientOf finds the client of a flow that goes on, and makes sure that it is still the one that asked: that neither was
// the client deleted and its id given to another, nor was the redirect URI taken from it.
func (f *Flows) clientOf(ctx context.Context, flow *Flow) (*client.Client, error) {
	r := flow.request()
	c, err := f.client(ctx, r.ClientID)
	if err != nil {
		return nil, err
	}
	if _, ok := c.MatchRedirect(r.RedirectURI); !ok || r.At.Before(c.CreatedAt) {
		return nil, errChanged
	}
	return c, nil
}

// fail is the answer that tells the client an error.
func (f *Flows) fail(ctx context.Context, t target, err error) *Next {
	return &Next{Answer: failed(t, f.Issuer.URL(ctx), err), Err: err}
}

// begin judges the request and sends the person to the login app.
func (f *Flows) begin(ctx context.Context, p params, t target, c *client.Client, url, sid string) (*Next, error) {
	r, err := check(p, t, c, f.Policy)
	if err != nil {
		return nil, err
	}
	if err := f.readHint(ctx, r, p.get("id_token_hint")); err != nil {
		return nil, err
	}
	now := f.Now()
	r.URL, r.At = url, now
	b := &begun{Request: *r, SessionID: newSessionID()}
	if b.Known, err = f.known(ctx, sid); err != nil {
		return nil, err
	}
	sees := func(subject string) string { return clientSubject(c, subject, "", f.Policy) }
	if b.Skip, err = decideLogin(r, b.Known, sees, now); err != nil {
		return nil, err
	}
	if b.Known != nil {
		b.SessionID = b.Known.SessionID
	}
	flow := &Flow{ID: NewFlowID(), ExpiresAt: now.Add(f.Policy.Lifespans.LoginConsentRequest)}
	if _, err := f.Store.append(ctx, flow, stepBegun, b, nil); err != nil {
		return nil, err
	}
	challenge := f.Challenges.Make(LoginChallenge, here(ctx), flow.ID)
	return &Next{Location: oauth.WithParam(f.loginURL(ctx, r), "login_challenge", challenge), Bind: flow.ID}, nil
}

// here is the tenant of the request. Without one no statement would run, so there is none to be mistaken for.
func here(ctx context.Context) tenant.ID {
	id, _ := tenant.From(ctx)
	return id
}

// known finds the login session that the browser brought. One that is over is none.
func (f *Flows) known(ctx context.Context, sid string) (*known, error) {
	if sid == "" {
		return nil, nil
	}
	s, err := f.Store.Session(ctx, sid)
	if errors.Is(err, ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.Login != nil && s.ProviderSession != "" {
		if live, err := f.Login.Live(ctx, s.ProviderSession); err != nil || !live {
			return nil, err
		}
	}
	return s.known(), nil
}

// loginURL is where people sign in, or sign up where the client wants that.
func (f *Flows) loginURL(ctx context.Context, r *Request) string {
	if r.has("registration") && f.Policy.URLs.Registration != "" {
		return f.page(ctx, f.Policy.URLs.Registration)
	}
	if f.Policy.URLs.Login != "" {
		return f.page(ctx, f.Policy.URLs.Login)
	}
	return f.Public(ctx, pathFallbackLogin)
}

func (f *Flows) consentURL(ctx context.Context, flow *Flow) string {
	to := f.Public(ctx, pathFallbackConsent)
	if f.Policy.URLs.Consent != "" {
		to = f.page(ctx, f.Policy.URLs.Consent)
	}
	return oauth.WithParam(to, "consent_challenge", f.Challenges.Make(ConsentChallenge, here(ctx), flow.ID))
}

// page is a page of the policy: an address, or a path of this server's own, which each tenant has under its own name.
func (f *Flows) page(ctx context.Context, to string) string {
	if strings.HasPrefix(to, "/") {
		return f.Public(ctx, to)
	}
	return to
}

// open finds the flow of a challenge or verifier. have says whether a flow from memory knows enough.
func (f *Flows) open(ctx context.Context, p Purpose, challenge string, have func(*Flow) bool) (*Flow, error) {
	id, ok := f.Challenges.Open(p, here(ctx), challenge)
	if !ok {
		return nil, errNotFound
	}
	flow, err := f.Store.find(ctx, id, have)
	if errors.Is(err, errNoFlow) {
		return nil, errExpired // it was there, for the challenge is ours, and has been swept away
	}
	if err != nil {
		return nil, err
	}
	if flow.expired(f.Now()) {
		return nil, errExpired.WithDetail(detailRestart, flow.request().URL)
	}
	return flow, nil
}

func isBegun(flow *Flow) bool    { return flow.Begun != nil }
func isLoggedIn(flow *Flow) bool { return flow.Login != nil }
func isSignedIn(flow *Flow) bool { return flow.SignedIn != nil }
func isAnswered(flow *Flow) bool { return flow.Consent != nil }

// used says that a challenge was answered before.
func used(flow *Flow) error { return errUsed.WithDetail(detailRestart, flow.request().URL) }
