package logout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	path         = "/oauth2/sessions/logout"
	pathFallback = "/oauth2/fallbacks/logout"
	pathDone     = "/oauth2/fallbacks/logout/callback"
)

// lifespan is how long the person may take to answer.
const lifespan = time.Hour

var (
	errNotFound = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")
	errExpired  = fault.New(fault.Unauthenticated, "request_unauthorized", "The logout request has expired. Start again at the address in redirect_to.")
	errUsed     = fault.New(fault.Gone, "request_used", "The logout request was used already. Start again at the address in redirect_to.")
)

// Logouts leads logout requests from the wish to the end. It knows nothing of HTTP.
type Logouts struct {
	URLs       oauth.URLsConfig
	Clients    *client.Store
	Sessions   *authorize.Store
	Keys       token.Verifier
	Store      *Store
	Challenges authorize.Challenges
	// Login is the login that is built into this server, whose sessions end too; nil where people sign in elsewhere.
	Login authorize.Login
	// Issuer gives our issuer identifier, which an id_token_hint must have.
	Issuer func(ctx context.Context) string
	// Public gives the URL of a path on the public listener, as the tenant of ctx is reached. A page of URLs may be such a path.
	Public func(ctx context.Context, path string) string
	Now    func() time.Time
}

// Wish is what a logout request says (RP-Initiated Logout §2).
type Wish struct {
	Hint        string // id_token_hint
	ClientID    string
	RedirectURI string // post_logout_redirect_uri
	State       string
	URL         string // the whole request
}

// Request is a logout that waits for the person's word; kept as JSON.
type Request struct {
	ID          string    `json:"-"`
	SessionID   string    `json:"sid"`
	Subject     string    `json:"sub"`
	ClientID    string    `json:"client,omitempty"`
	RPInitiated bool      `json:"rp,omitempty"`
	To          string    `json:"to"` // where the browser goes in the end
	URL         string    `json:"url"`
	At          time.Time `json:"at"`
	ExpiresAt   time.Time `json:"-"`
	State       state     `json:"-"`
}

// Next is where the browser goes, and whether it shall forget its session.
type Next struct {
	Location string
	Forget   bool
}

// Begin takes a wish from a browser with a login session (sid, "" for none). An error is for the person.
func (l *Logouts) Begin(ctx context.Context, w Wish, sid string) (*Next, error) {
	hint, c, err := l.whose(ctx, w)
	if err != nil {
		return nil, err
	}
	to, err := l.destination(ctx, w, c)
	if err != nil {
		return nil, err
	}
	session, err := l.session(ctx, sid)
	if err != nil {
		return nil, err
	}
	if session == nil {
		return &Next{Location: to, Forget: sid != ""}, nil // nobody is signed in here, so nobody needs to be asked
	}
	now := l.Now()
	r := &Request{ID: authorize.NewFlowID(), SessionID: session.ID, Subject: session.Subject, To: to, URL: w.URL, At: now, ExpiresAt: now.Add(lifespan), State: asked}
	if c != nil {
		r.ClientID = c.ID
	}
	// Only who shows an ID token of this very session speaks for it; anybody could send a browser here (§6).
	r.RPInitiated = hint != nil && hint.SessionID == session.ID
	if r.RPInitiated && c != nil && c.SkipLogoutConsent != nil && *c.SkipLogoutConsent {
		if err := l.endOrigin(ctx, session); err != nil {
			return nil, err
		}
		return &Next{Location: to, Forget: true}, l.Sessions.EndSession(ctx, session.ID)
	}
	if err := l.Store.insert(ctx, r); err != nil {
		return nil, err
	}
	return &Next{Location: l.askURL(ctx, r)}, nil
}

// whose finds the client that sent the browser: the audience of the id_token_hint, or client_id. Both must agree (§2).
func (l *Logouts) whose(ctx context.Context, w Wish) (*authorize.Hint, *client.Client, error) {
	var hint *authorize.Hint
	id := w.ClientID
	if w.Hint != "" {
		var err error
		if hint, err = authorize.ReadHint(ctx, l.Keys, l.Issuer(ctx), w.Hint); err != nil {
			return nil, nil, err
		}
		switch {
		case id == "" && len(hint.Audience) > 0:
			id = hint.Audience[0]
		case !slices.Contains(hint.Audience, id):
			return nil, nil, oauth.ErrInvalidRequest.With("The id_token_hint was not issued to the client that client_id names.")
		}
	}
	if id == "" {
		return hint, nil, nil
	}
	c, err := l.Clients.Get(ctx, id)
	if errors.Is(err, client.ErrNotFound) {
		return nil, nil, oauth.ErrInvalidClient.With("There is no client of this client_id. Check the application's settings.")
	}
	return hint, c, err
}

// destination says where the browser goes in the end. What a request names must be registered, character by character
// (§3.1).
func (l *Logouts) destination(ctx context.Context, w Wish, c *client.Client) (string, error) {
	switch {
	case w.RedirectURI == "" && l.URLs.PostLogoutRedirect != "":
		return l.URLs.PostLogoutRedirect, nil
	case w.RedirectURI == "":
		return l.Public(ctx, pathDone), nil
	case c == nil:
		return "", oauth.ErrInvalidRequest.With("The post_logout_redirect_uri parameter needs an id_token_hint or a client_id, to tell whose it is.")
	case !slices.Contains(c.PostLogoutRedirectURIs, w.RedirectURI):
		return "", oauth.ErrInvalidRequest.Withf("The post_logout_redirect_uri %s is not registered for the client. It must be the same, character by character, as one of the client's post_logout_redirect_uris.", oauth.Quote(w.RedirectURI))
	case w.State == "":
		return w.RedirectURI, nil
	}
	return oauth.WithParam(w.RedirectURI, "state", w.State), nil
}

// session finds the browser's session; nil where there is none.
func (l *Logouts) session(ctx context.Context, sid string) (*authorize.Session, error) {
	if sid == "" {
		return nil, nil
	}
	s, err := l.Sessions.Session(ctx, sid)
	if errors.Is(err, authorize.ErrNoSession) {
		return nil, nil
	}
	return s, err
}

func (l *Logouts) askURL(ctx context.Context, r *Request) string {
	to := l.URLs.Logout
	if to == "" {
		to = pathFallback
	}
	if strings.HasPrefix(to, "/") {
		to = l.Public(ctx, to)
	}
	return oauth.WithParam(to, "logout_challenge", l.Challenges.Make(authorize.LogoutChallenge, here(ctx), r.ID))
}

func here(ctx context.Context) tenant.ID {
	id, _ := tenant.From(ctx)
	return id
}

// Get finds what a challenge is about.
func (l *Logouts) Get(ctx context.Context, challenge string) (*Request, *client.Client, error) {
	r, err := l.open(ctx, authorize.LogoutChallenge, challenge)
	if err != nil {
		return nil, nil, err
	}
	if r.State != asked {
		return nil, nil, used(r)
	}
	if r.ClientID == "" {
		return r, nil, nil
	}
	c, err := l.Clients.Get(ctx, r.ClientID)
	if errors.Is(err, client.ErrNotFound) {
		return r, nil, nil // deleted meanwhile; the person may sign out all the same
	}
	return r, c, err
}

// open finds the request of a challenge or verifier.
func (l *Logouts) open(ctx context.Context, p authorize.Purpose, challenge string) (*Request, error) {
	id, ok := l.Challenges.Open(p, here(ctx), challenge)
	if !ok {
		return nil, errNotFound
	}
	r, err := l.Store.load(ctx, id)
	if errors.Is(err, errUnknown) {
		return nil, errExpired
	}
	if err != nil {
		return nil, err
	}
	if !l.Now().Before(r.ExpiresAt) {
		return nil, errExpired.WithDetail("redirect_to", r.URL)
	}
	return r, nil
}

func used(r *Request) error { return errUsed.WithDetail("redirect_to", r.URL) }

// Accept takes the person's yes, and says where to send the browser.
func (l *Logouts) Accept(ctx context.Context, challenge string) (to string, err error) {
	r, err := l.answer(ctx, challenge, accepted)
	if err != nil {
		return "", err
	}
	return oauth.WithParam(l.Public(ctx, path), "logout_verifier", l.Challenges.Make(authorize.LogoutVerifier, here(ctx), r.ID)), nil
}

// Reject takes the person's no.
func (l *Logouts) Reject(ctx context.Context, challenge string) error {
	_, err := l.answer(ctx, challenge, rejected)
	return err
}

// answer stores an answer. The same again is no error: people click twice.
func (l *Logouts) answer(ctx context.Context, challenge string, to state) (*Request, error) {
	r, err := l.open(ctx, authorize.LogoutChallenge, challenge)
	if err != nil {
		return nil, err
	}
	if r.State == to {
		return r, nil
	}
	won, err := l.Store.move(ctx, r.ID, asked, to)
	if err != nil || won {
		return r, err
	}
	if r, err = l.Store.load(ctx, r.ID); err == nil && r.State != to {
		err = used(r)
	}
	return r, err
}

// Complete takes the browser that comes back from the logout app, and ends the session that the person agreed to end.
func (l *Logouts) Complete(ctx context.Context, verifier, sid string) (*Next, error) {
	r, err := l.open(ctx, authorize.LogoutVerifier, verifier)
	if err != nil {
		return nil, err
	}
	won, err := l.end(ctx, r)
	if err != nil {
		return nil, err
	}
	if !won {
		return nil, used(r)
	}
	return &Next{Location: r.To, Forget: sid == r.SessionID}, nil
}

// end ends the session, once, and before it the one of the built-in login that it came of: were that one to live on, the person
// would be signed in again without being asked. Should what follows fail, the browser may try again.
func (l *Logouts) end(ctx context.Context, r *Request) (bool, error) {
	if r.State != accepted {
		return false, nil
	}
	session, err := l.session(ctx, r.SessionID)
	if err != nil {
		return false, err
	}
	if err := l.endOrigin(ctx, session); err != nil {
		return false, err
	}
	return l.Store.finish(ctx, r, l.Sessions)
}

// endOrigin ends the session of the built-in login out of which a login session came.
func (l *Logouts) endOrigin(ctx context.Context, s *authorize.Session) error {
	if l.Login == nil || s == nil || s.ProviderSession == "" {
		return nil
	}
	return l.Login.End(ctx, s.ProviderSession)
}
