package selfservice

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var (
	errLogoutToken = fault.New(fault.Forbidden, "security_csrf_violation",
		"The logout token is not the one of this browser's session. Ask /self-service/logout/browser for one.")
	errNativeLogout = fault.New(fault.Forbidden, "forbidden",
		"The provided session token could not be found, is invalid, or otherwise malformed.")
)

// logoutBegin gives the browser the address at which it logs out. The token in it keeps other sites from logging people out.
func (h *Handler) logoutBegin(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	s, err := h.Sessions.From(r)
	if err != nil {
		return err
	}
	token := h.logoutToken(s)
	to := withQuery(h.Base.Join(r.Context(), "/self-service/logout"), "token", token)
	if back := r.URL.Query().Get("return_to"); back != "" {
		if back, err = h.returns(r.Context()).check(back); err != nil {
			return err
		}
		to = withQuery(to, "return_to", back)
	}
	return web.WriteJSON(w, http.StatusOK, map[string]string{"logout_url": to, "logout_token": token})
}

// logoutToken belongs to one session and is stored nowhere.
func (h *Handler) logoutToken(s *session.Session) string {
	return "gh_lo_" + base64.RawURLEncoding.EncodeToString(h.Ring.MAC([]byte("logout\x00"+s.ID)))
}

// LogoutURL is the address at which the browser of the session logs out.
func (h *Handler) LogoutURL(ctx context.Context, s *session.Session) string {
	return withQuery(h.Base.Join(ctx, "/self-service/logout"), "token", h.logoutToken(s))
}

// logoutBrowser ends the session of a browser. Who has none is where logging out leads anyway.
func (h *Handler) logoutBrowser(w http.ResponseWriter, r *http.Request) error {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error {
		to := h.Config.Flows.Logout.After.DefaultBrowserReturnURL
		if to == "" {
			to = h.Config.DefaultBrowserReturnURL
		}
		to = h.absolute(r.Context(), to)
		if back := r.URL.Query().Get("return_to"); back != "" {
			var err error
			if to, err = h.returns(r.Context()).check(back); err != nil {
				return err
			}
		}
		s, err := h.Sessions.From(r)
		switch {
		case errors.Is(err, session.ErrNoSession):
		case err != nil:
			return err
		default:
			if subtle.ConstantTimeCompare([]byte(h.logoutToken(s)), []byte(r.URL.Query().Get("token"))) != 1 {
				return errLogoutToken
			}
			if err := h.end(r, s); err != nil {
				return err
			}
		}
		h.Sessions.ClearCookie(w, r)
		if h.Config.Flows.Logout.ClearBrowserData && h.Base.Secure() && !h.Base.Shared(r.Context()) {
			w.Header().Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
		}
		if wantsJSON(r) {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return redirect(w, r, to)
	})(w, r)
}

// end ends a session here and at the OAuth server. That the latter failed is recorded: the person is logged out all the same.
func (h *Handler) end(r *http.Request, s *session.Session) error {
	if err := h.SessionStore.SignOut(r.Context(), s); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	if h.OAuth != nil {
		if err := h.OAuth.EndSession(r.Context(), s.ID); err != nil {
			web.Record(r.Context(), err)
		}
	}
	return nil
}

// logoutAPI ends the session of a native app, which proves it by the token.
func (h *Handler) logoutAPI(w http.ResponseWriter, r *http.Request) error {
	values, err := readBody(r)
	if err != nil {
		return err
	}
	in := Submission{Values: values}
	s, err := h.SessionStore.ByToken(r.Context(), in.String("session_token"))
	if errors.Is(err, session.ErrNoSession) {
		return errNativeLogout
	}
	if err != nil {
		return err
	}
	if err := h.end(r, s); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// changePassword is where password managers send people (https://w3c.github.io/webappsec-change-password-url/).
func (h *Handler) changePassword(w http.ResponseWriter, r *http.Request) error {
	return redirect(w, r, h.Base.Join(r.Context(), "/self-service/settings/browser"))
}
