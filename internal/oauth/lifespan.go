package oauth

import (
	"fmt"
	"time"
)

// Lifespans says how long what we issue is good for. A client may have its own.
type Lifespans struct {
	// AccessToken is how long access tokens are valid. Unit: duration. Default: 1h.
	// A JWT access token cannot be called back from those who only check its
	// signature, so longer means a longer harm when one leaks.
	AccessToken time.Duration `yaml:"access_token" default:"1h"`
	// RefreshToken is how long refresh tokens are valid; each rotation begins anew.
	// Unit: duration. Default: 720h. -1 means that they never expire, and are
	// never swept from the database.
	RefreshToken time.Duration `yaml:"refresh_token" default:"720h"`
	// IDToken is how long ID tokens are valid. Unit: duration. Default: 1h.
	IDToken time.Duration `yaml:"id_token" default:"1h"`
	// AuthorizationCode is how long a code waits to be redeemed. Unit: duration.
	// Default: 10m, which is also the most (RFC 6749 §4.1.2).
	AuthorizationCode time.Duration `yaml:"authorization_code" default:"10m" max:"10m"`
	// LoginConsentRequest is how long a person may take to sign in and consent.
	// Unit: duration. Default: 30m. After that the application must start over.
	LoginConsentRequest time.Duration `yaml:"login_consent_request" default:"30m" max:"24h"`
	// AuthenticationSession is how long a remembered sign-in lasts at most.
	// Unit: duration. Default: 720h; the most is 4320h (180 days).
	AuthenticationSession time.Duration `yaml:"authentication_session" default:"720h" max:"4320h"`
}

// NeverExpires marks a refresh token without an end.
const NeverExpires time.Duration = -1

// DefaultLifespans returns the lifetimes that hold when nothing is configured.
func DefaultLifespans() Lifespans {
	return Lifespans{
		AccessToken:           time.Hour,
		RefreshToken:          720 * time.Hour,
		IDToken:               time.Hour,
		AuthorizationCode:     10 * time.Minute,
		LoginConsentRequest:   30 * time.Minute,
		AuthenticationSession: 720 * time.Hour,
	}
}

// For returns the lifetime of a kind of token.
func (l Lifespans) For(kind TokenKind) time.Duration {
	switch kind {
	case KindAccess:
		return l.AccessToken
	case KindRefresh:
		return l.RefreshToken
	case KindID:
		return l.IDToken
	default:
		return l.AuthorizationCode
	}
}

// Validate returns what is wrong with the lifetimes, one line per fault, each
// beginning with the key.
func (l Lifespans) Validate() []error {
	var faults []error
	check := func(key string, d, most time.Duration) {
		if d <= 0 || d > most {
			faults = append(faults, fmt.Errorf("%s: must be more than 0 and at most %s, is %s", key, most, d))
		}
	}
	const decade = 10 * 365 * 24 * time.Hour
	check("access_token", l.AccessToken, decade)
	if l.RefreshToken != NeverExpires {
		check("refresh_token", l.RefreshToken, decade)
	}
	check("id_token", l.IDToken, decade)
	check("authorization_code", l.AuthorizationCode, 10*time.Minute)
	check("login_consent_request", l.LoginConsentRequest, 24*time.Hour)
	check("authentication_session", l.AuthenticationSession, 180*24*time.Hour)
	return faults
}
