package token

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Revocable tells about a text that Lookup does not know whether it is one that could have been revoked, were it
// known: nil for what was or could be an access or refresh token, ErrUnsupportedTokenType for codes and for JWTs that
// are no access tokens, such as ID tokens (RFC 7009 §2.2.1).
func (s *Store) Revocable(text string) error {
	if s.tokens.Kind(text) == string(Code) {
		return oauth.ErrUnsupportedTokenType.With("Authorization codes cannot be revoked; they are good once and soon over.")
	}
	if !jwtShaped(text) {
		return nil
	}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var named struct {
		Type string `json:"typ"`
	}
	if err == nil && json.Unmarshal(raw, &named) == nil && !strings.EqualFold(named.Type, accessTokenType) {
		return oauth.ErrUnsupportedTokenType.With("Only access and refresh tokens can be revoked.")
	}
	return nil
}

// jwtShaped tells whether a text could be a JWT in compact form, without looking into it.
func jwtShaped(s string) bool {
	return len(s) > 64 && strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2
}
