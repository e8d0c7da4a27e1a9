package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// Kind says what a row of oauth_token stands for. Its text is also the kind word inside the token itself
// ("<prefix>_<kind>_…"), so a refresh token can never be mistaken for an access token.
type Kind string

// The kinds of token that this package keeps.
const (
	Code    Kind = "ac" // authorization code, single use
	Access  Kind = "at" // access token; for a JWT the row is found by its jti
	Refresh Kind = "rt" // refresh token, rotated on every use
)

// Claims are claims that somebody else decided on (the consent app, mostly). Numbers keep their exact text when a
// grant is read back from the database.
type Claims map[string]any

// UnmarshalJSON reads an object without turning large integers into floating-point numbers.
func (c *Claims) UnmarshalJSON(data []byte) error {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return err
	}
	*c = m
	return nil
}

// Grant is what was granted to a client: by a user's consent, or by the client's own registration. Each token carries
// a copy, so that a token can be judged from its own row alone.
type Grant struct {
	// Family groups all tokens that stem from one authorization (Ory's consent_request_id); they are revoked
	// together. Empty for client_credentials, whose tokens stand alone.
	Family string `json:"family,omitempty"`
	// ClientID is the client that the tokens are bound to.
	ClientID string `json:"client_id"`
	// Subject is the `sub` that the client sees: pairwise when the client asks for that, else the same as RealSubject.
	Subject string `json:"sub,omitempty"`
	// RealSubject is who it really is. Empty means the same as Subject. It is shown to administrators only.
	RealSubject string `json:"real_sub,omitempty"`
	// SessionID is the login session (`sid`).
	SessionID string `json:"sid,omitempty"`
	// GrantType is the grant that began the family.
	GrantType string `json:"grant_type,omitempty"`
	// Scope is the granted scope: all of it on codes and refresh tokens, perhaps less on an access token (RFC 6749 §6).
	Scope []string `json:"scope,omitempty"`
	// Audience is the granted audience of access tokens.
	Audience []string `json:"aud,omitempty"`
	// RedirectURI is the redirect_uri parameter exactly as it stood in the authorization request; empty when the
	// request had none, in which case the token request need not repeat it (RFC 6749 §4.1.3).
	RedirectURI string `json:"redirect_uri,omitempty"`
	// CodeChallenge is the S256 challenge of RFC 7636; empty when the authorization request had none.
	CodeChallenge string `json:"code_challenge,omitempty"`
	// Nonce goes into the ID token of the code exchange.
	Nonce string `json:"nonce,omitempty"`
	// ACR and AMR tell how the user was authenticated, AuthTime when.
	ACR      string    `json:"acr,omitempty"`
	AMR      []string  `json:"amr,omitempty"`
	AuthTime time.Time `json:"auth_time,omitzero"`
	// RequestedAt is when the authorization request arrived (Ory's `rat`).
	RequestedAt time.Time `json:"rat,omitzero"`
	// AccessClaims and IDClaims are the consent session: extra claims of access tokens (`ext`) and of ID tokens and
	// userinfo.
	AccessClaims Claims `json:"access_claims,omitempty"`
	IDClaims     Claims `json:"id_claims,omitempty"`
	// ClaimsRequest is the `claims` parameter of the authorization request (OpenID Connect Core §5.5), as it came.
	ClaimsRequest json.RawMessage `json:"claims_request,omitempty"`
	// Issuer is the `iss` under which the family was begun; later tokens of the family keep it (OpenID Connect Core
	// §12.2).
	Issuer string `json:"iss,omitempty"`
}

// Real is the subject as the server itself knows it.
func (g *Grant) Real() string {
	if g.RealSubject != "" {
		return g.RealSubject
	}
	return g.Subject
}

// Has tells whether a scope was granted.
func (g *Grant) Has(scope string) bool { return slices.Contains(g.Scope, scope) }

// Offline tells whether the user allowed the client to come back without him (either spelling).
func (g *Grant) Offline() bool { return g.Has("offline_access") || g.Has("offline") }

// Token is one row of oauth_token: a grant, and what has become of it. A looked-up Token may be shared with other
// requests and must not be changed.
type Token struct {
	Grant

	Kind      Kind
	Digest    string
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: does not expire
	SpentAt   time.Time // zero: not used yet; codes and refresh tokens are used once
	RevokedAt time.Time // zero: not revoked

	// Shown keeps what a reader of a cached token rendered from it (package inspect: the introspection answers), so
	// that a busy resource server's question costs one copy.
	Shown Shown
	// Seen keeps what a reader outside of this wing made of a cached token: the doors, which see it in their own words.
	Seen atomic.Pointer[any]
}

// Expired tells whether the token's own expiry has come.
func (t *Token) Expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// Active tells whether the token may be used now.
func (t *Token) Active(now time.Time) bool {
	return t.RevokedAt.IsZero() && t.SpentAt.IsZero() && !t.Expired(now)
}

// ErrUnknown says that there is no such token: it was never issued by this server, or has been swept away.
var ErrUnknown = errors.New("token: unknown")
