package authorize

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// errUnmetACR says that the person signed in, but not in the way that the client insists on (OpenID Connect Core Error
// Code unmet_authentication_requirements 1.0).
var errUnmetACR = fault.New(fault.Invalid, "unmet_authentication_requirements",
	"The person signed in, but in none of the ways that the client's essential acr claim asks for.")

// decideLogin says whether the session that the browser brought, if any, spares the person a login: skip. With
// prompt=none the person may not be asked at all, so whatever would need a question is an error (OpenID Connect Core
// §3.1.2.3, §3.1.2.6).
func decideLogin(r *Request, s *known, sees func(subject string) string, now time.Time) (skip bool, err error) {
	switch {
	case s == nil:
		return false, silent(r, oauth.ErrLoginRequired.With("Nobody is signed in, and prompt=none forbids to ask."))
	case r.has("login"), r.has("select_account"), r.has("registration"):
		return false, nil
	case r.MaxAge != nil && now.Sub(s.AuthTime) >= time.Duration(*r.MaxAge)*time.Second:
		return false, silent(r, oauth.ErrLoginRequired.With("The last login is older than max_age allows, and prompt=none forbids to ask."))
	case !isWanted(r, sees(s.Subject)):
		return false, silent(r, oauth.ErrLoginRequired.With("Somebody else is signed in than the one that the client asks for, and prompt=none forbids to ask."))
	case len(r.EssentialACR) > 0 && !slices.Contains(r.EssentialACR, s.ACR):
		return false, silent(r, oauth.ErrLoginRequired.With("The last login did not reach the essential acr, and prompt=none forbids to ask."))
	}
	return true, nil
}

// silent gives the error where nothing may be asked, and none where it may.
func silent(r *Request, e *fault.Error) error {
	if r.has("none") {
		return e
	}
	return nil
}

// isWanted tells whether a person is the one of id_token_hint and of the claims parameter. Each names the subject as the
// client sees it: were the real one good as well, a client that sees pairwise subjects could find out by trying.
func isWanted(r *Request, clientSubject string) bool {
	for _, want := range [...]string{r.HintSubject, r.WantSubject} {
		if want != "" && want != clientSubject {
			return false
		}
	}
	return true
}

// signIn turns the login app's answer into who it is. clientSubject is what the client sees, fresh a new session id for
// when somebody else signed in than the browser's session says, or that session is over.
func signIn(f *Flow, clientSubject, fresh string, over bool) (*SignedIn, error) {
	r, a, k := f.request(), f.Login, f.Begun.Known
	s := &SignedIn{Subject: a.Subject, ClientSubject: clientSubject, SessionID: f.Begun.SessionID, AuthTime: a.time(), ACR: a.ACR, AMR: a.AMR}
	switch {
	case f.Begun.Skip: // nobody was asked, so what is known of the earlier login still holds
		s.AuthTime = k.AuthTime
		if s.ACR == "" {
			s.ACR = k.ACR
		}
		if s.AMR == nil {
			s.AMR = k.AMR
		}
	case k != nil && (over || a.Subject != k.Subject):
		s.SessionID = fresh
	}
	if !f.Begun.Skip && !recent(r, s.AuthTime) {
		return nil, errStale
	}
	if !isWanted(r, clientSubject) {
		return nil, oauth.ErrLoginRequired.With("Somebody else signed in than the one that the client asked for by id_token_hint or claims.")
	}
	if len(r.EssentialACR) > 0 && !slices.Contains(r.EssentialACR, s.ACR) {
		return nil, errUnmetACR
	}
	return s, nil
}

// errStale says that the login app took an earlier login for good where the client wants a new one.
var errStale = oauth.ErrLoginRequired.With("The person's login is older than the client allows by max_age or prompt.")

// time is when the person proved who they are.
func (a *LoginAnswer) time() time.Time {
	if !a.AuthenticatedAt.IsZero() && a.AuthenticatedAt.Before(a.At) {
		return a.AuthenticatedAt
	}
	return a.At
}

// recent tells whether a login of that time is what the client wants (OpenID Connect Core §3.1.2.1): since the request began
// where it asks for a new one, and max_age seconds before that otherwise.
func recent(r *Request, at time.Time) bool {
	if r.has("login") && at.Before(r.At) {
		return false
	}
	return r.MaxAge == nil || !at.Before(r.At.Add(-time.Duration(*r.MaxAge)*time.Second))
}

// mayRecallConsent tells whether an earlier consent may be looked for: not when the client wants the person to be asked
// (prompt=consent), and not where anybody could pretend to be the client: a public client whose answer does not go to a
// web site, but to a private-use scheme or a port of the person's machine (RFC 6749 §10.2, RFC 8252 §8.6). In development
// web sites are on such a port.
func mayRecallConsent(r *Request, c *client.Client, development bool) bool {
	return !r.has("consent") && !impersonable(r, c, development)
}

func impersonable(r *Request, c *client.Client, development bool) bool {
	if !c.Public() || strings.HasPrefix(r.RedirectURI, "https://") {
		return false
	}
	if !development {
		return true
	}
	rest, http := strings.CutPrefix(r.RedirectURI, "http://")
	if !http {
		return true
	}
	host := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		host = rest[:end]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return !oauth.LocalHost(strings.Trim(host, "[]"))
}

// decideConsent says whether consent must be asked. remembered tells whether an earlier consent covers the request.
func decideConsent(r *Request, c *client.Client, remembered bool) (skip bool, err error) {
	skip = remembered || c.SkipConsent && !r.has("consent")
	if !skip {
		return false, silent(r, oauth.ErrConsentRequired.With("The person has not consented to this client, and prompt=none forbids to ask."))
	}
	return true, nil
}

// covers tells whether a remembered consent answers for a request: for every scope and audience of it, until it expires.
func (m Remembered) covers(r *Request, now time.Time) bool {
	if !m.Until.IsZero() && !now.Before(m.Until) {
		return false
	}
	return oauth.Scope(m.Scope).Covers(r.Scope) && oauth.Audience(m.Audience).Covers(r.Audience)
}
