package account

import (
	"context"
)

// Consents is what an OAuth server asks people to allow.
type Consents interface {
	// Request tells what a challenge is about; a fault of kind NotFound, Unauthenticated (expired) or Gone when there is none
	// (any more).
	Request(ctx context.Context, challenge string) (*Consent, error)
	// Accept answers the challenge and tells where the browser goes on.
	Accept(ctx context.Context, challenge string, g Granted) (redirectTo string, err error)
	// Reject refuses the challenge and tells where the browser goes on.
	Reject(ctx context.Context, challenge string) (redirectTo string, err error)
}

// Consent is what an application asks a person to allow.
type Consent struct {
	// Client is who asks.
	Client Client
	// Subject is the id of the identity that is asked.
	Subject string
	// Scopes are what it asks for.
	Scopes []string
	// Skip says that nobody needs to be asked: the application is the operator's own, or the person said yes before.
	Skip bool
	// UILocales are the languages that the application asks for, the best first.
	UILocales []string
	// RequestURL is the authorization request, with which it can be started again.
	RequestURL string
}

// Client is an application as people get to see it.
type Client struct {
	// ID is what stands where there is no name.
	ID   string
	Name string
	// LogoURL, URL, PolicyURL and TermsURL are the application's own, "" where it has none.
	LogoURL, URL, PolicyURL, TermsURL string
}

// called is what people call the application.
func (c Client) called() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Granted is what a person allowed.
type Granted struct {
	// Scopes are some of those that were asked for.
	Scopes []string
	// Remember says not to ask again.
	Remember bool
	// Claims go into the ID token, and to the userinfo endpoint.
	Claims map[string]any
}

// Logouts is where an OAuth server asks people whether they want to sign out.
type Logouts interface {
	// Request tells what a challenge is about; faults as those of Consents.
	Request(ctx context.Context, challenge string) (*Logout, error)
	// Accept ends what the OAuth server remembers of the login, and the session that it came of, and tells where the
	// browser goes on.
	Accept(ctx context.Context, challenge string) (redirectTo string, err error)
	// Reject leaves all as it is.
	Reject(ctx context.Context, challenge string) error
}

// Logout is a sign-out that somebody asks for.
type Logout struct {
	// Client is the application that asks, nil for none.
	Client *Client
	// Subject is the id of the identity that would be signed out.
	Subject string
}

// Offers are the flows that there are, so that no page leads to one that is switched off.
type Offers struct {
	Registration, Recovery, Verification bool
}
