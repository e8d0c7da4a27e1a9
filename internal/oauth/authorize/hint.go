package authorize

import (
	"context"
	"encoding/json"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// Hint is what an id_token_hint says: an ID token of ours, expired or not, that a client got earlier.
type Hint struct {
	Subject   string          `json:"sub"`
	Issuer    string          `json:"iss"`
	SessionID string          `json:"sid"`
	Audience  oneOrMany       `json:"aud"`
	Claims    json.RawMessage `json:"-"` // all of them
}

// oneOrMany reads a JWT audience, which may be one string (RFC 7519 §4.1.3).
type oneOrMany []string

// UnmarshalJSON reads a string or an array of strings.
func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var one string
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

var errHint = oauth.ErrInvalidRequest.With("The id_token_hint is not an ID token that this server issued, or was signed by a key that is no longer known.")

// ReadHint checks the signature and issuer of an id_token_hint. Expired is as good as fresh (OpenID Connect Core
// §3.1.2.1, RP-Initiated Logout §2).
func ReadHint(ctx context.Context, verifier token.Verifier, issuer, text string) (*Hint, error) {
	claims, err := verifier.Verify(ctx, keys.IDToken, text, "JWT")
	if err != nil {
		return nil, errHint.Because(err)
	}
	h := &Hint{Claims: claims}
	if err := json.Unmarshal(claims, h); err != nil || h.Subject == "" || h.Issuer != issuer {
		return nil, errHint
	}
	return h, nil
}

// readHint takes the id_token_hint into the request.
func (f *Flows) readHint(ctx context.Context, r *Request, text string) error {
	if text == "" {
		return nil
	}
	h, err := ReadHint(ctx, f.Keys, f.Issuer.URL(ctx), text)
	if err != nil {
		return err
	}
	r.HintSubject, r.HintClaims = h.Subject, h.Claims
	return nil
}
