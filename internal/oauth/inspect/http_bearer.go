package inspect

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// bearer finds the access token of a request: in the Authorization header (RFC 6750 §2.1) or in the form body (§2.2),
// in one of them only, and never in the query, which RFC 9700 §4.3.2 forbids. It is "" when there is none.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token=") {
		return "", oauth.ErrInvalidRequest.With("The access token must not be in the query: there it would be logged. Send it in the Authorization header.")
	}
	found, err := bearerHeader(r.Header["Authorization"])
	if err != nil || r.Method != http.MethodPost {
		return found, err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != formType {
		return found, nil //nolint:nilerr // some other body, which is not for us
	}
	if err := token.ReadForm(w, r); err != nil {
		return "", err
	}
	inBody := r.PostForm.Get("access_token")
	if found != "" && inBody != "" {
		return "", oauth.ErrInvalidRequest.With("The access token is sent in two ways; choose the Authorization header.")
	}
	return found + inBody, nil
}

// bearerHeader reads the values of Authorization headers. Another scheme is no token of ours.
func bearerHeader(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", oauth.ErrInvalidRequest.With("The request has more than one Authorization header.")
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes have no case
		return "", nil
	}
	text = strings.Trim(text, " ")
	if text == "" || strings.Trim(text, token68) != "" {
		return "", oauth.ErrInvalidRequest.With("The Authorization header is malformed: write Bearer, a space, and the token.")
	}
	return text, nil
}

// token68 are the characters that a bearer token consists of (RFC 6750 §2.1).
const token68 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// tellSigned answers with claims as a JWT (OpenID Connect Core §5.3.2).
func (h *Handler) tellSigned(w http.ResponseWriter, r *http.Request, alg string, claims []byte) error {
	if has := h.Keys.Alg(r.Context(), keys.IDToken); has != alg {
		return oauth.ErrServerError.Because(fmt.Errorf("inspect: a client wants userinfo signed with %s, but ID tokens are signed with %s: change keys.id_token.algorithm or the client's userinfo_signed_response_alg", alg, has))
	}
	signed, err := h.Keys.Sign(r.Context(), keys.IDToken, "JWT", claims)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = []string{"application/jwt"}
	_, err = io.WriteString(w, signed) //nolint:gosec // a JWT is dots and base64url, and is not sent as a page
	return err
}
