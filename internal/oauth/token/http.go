package token

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Authenticator says which client sent a request whose form has been read. Package client has the real one.
type Authenticator interface {
	Authenticate(r *http.Request) (*client.Client, error)
}

// Handler serves the token endpoint.
type Handler struct {
	Grants  Grants
	Clients Authenticator
}

// MountPublic adds the token endpoint to the public listener.
func (h *Handler) MountPublic(m *web.Mux) {
	m.With(web.OAuthErrors).Handle("POST /oauth2/token", h.token)
}

// token is the token endpoint (RFC 6749 §3.2).
func (h *Handler) token(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header()) // RFC 6749 §5.1, for errors too
	if err := ReadForm(w, r); err != nil {
		return err
	}
	c, err := h.Clients.Authenticate(r)
	if err != nil {
		return err
	}
	res, err := h.Grants.Handle(r.Context(), &Request{Client: c, Form: r.PostForm})
	if err != nil {
		return err
	}
	return web.WriteRawJSON(w, http.StatusOK, res.json())
}
