package token

import (
	"context"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// Request is a token request: the client that sent it, already authenticated, and its parameters, none of which is
// repeated but `audience`, and none empty.
type Request struct {
	Client *client.Client
	Form   url.Values
}

// Response is a successful token response (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
type Response struct {
	Access       AccessToken
	RefreshToken string
	IDToken      string
	Scope        []string
	// IssuedTokenType is for grants that must name what they issued (RFC 8693 §2.2.1).
	IssuedTokenType string
}

// Exchange is one grant type at the token endpoint: it turns what the client brings into tokens.
type Exchange interface {
	Handle(ctx context.Context, r *Request) (*Response, error)
}

// Grants are the grant types that the token endpoint knows. A further one is one more entry.
type Grants map[string]Exchange

// NewGrants makes the grant types of this package.
func NewGrants(i *Issuer) Grants {
	return Grants{
		oauth.GrantAuthorizationCode: &CodeExchange{Issuer: i},
		oauth.GrantClientCredentials: &ClientExchange{Issuer: i},
		oauth.GrantRefreshToken:      &RefreshExchange{Issuer: i},
	}
}

// Handle finds the grant type of a request and lets it answer, if the client is registered for it.
func (g Grants) Handle(ctx context.Context, r *Request) (*Response, error) {
	name := r.Form.Get("grant_type")
	if name == "" {
		return nil, oauth.ErrInvalidRequest.With("The grant_type parameter is missing.")
	}
	exchange, ok := g[name]
	if !ok {
		return nil, oauth.ErrUnsupportedGrantType
	}
	if !r.Client.GrantAllowed(name) {
		return nil, oauth.ErrUnauthorizedClient.With("The client is not registered for this grant type: add it to the client's grant_types.")
	}
	return exchange.Handle(ctx, r)
}

// json writes the response as it goes over the wire.
func (r *Response) json() []byte {
	o := NewObject(256 + len(r.Access.Token) + len(r.RefreshToken) + len(r.IDToken))
	o.String("access_token", r.Access.Token)
	o.Int("expires_in", r.Access.ExpiresIn)
	o.Text("id_token", r.IDToken)
	o.Text("issued_token_type", r.IssuedTokenType)
	o.Text("refresh_token", r.RefreshToken)
	o.Joined("scope", r.Scope)
	o.String("token_type", r.Access.Type)
	return append(o.Bytes(), '\n')
}
