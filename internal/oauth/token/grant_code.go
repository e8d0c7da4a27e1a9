package token

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// CodeExchange is the authorization_code grant (RFC 6749 §4.1.3).
type CodeExchange struct {
	Issuer *Issuer
}

// errReused is the internal cause of a refusal that made a family revoked; it is for the log.
var errReused = errors.New("token: a code or refresh token was presented again: its family is revoked")

// Handle redeems a code. Codes are good once: who presents one again makes all tokens of its family revoked, for one
// of the two had no right to it (RFC 6749 §4.1.2, RFC 9700 §2.1.1).
func (e *CodeExchange) Handle(ctx context.Context, r *Request) (*Response, error) {
	i := e.Issuer
	if r.Form.Get("code") == "" {
		return nil, oauth.ErrInvalidRequest.With("The code parameter is missing.")
	}
	code, err := i.Store.code(ctx, r.Form.Get("code"))
	if errors.Is(err, ErrUnknown) {
		return nil, oauth.ErrInvalidGrant.With("The authorization code is unknown.")
	}
	if err != nil {
		return nil, err
	}
	if err := e.check(r, code); err != nil {
		return nil, err
	}
	switch {
	case !code.SpentAt.IsZero():
		return nil, i.reused(ctx, code)
	case code.Expired(i.Now()):
		return nil, oauth.ErrInvalidGrant.With("The authorization code has expired.")
	}
	if err := i.registered(r.Client, &code.Grant); err != nil {
		return nil, err
	}
	return i.redeem(ctx, r.Client, code, code.Grant, oauth.GrantAuthorizationCode)
}

// check holds a code against the request that brings it. All of it comes before the code is spent, so that a stranger
// who has the code but not the verifier cannot spoil it.
func (e *CodeExchange) check(r *Request, code *Token) error {
	switch {
	case code.ClientID != r.Client.ID: // RFC 6749 §4.1.3: issued to this client
		return oauth.ErrInvalidGrant.With("The authorization code was issued to another client.")
	case !code.RevokedAt.IsZero():
		return oauth.ErrInvalidGrant.With("The authorization code has been revoked.")
	case code.RedirectURI != "" && subtle.ConstantTimeCompare([]byte(code.RedirectURI), []byte(r.Form.Get("redirect_uri"))) != 1:
		return oauth.ErrInvalidGrant.With("The redirect_uri must be the same as in the authorization request.")
	}
	return oauth.VerifyPKCE(code.CodeChallenge, r.Form.Get("code_verifier"))
}
