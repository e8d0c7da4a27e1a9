package inspect

import (
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// inactive is the whole answer about a token that is not active (RFC 7662 §2.2).
var inactive = []byte("{\"active\":false}\n")

// answer describes an active token. To administrators it names the user as the server knows him; to clients as their
// sector does (OpenID Connect Core §8.1).
func answer(t *token.Token, toAdmin bool) ([]byte, error) {
	place := token.ShownToClient
	if toAdmin {
		place = token.ShownToAdmin
	}
	if kept := t.Shown[place].Load(); kept != nil {
		return *kept, nil
	}
	o := token.NewObject(512)
	o.Bool("active", true)
	if len(t.Scope) > 0 {
		o.Joined("scope", t.Scope)
	}
	o.String("client_id", t.ClientID)
	writeSubject(o, t, toAdmin)
	o.Time("exp", t.ExpiresAt)
	o.Time("iat", t.IssuedAt)
	o.Time("nbf", t.IssuedAt)
	if name, ok := t.AccessClaims["username"].(string); ok {
		o.Text("username", name)
	}
	o.Strings("aud", t.Audience)
	o.String("iss", t.Issuer)
	o.String("token_type", "Bearer")
	if t.Kind == token.Refresh {
		o.String("token_use", "refresh_token")
	} else {
		o.String("token_use", "access_token")
	}
	if len(t.AccessClaims) > 0 {
		if err := o.Any("ext", t.AccessClaims); err != nil {
			return nil, err
		}
	}
	text := append(o.Bytes(), '\n')
	t.Shown[place].Store(&text)
	return text, nil
}

func writeSubject(o *token.Object, t *token.Token, toAdmin bool) {
	if !toAdmin {
		o.Text("sub", t.Subject)
		return
	}
	o.Text("sub", t.Real())
	if t.Real() != t.Subject {
		o.String("obfuscated_subject", t.Subject)
	}
}

// concerns tells whether a client may know about a token.
func (c Config) concerns(who *client.Client, t *token.Token) bool {
	if t.ClientID == who.ID || slices.Contains(c.AllowedClients, who.ID) {
		return true
	}
	// A resource server has to do with access tokens that are meant for it; with nobody's refresh tokens.
	return t.Kind == token.Access && slices.Contains(t.Audience, who.ID)
}

// covers tells whether a token has all scopes of a list.
func covers(strategy oauth.ScopeStrategy, t *token.Token, required string) bool {
	for required != "" {
		var one string
		one, required, _ = strings.Cut(required, " ")
		if one != "" && !strategy.Match(t.Scope, one) {
			return false
		}
	}
	return true
}

// userinfo is the answer about the user of an active token (OpenID Connect Core §5.3.2).
func userinfo(t *token.Token) ([]byte, error) {
	if kept := t.Shown[token.ShownToUser].Load(); kept != nil {
		return *kept, nil
	}
	o := token.NewObject(512)
	if err := t.UserClaims(o); err != nil {
		return nil, err
	}
	text := o.Bytes()
	t.Shown[token.ShownToUser].Store(&text)
	return text, nil
}
