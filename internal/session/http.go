package session

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Handler serves the sessions API. Its fields are set once, by app.
type Handler struct {
	// Store keeps the sessions.
	Store *Store
	// Config is the `session` part of the configuration.
	Config Config
	// Ring seals cookies and page tokens. Give it a ring of its own purpose.
	Ring web.Sealer
	// Base is the public listener's base URL.
	Base web.BaseURLs
	// Exchanges serve /sessions/token-exchange; nil refuses it.
	Exchanges *Exchanges
	// Flow returns the document of a login or registration flow that an app wants the session of although it has not
	// ended in one; nil answers 404 for those.
	Flow func(ctx context.Context, flowID string) (any, error)
	// Tokenizer makes JWTs of sessions; nil knows no template.
	Tokenizer *Tokenizer
	// Now is the clock.
	Now func() time.Time
}

// MountPublic registers the routes of the public listener.
func (h *Handler) MountPublic(mux *web.Mux) {
	m := mux.With(Errors)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		m.Handle(method+" /sessions/whoami", h.whoami)
	}
	m.Handle("GET /sessions", h.listMine)
	m.Handle("DELETE /sessions", h.revokeOthers)
	m.Handle("DELETE /sessions/{id}", h.revokeOne)
	m.Handle("GET /sessions/token-exchange", h.exchange)
}

// From returns the session of a request, with its identity: of the header X-Session-Token, of the cookie, of Authorization:
// Bearer, whichever comes first. ErrNoSession when there is none or it has ended. The session is the caller's own, its
// identity is not.
func (h *Handler) From(r *http.Request) (*Session, error) {
	k, _, err := h.kept(r)
	if err != nil {
		return nil, err
	}
	web.ActAs(r.Context(), actor.Actor{Kind: actor.Identity, ID: k.session.IdentityID})
	return k.session.own(), nil
}

// kept returns the session of a request as the store keeps it, and where its token came from.
func (h *Handler) kept(r *http.Request) (*kept, credential, error) {
	c := h.credential(r)
	if c.token == "" {
		return nil, c, ErrNoSession
	}
	k, err := h.Store.keptByToken(r.Context(), c.token)
	if err != nil || !h.Store.slides(k.session, h.Now()) {
		return k, c, err
	}
	extended := k.session.own()
	if err := h.Store.extend(r.Context(), extended); err != nil {
		web.Record(r.Context(), err) // it is as good as it was; the next request tries again
		return k, c, nil
	}
	return &kept{session: extended}, c, nil
}

// credential is what a request proves a session with.
type credential struct {
	token   string
	cookie  bool
	expires time.Time // what the cookie was told; zero for other credentials
}

// credential reads the token of a request. What does not open is as good as nothing: then the next place is looked at.
func (h *Handler) credential(r *http.Request) credential {
	if token := r.Header.Get("X-Session-Token"); token != "" {
		return credential{token: token}
	}
	if c, ok := h.readCookie(r); ok {
		return c
	}
	return credential{token: bearer(r.Header.Get("Authorization"))}
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1).
func bearer(header string) string {
	const scheme = "bearer "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(header[len(scheme):])
}

// Satisfied returns nil when the session has the level that is required (a level, or HighestAvailable), else ErrAAL with
// the address at which the second factor is asked for.
func (h *Handler) Satisfied(ctx context.Context, s *Session, required string) error {
	if Satisfied(s.AAL, s.availableAAL(), required) {
		return nil
	}
	return ErrAAL.WithDetail(redirectBrowserTo, h.Base.Join(ctx, "/self-service/login/browser?aal=aal2"))
}

const redirectBrowserTo = "redirect_browser_to"

// locations are the headers by which a content delivery network says where an address is.
func locations() []string { return []string{"Cf-Ipcity", "Cf-Ipcountry"} }

// ClientOf returns what is known about who sent the request. The location is believed from trusted proxies alone: where the
// client's address is not that of the connection.
func ClientOf(r *http.Request) Client {
	c := Client{IP: web.ClientIP(r.Context()), UserAgent: r.UserAgent()}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !c.IP.IsValid() || peer.Addr().Unmap().WithZone("") == c.IP {
		return c
	}
	var words []string
	for _, name := range locations() {
		if word := r.Header.Get(name); word != "" {
			words = append(words, word)
		}
	}
	c.Location = strings.Join(words, ", ")
	return c
}

// levelRefused is the answer to a session whose level is too low: the generic error, and beside it where to go.
type levelRefused struct {
	Error    levelError `json:"error"`
	Redirect any        `json:"redirect_browser_to"`
}

type levelError struct {
	ID      string         `json:"id"`
	Code    int            `json:"code"`
	Status  string         `json:"status"`
	Request string         `json:"request,omitempty"`
	Reason  string         `json:"reason"`
	Message string         `json:"message"`
	Details map[string]any `json:"details"`
}

// Errors writes what web.KratosErrors does, and says in the places where Kratos' clients look for it where to go with a
// session whose level is too low.
func Errors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	to, ok := e.Details[redirectBrowserTo]
	if e.Code != ErrAAL.Code || !ok {
		web.KratosErrors(w, r, e)
		return
	}
	_ = web.WriteJSON(w, http.StatusForbidden, levelRefused{ // the client may be gone; there is nobody left to tell
		Error: levelError{
			ID: e.Code, Code: http.StatusForbidden, Status: http.StatusText(http.StatusForbidden), Request: web.RequestID(r.Context()),
			Reason: e.Message, Message: "The session's authenticator assurance level is too low", Details: e.Details,
		},
		Redirect: to,
	})
}
