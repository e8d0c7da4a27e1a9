package logout

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Handler answers for logout on both listeners.
type Handler struct {
	Logouts *Logouts
	// Browser reads and clears the session cookie, and shows errors to people.
	Browser *authorize.Handler
}

// MountPublic adds the logout endpoint and the built-in pages.
func (h *Handler) MountPublic(m *web.Mux) {
	m = m.WithoutCORS().With(h.Browser.ShowError) // browsers are sent here, no script calls here (RFC 9700 §2.6)
	m.Handle("GET "+path, h.logout)
	m.Handle("POST "+path, h.logout)
	m.Handle("GET "+pathFallback, h.ask)
	m.Handle("POST "+pathFallback, h.said)
	m.Handle("GET "+pathDone, h.bye)
}

// maxRequest is how long a logout request may be; it carries an ID token.
const maxRequest = 32 << 10

// logout is the end session endpoint (RP-Initiated Logout §2), which takes query or form.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	values, err := requestValues(r)
	if err != nil {
		return err
	}
	sid := h.Browser.SessionID(r)
	var next *Next
	if values.Has("logout_verifier") {
		next, err = h.Logouts.Complete(r.Context(), values.Get("logout_verifier"), sid)
	} else {
		next, err = h.Logouts.Begin(r.Context(), Wish{
			Hint: values.Get("id_token_hint"), ClientID: values.Get("client_id"),
			RedirectURI: values.Get("post_logout_redirect_uri"), State: values.Get("state"),
			URL: h.Logouts.Public(r.Context(), path) + "?" + values.Encode(),
		}, sid)
	}
	if err != nil {
		return err
	}
	if next.Forget {
		h.Browser.ForgetSession(w, r)
	}
	redirect(w, next.Location)
	return nil
}

func requestValues(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxRequest || r.ContentLength > maxRequest {
		return nil, oauth.ErrInvalidRequest.Withf("The logout request is longer than %d characters.", maxRequest)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		return nil, oauth.ErrInvalidRequest.With("The parameters cannot be read: percent-encode values and separate them by \"&\".").Because(err)
	}
	for _, name := range [...]string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_verifier"} {
		if len(r.Form[name]) > 1 {
			return nil, oauth.ErrInvalidRequest.Withf("The parameter %s was sent more than once.", name)
		}
	}
	return r.Form, nil
}

func redirect(w http.ResponseWriter, to string) {
	web.NoStore(w.Header())
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

const pathAdmin = "/admin/oauth2/auth/requests/logout"

// MountAdmin adds Ory's logout challenge protocol.
func (h *Handler) MountAdmin(m *web.Mux) {
	m = m.With(web.HydraErrors)
	m.Handle("GET "+pathAdmin, web.Call(h.get))
	m.Handle("PUT "+pathAdmin+"/accept", web.Call(h.accept))
	m.Handle("PUT "+pathAdmin+"/reject", web.Call(h.reject))
}

type challengeIn struct {
	Challenge string `query:"logout_challenge"`
	Legacy    string `query:"challenge"` // as older SDKs call it
}

func (in challengeIn) given() (string, error) {
	switch {
	case in.Challenge != "":
		return in.Challenge, nil
	case in.Legacy != "":
		return in.Legacy, nil
	}
	return "", oauth.ErrInvalidRequest.With("The query parameter logout_challenge is missing.")
}

// requestOut is Ory's oAuth2LogoutRequest.
type requestOut struct {
	Challenge   string         `json:"challenge"`
	Client      *client.Client `json:"client,omitempty"`
	ExpiresAt   time.Time      `json:"expires_at"`
	RequestURL  string         `json:"request_url"`
	RequestedAt time.Time      `json:"requested_at"`
	RPInitiated bool           `json:"rp_initiated"`
	SessionID   string         `json:"sid"`
	Subject     string         `json:"subject"`
}

func (h *Handler) get(ctx context.Context, in challengeIn) (*requestOut, error) {
	challenge, err := in.given()
	if err != nil {
		return nil, err
	}
	r, c, err := h.Logouts.Get(ctx, challenge)
	if err != nil {
		return nil, err
	}
	return &requestOut{Challenge: challenge, Client: c, ExpiresAt: r.ExpiresAt, RequestURL: r.URL, RequestedAt: r.At,
		RPInitiated: r.RPInitiated, SessionID: r.SessionID, Subject: r.Subject}, nil
}

func (h *Handler) accept(ctx context.Context, in challengeIn) (authorize.RedirectTo, error) {
	challenge, err := in.given()
	if err != nil {
		return authorize.RedirectTo{}, err
	}
	to, err := h.Logouts.Accept(ctx, challenge)
	return authorize.RedirectTo{RedirectTo: to}, err
}

func (h *Handler) reject(ctx context.Context, in challengeIn) (web.NoContent, error) {
	challenge, err := in.given()
	if err != nil {
		return web.NoContent{}, err
	}
	return web.NoContent{}, h.Logouts.Reject(ctx, challenge)
}
