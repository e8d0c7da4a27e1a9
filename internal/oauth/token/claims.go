package token

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// The `typ` headers of what is signed here.
const (
	accessTokenType = "at+jwt" // RFC 9068 §2.1
	idTokenType     = "JWT"
)

// reservedForUser tells whether a claim of an ID token or of userinfo is the server's own to set.
func reservedForUser(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "azp", "nonce", "auth_time", "acr", "amr", "sid", "rat",
		"at_hash", "c_hash", "s_hash":
		return true
	}
	return false
}

// reservedForAccess tells whether a top-level claim of a JWT access token is the server's own to set.
func reservedForAccess(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "scp", "ext", "auth_time", "acr", "amr",
		"cnf", "act", "may_act":
		return true
	}
	return false
}

// accessClaims are the claims of a JWT access token (RFC 9068 §2.2), with those that Ory's have.
func (i *Issuer) accessClaims(t *Token, id string) ([]byte, error) {
	o := NewObject(640)
	o.String("iss", t.Issuer)
	o.String("sub", t.Subject)
	if len(t.Audience) == 0 {
		// RFC 9068 §3: without a requested resource there is a default one. It is ourselves, for userinfo.
		o.Strings("aud", []string{t.Issuer})
	} else {
		o.Strings("aud", t.Audience)
	}
	o.String("client_id", t.ClientID)
	o.Time("exp", t.ExpiresAt)
	o.Time("iat", t.IssuedAt)
	o.Time("nbf", t.IssuedAt)
	o.String("jti", id)
	if i.Config.JWT.ScopeClaim != ScopeList {
		o.Joined("scope", t.Scope)
	}
	if i.Config.JWT.ScopeClaim != ScopeString {
		o.Strings("scp", t.Scope)
	}
	o.Time("auth_time", t.AuthTime) // RFC 9068 §2.2.1
	o.Text("acr", t.ACR)
	if len(t.AMR) > 0 {
		o.Strings("amr", t.AMR)
	}
	if err := i.extraClaims(o, t.AccessClaims); err != nil {
		return nil, err
	}
	return o.Bytes(), nil
}

// extraClaims writes the consent's claims into `ext`, as Ory does, and those that the operator allows at the top.
func (i *Issuer) extraClaims(o *Object, claims Claims) error {
	top := func(name string) bool { return slices.Contains(i.Config.JWT.AllowedTopLevelClaims, name) }
	ext := NewObject(64)
	if err := ext.Claims(claims, func(name string) bool { return top(name) && !i.Config.JWT.MirrorTopLevelClaims }); err != nil {
		return err
	}
	o.Raw("ext", ext.Bytes())
	if len(i.Config.JWT.AllowedTopLevelClaims) == 0 {
		return nil
	}
	return o.Claims(claims, func(name string) bool { return !top(name) || reservedForAccess(name) })
}

// idToken mints an ID token whose lifetime is that of grantType. Its audience is the client alone, which is why there
// is no azp: OpenID Connect Core §2 has it for audiences that differ from the authorized party.
func (i *Issuer) idToken(ctx context.Context, c *client.Client, g Grant, grantType, accessToken, code string) (string, error) {
	now := i.Now()
	alg := i.Keys.Alg(ctx, keys.IDToken)
	o := NewObject(768)
	o.String("iss", g.Issuer)
	o.String("sub", g.Subject)
	o.Strings("aud", []string{g.ClientID})
	o.Time("exp", now.Add(c.Lifespan(oauth.KindID, grantType, i.Lifespans)))
	o.Time("iat", now)
	o.String("jti", secret.NewID())
	o.Text("nonce", g.Nonce)
	g.writeLogin(o)
	o.Text("sid", g.SessionID)
	if accessToken != "" {
		o.String("at_hash", leftHash(alg, accessToken))
	}
	if code != "" {
		o.String("c_hash", leftHash(alg, code))
	}
	if err := o.Claims(g.IDClaims, g.hidden("id_token")); err != nil {
		return "", err
	}
	return i.Keys.Sign(ctx, keys.IDToken, idTokenType, o.Bytes())
}

// writeLogin writes how and when the user signed in.
func (g *Grant) writeLogin(o *Object) {
	o.Time("auth_time", g.AuthTime)
	o.Text("acr", g.ACR)
	if len(g.AMR) > 0 {
		o.Strings("amr", g.AMR)
	}
	o.Time("rat", g.RequestedAt)
}

// UserClaims writes what userinfo tells of a token's user: the subject, the consent's claims, and about the login what
// Ory tells there.
func (t *Token) UserClaims(o *Object) error {
	o.String("sub", t.Subject)
	o.String("iss", t.Issuer)
	audience := t.Audience
	if !slices.Contains(audience, t.ClientID) {
		audience = append(slices.Clip(audience), t.ClientID)
	}
	o.Strings("aud", audience)
	t.writeLogin(o)
	return o.Claims(t.IDClaims, t.hidden("userinfo"))
}

// hidden tells which of the consent's claims do not belong into a place: those that are the server's, and those that
// the client asked for by the `claims` parameter for the other place alone (OpenID Connect Core §5.5).
func (g *Grant) hidden(place string) func(name string) bool {
	var asked map[string]map[string]json.RawMessage
	if len(g.ClaimsRequest) > 0 && json.Unmarshal(g.ClaimsRequest, &asked) != nil {
		asked = nil // whoever took the request has checked it; what cannot be read asks for nothing
	}
	return func(name string) bool {
		if reservedForUser(name) {
			return true
		}
		if _, here := asked[place][name]; here {
			return false
		}
		for other, names := range asked {
			if _, there := names[name]; there && other != place {
				return true
			}
		}
		return false
	}
}

// leftHash is the at_hash or c_hash of a value (OpenID Connect Core §3.1.3.6): the left half of the hash that belongs
// to the algorithm of the ID token's signature.
func leftHash(alg, value string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(value))
		sum = h[:]
	case strings.HasSuffix(alg, "512"), alg == "EdDSA": // Ed25519 hashes with SHA-512
		h := sha512.Sum512([]byte(value))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(value))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
