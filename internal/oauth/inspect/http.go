package inspect

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Clients finds clients by their id. Package client has the real one.
type Clients interface {
	Get(ctx context.Context, id string) (*client.Client, error)
}

// Handler serves introspection, revocation and userinfo.
type Handler struct {
	Config Config
	Tokens *token.Store
	Scopes oauth.ScopeStrategy
	// Auth says which client sent a request, Clients finds the client of a token.
	Auth    token.Authenticator
	Clients Clients
	// Keys signs userinfo for clients that want it signed.
	Keys token.Signer
	Now  func() time.Time
}

// MountPublic adds the routes of the public listener.
func (h *Handler) MountPublic(m *web.Mux) {
	m = m.With(web.OAuthErrors)
	m.Handle("POST /oauth2/introspect", h.introspectAsClient)
	m.Handle("POST /oauth2/revoke", h.revoke)
	m.Handle("GET /userinfo", h.userinfo)
	m.Handle("POST /userinfo", h.userinfo)
}

// MountAdmin adds the routes of the admin listener.
func (h *Handler) MountAdmin(m *web.Mux) {
	m = m.With(web.HydraErrors)
	// Who has a token may ask about it: that is a read, in the form of a POST so that the token is in no log.
	m.For(actor.RoleViewer).Handle("POST /admin/oauth2/introspect", h.introspectAsAdmin)
	m.Handle("DELETE /admin/oauth2/tokens", web.Call(h.forget))
}

// introspectAsAdmin answers whoever reaches the admin listener.
func (h *Handler) introspectAsAdmin(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuestion(r)
	if err != nil {
		return err
	}
	t, err := h.active(r.Context(), q.token)
	if err != nil {
		return err
	}
	if t == nil || q.scope != "" && !covers(h.Scopes, t, q.scope) {
		return web.WriteRawJSON(w, http.StatusOK, inactive)
	}
	text, err := answer(t, true)
	if err != nil {
		return err
	}
	return web.WriteRawJSON(w, http.StatusOK, text)
}

// introspectAsClient is the introspection endpoint of RFC 7662.
func (h *Handler) introspectAsClient(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if err := token.ReadForm(w, r); err != nil {
		return err
	}
	c, err := h.Auth.Authenticate(r)
	if err != nil {
		return err
	}
	if c.Public() { // RFC 7662 §2.1: whoever cannot prove who he is could fish for tokens
		return oauth.ErrInvalidClient.With("Only clients that authenticate may introspect; this client is registered with token_endpoint_auth_method none.")
	}
	text := r.PostForm.Get("token")
	if text == "" {
		return errNoToken
	}
	t, err := h.active(r.Context(), text)
	if err != nil {
		return err
	}
	if t == nil || !h.Config.concerns(c, t) || !covers(h.Scopes, t, r.PostForm.Get("scope")) {
		return web.WriteRawJSON(w, http.StatusOK, inactive)
	}
	body, err := answer(t, false)
	if err != nil {
		return err
	}
	return web.WriteRawJSON(w, http.StatusOK, body)
}

var errNoToken = oauth.ErrInvalidRequest.With("The token parameter is missing.")

// active finds a token that may be used now; nil when there is none.
func (h *Handler) active(ctx context.Context, text string) (*token.Token, error) {
	t, err := h.Tokens.Lookup(ctx, text)
	switch {
	case errors.Is(err, token.ErrUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	case !t.Active(h.Now()):
		return nil, nil
	}
	return t, nil
}

// revoke is the revocation endpoint (RFC 7009). Taking back a refresh token ends its whole family, taking back an
// access token only that one. A token that is unknown or over is none any more: that is success.
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if err := token.ReadForm(w, r); err != nil {
		return err
	}
	c, err := h.Auth.Authenticate(r)
	if err != nil {
		return err
	}
	text := r.PostForm.Get("token") // token_type_hint is not needed: tokens say what they are (§2.1 lets us ignore it)
	if text == "" {
		return errNoToken
	}
	t, err := h.Tokens.Lookup(r.Context(), text)
	switch {
	case errors.Is(err, token.ErrUnknown):
		return h.Tokens.Revocable(text)
	case err != nil:
		return err
	case t.ClientID != c.ID: // §2.1
		return oauth.ErrUnauthorizedClient.With("The token was issued to another client; it has not been revoked.")
	case t.Kind == token.Refresh:
		return h.Tokens.RevokeFamilies(r.Context(), t.Family)
	}
	return h.Tokens.RevokeToken(r.Context(), t.Digest)
}

type forgetRequest struct {
	ClientID string `query:"client_id,required"`
}

// forget deletes all tokens of a client.
func (h *Handler) forget(ctx context.Context, in forgetRequest) (web.NoContent, error) {
	return web.NoContent{}, h.Tokens.DeleteByClient(ctx, in.ClientID)
}

// userinfo is the userinfo endpoint (OpenID Connect Core §5.3), a protected resource in the sense of RFC 6750.
func (h *Handler) userinfo(w http.ResponseWriter, r *http.Request) error {
	text, err := bearer(w, r)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse", error="invalid_request"`) // RFC 6750 §3
		return err
	}
	if text == "" {
		// RFC 6750 §3.1: who sent no token is told the scheme, not an error.
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
		return oauth.ErrInvalidToken.With("Send an access token in the Authorization header: Bearer <token>.")
	}
	t, err := h.active(r.Context(), text)
	switch {
	case err != nil:
		return err
	case t == nil || t.Kind != token.Access:
		return oauth.ErrInvalidToken
	case !t.Has(oauth.ScopeOpenID):
		return oauth.ErrInsufficientScope.With("The access token was not granted the scope openid.")
	}
	c, err := h.Clients.Get(r.Context(), t.ClientID)
	if errors.Is(err, client.ErrNotFound) {
		return oauth.ErrInvalidToken.With("The client of the access token does not exist any more.")
	}
	if err != nil {
		return err
	}
	return h.tell(w, r, c, t)
}

// tell answers with the user's claims as the client wants them: JSON or a signed JWT.
func (h *Handler) tell(w http.ResponseWriter, r *http.Request, c *client.Client, t *token.Token) error {
	body, err := userinfo(t)
	if err != nil {
		return err
	}
	web.NoStore(w.Header())
	if alg := c.UserinfoSignedResponseAlg; alg != "" && alg != "none" {
		return h.tellSigned(w, r, alg, body)
	}
	return web.WriteRawJSON(w, http.StatusOK, body)
}
