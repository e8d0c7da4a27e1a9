package session

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The cookie holds the token and the end that the browser was told, sealed under the cookie's name. It is written here and
// not by web.Cookies because its name is the operator's to choose and other software looks for it, and so is its path.

// SetCookie gives the browser the session's token.
func (h *Handler) SetCookie(w http.ResponseWriter, r *http.Request, s *Session, token string) error {
	sealed, err := h.Ring.Seal([]byte(token+" "+strconv.FormatInt(s.ExpiresAt.Unix(), 10)), h.cookieData())
	if err != nil {
		return err
	}
	cookie := h.cookie(r.Context(), sealed)
	if h.Config.Cookie.Persistent {
		cookie.MaxAge = max(1, int(s.ExpiresAt.Sub(h.Now())/time.Second))
	}
	http.SetCookie(w, cookie)
	return nil
}

// ClearCookie makes the browser forget the session.
func (h *Handler) ClearCookie(w http.ResponseWriter, r *http.Request) {
	cookie := h.cookie(r.Context(), "")
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
}

func (h *Handler) cookieData() []byte { return []byte("session cookie " + h.Config.Cookie.Name) }

// readCookie returns the token in the request's cookie. Of several cookies of the name the first that opens counts.
func (h *Handler) readCookie(r *http.Request) (credential, bool) {
	for _, cookie := range r.CookiesNamed(h.Config.Cookie.Name) {
		if c, ok := h.open(cookie.Value); ok {
			return c, true
		}
	}
	return credential{}, false
}

// open reads the value of a session cookie.
func (h *Handler) open(value string) (credential, bool) {
	plain, err := h.Ring.Open(value, h.cookieData())
	if err != nil {
		return credential{}, false
	}
	token, end, found := strings.Cut(string(plain), " ")
	at, err := strconv.ParseInt(end, 10, 64)
	if !found || err != nil {
		return credential{}, false
	}
	return credential{token: token, cookie: true, expires: time.Unix(at, 0)}, true
}

func (h *Handler) cookie(ctx context.Context, value string) *http.Cookie {
	c := h.Config.Cookie
	made := &http.Cookie{
		Name: c.Name, Value: value, Domain: c.Domain, Path: c.Path,
		Secure: h.Base.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if made.Path == "" {
		made.Path = h.Base.CookiePath(ctx)
	}
	switch {
	case c.SameSite == "Strict":
		made.SameSite = http.SameSiteStrictMode
	case c.SameSite == "None" && made.Secure: // browsers drop SameSite=None without Secure
		made.SameSite = http.SameSiteNoneMode
	}
	return made
}
