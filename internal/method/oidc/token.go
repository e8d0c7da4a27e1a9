package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Bounds of what is taken from a provider, in bytes, and between its clock and ours, in seconds.
const (
	maxToken   = 16 << 10
	maxClaims  = 64 << 10
	maxContext = 1 << 10 // acr and amr, which a session keeps
	leeway     = 60
)

// fresh is how old an ID token may be that a person brings.
const fresh = 10 * time.Minute

// verified checks the ID token, and puts together what the provider said. Without tokens, it is one that the person has brought.
func (p *provider) verified(ctx context.Context, u *upstream, tokens *oauth2.Token, raw string, a *asked) (*proven, error) {
	token, err := u.Verifier(&oidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: p.manyIssuers(), Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	clients := []string{p.c.ClientID}
	if tokens == nil {
		clients = append(clients, p.c.AdditionalIDTokenAudiences...)
	}
	if !slices.ContainsFunc(token.Audience, func(aud string) bool { return slices.Contains(clients, aud) }) {
		return nil, errors.New("the ID token is for another client (aud)")
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return nil, errors.New("the ID token is for another question: its nonce differs")
	}
	if token.AccessTokenHash != "" && tokens != nil {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, err
		}
	}
	var said struct {
		AuthorizedParty string   `json:"azp"`
		ACR             string   `json:"acr"`
		AMR             []string `json:"amr"`
		Tenant          string   `json:"tid"`
		Object          string   `json:"oid"`
		AuthTime        float64  `json:"auth_time"`
	}
	if err := token.Claims(&said); err != nil {
		return nil, err
	}
	if said.AuthorizedParty != "" && !slices.Contains(clients, said.AuthorizedParty) {
		return nil, errors.New("the ID token was made for another client (azp)")
	}
	if p.manyIssuers() && (said.Tenant == "" || token.Issuer != microsoftAuthority+said.Tenant+"/v2.0") {
		return nil, errors.New("the ID token is of another issuer than its directory (tid)")
	}
	if tokens == nil && token.IssuedAt.Before(p.now().Add(-fresh)) {
		return nil, errors.New("the ID token was made too long ago (iat)")
	}
	// The parameter that asks for it stands in an address which the person can change. Not every provider says when it was.
	if said.AuthTime > 0 && int64(said.AuthTime)+leeway < a.Since {
		return nil, errors.New("the provider did not ask the person anew (auth_time)")
	}
	subject := token.Subject
	if p.c.SubjectSource == byOID {
		subject = said.Object
	}
	if subject == "" || len(subject) > 255 || strings.ContainsFunc(subject, unicode.IsControl) { // OpenID Connect Core §2
		return nil, errors.New("the ID token names nobody")
	}
	claims, err := p.claims(ctx, u, token, tokens)
	if err != nil {
		return nil, err
	}
	if len(said.ACR)+len(strings.Join(said.AMR, "")) > maxContext {
		said.ACR, said.AMR = "", nil
	}
	found := &proven{Provider: p.c.ID, Subject: subject, Claims: claims, ACR: said.ACR, AMR: said.AMR, IDToken: kept(raw)}
	if tokens != nil {
		found.Access, found.Refresh = kept(tokens.AccessToken), kept(tokens.RefreshToken)
	}
	return found, nil
}

// brought takes an ID token that the provider gave to somebody else. The nonce that comes with it is no secret: what it is good for
// is that the token was asked for just now, so an old one is not taken, though it has not expired.
func (p *provider) brought(ctx context.Context, raw string, a *asked) (*proven, error) {
	if len(p.c.AdditionalIDTokenAudiences) == 0 || a.Nonce == "" {
		return nil, errors.New("an ID token came that this server has not asked for: that takes additional_id_token_audiences, and an id_token_nonce")
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), patience)
	defer cancel()
	u, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	return p.verified(ctx, u, nil, raw, a)
}

// kept is a token as it is kept; one beyond all measure is not.
func kept(token string) string {
	if len(token) > maxToken {
		return ""
	}
	return token
}

// claims are those of the ID token, and those of userinfo before them where the configuration asks for it.
func (p *provider) claims(ctx context.Context, u *upstream, token *oidc.IDToken, tokens *oauth2.Token) (json.RawMessage, error) {
	all := map[string]any{}
	if err := token.Claims(&all); err != nil {
		return nil, err
	}
	if p.c.ClaimsSource == userinfo && tokens != nil {
		info, err := u.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return nil, err
		}
		if info.Subject != token.Subject { // OpenID Connect Core §5.3.2
			return nil, errors.New("userinfo is about somebody else than the ID token")
		}
		if err := info.Claims(&all); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(all)
	if len(raw) > maxClaims {
		return nil, fmt.Errorf("the claims are %d bytes; %d are read", len(raw), maxClaims)
	}
	return raw, err
}
