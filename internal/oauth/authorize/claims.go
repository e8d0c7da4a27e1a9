package authorize

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// The bounds of the claims parameter. It is stored with the flow and with each token of the family.
const (
	maxClaims     = 4096
	maxClaimNames = 64
)

// claimsRequest is the claims parameter (OpenID Connect Core §5.5). Unknown members are ignored, as it says.
type claimsRequest struct {
	UserInfo map[string]*claimWish `json:"userinfo"`
	IDToken  map[string]*claimWish `json:"id_token"`
}

// claimWish is how one claim is asked for; null stands for "if you have it".
type claimWish struct {
	Essential bool  `json:"essential"`
	Value     any   `json:"value"`
	Values    []any `json:"values"`
}

// parseClaims reads the claims parameter and gives back its compact text too, which is what is kept.
func parseClaims(text string) (claimsRequest, json.RawMessage, error) {
	var c claimsRequest
	if text == "" {
		return c, nil, nil
	}
	if len(text) > maxClaims {
		return c, nil, oauth.ErrInvalidRequest.Withf("The claims parameter is too long: at most %d characters.", maxClaims)
	}
	if text[0] != '{' {
		return c, nil, errClaims
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := d.Decode(&c); err != nil {
		return c, nil, errClaims
	}
	if _, err := d.Token(); err != io.EOF { // something after the object
		return c, nil, errClaims
	}
	if len(c.UserInfo)+len(c.IDToken) > maxClaimNames {
		return c, nil, oauth.ErrInvalidRequest.Withf("The claims parameter names more than %d claims.", maxClaimNames)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return c, nil, errClaims
	}
	return c, compact.Bytes(), nil
}

var errClaims = oauth.ErrInvalidRequest.With("The claims parameter is not a JSON object as OpenID Connect Core §5.5 describes it.")

// subject is the subject that the client insists on (OpenID Connect Core §5.5.1): an answer about somebody else would
// be wrong.
func (c claimsRequest) subject() string {
	if w := c.IDToken["sub"]; w != nil {
		s, _ := w.Value.(string)
		return s
	}
	return ""
}

// essentialACR gives the authentication context classes of which one must be reached (§5.5.1.1).
func (c claimsRequest) essentialACR() []string {
	w := c.IDToken["acr"]
	if w == nil || !w.Essential {
		return nil
	}
	var out []string
	if s, ok := w.Value.(string); ok && s != "" {
		out = append(out, s)
	}
	for _, v := range w.Values {
		if s, ok := v.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}
