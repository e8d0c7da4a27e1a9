package authorize

import (
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Session is a login that a browser remembers. Its id is the sid of ID tokens, and what the session cookie holds.
// A Session from the store is shared and must not be changed.
type Session struct {
	ID              string
	Subject         string
	AuthenticatedAt time.Time
	ACR             string
	AMR             []string
	// ProviderSession is what the login app calls the session (identity_provider_session_id).
	ProviderSession string
	ExpiresAt       time.Time
}

// known is what a flow keeps of the session.
func (s *Session) known() *known {
	return &known{SessionID: s.ID, Subject: s.Subject, AuthTime: s.AuthenticatedAt, ACR: s.ACR, AMR: s.AMR}
}

// maxSubject is how long a subject may be (OpenID Connect Core §2: 255 ASCII characters).
const maxSubject = 255

// newSessionID makes a sid. Who knows one cannot do anything with it: the cookie holds it sealed.
func newSessionID() string { return secret.NewID() }

// cookieAge says for how long the browser keeps the session cookie; 0 is until it is closed. The row lives no longer
// than the configured lifespan in any case.
func cookieAge(a *LoginAccept, lifespan time.Duration) time.Duration {
	if a.RememberFor <= 0 {
		return 0
	}
	return min(seconds(a.RememberFor), lifespan)
}

// sessionExpiry says until when a session made or extended now counts.
func sessionExpiry(a *LoginAccept, lifespan time.Duration, now time.Time) time.Time {
	if age := cookieAge(a, lifespan); age > 0 {
		return now.Add(age)
	}
	return now.Add(lifespan)
}

// seconds is a number of seconds from outside as a duration that cannot overflow.
func seconds(n int64) time.Duration {
	const century = 100 * 365 * 24 * 60 * 60
	return time.Duration(min(n, century)) * time.Second
}
