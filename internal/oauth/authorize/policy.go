package authorize

import (
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Policy is the part of the configuration that the rules of this package ask. It is the feature's view of `oauth` and
// adds what the profile decides.
type Policy struct {
	oauth.Config
	// Development is the development profile: tokens in the front channel are allowed by default, and where no login
	// app is configured a developer login form stands in.
	Development bool
}

// FrontChannel tells whether the client may get tokens from the authorization endpoint.
func (p Policy) FrontChannel(clientID string) bool {
	return p.FrontChannelTokens.Allowed(clientID, p.Development)
}
