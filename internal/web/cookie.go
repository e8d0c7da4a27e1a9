package web

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Sealer encrypts and authenticates; *secret.Ring is one. Cookies of one purpose get a ring of their own by
// Ring.For.
type Sealer interface {
	Seal(plain, aad []byte) (string, error)
	Open(sealed string, aad []byte) ([]byte, error)
}

// Cookies writes and reads cookies that only we can make or read. Their attributes follow the base URL: Path is
// its prefix; under https they are Secure and, at the root of a host, carry the "__Host-" prefix, which keeps
// sibling domains from planting them (RFC 6265bis §4.1.3.2).
type Cookies struct {
	// Ring seals; its first key writes, all of its keys read.
	Ring Sealer
	// Base has the listener's base URL for each tenant. A cookie of a tenant that is below a path prefix is not that of another
	// tenant of the host, of which browsers send the cookies along where its prefix is shorter.
	Base BaseURLs
	// Domain shares the cookies with subdomains; empty (better) keeps them to the host.
	Domain string
}

// CookieOptions are what differs from cookie to cookie. The zero value is a session cookie with SameSite=Lax.
type CookieOptions struct {
	// MaxAge is how long the browser keeps it; 0 until it is closed. How long we accept it is the reader's to
	// decide: a browser can be told anything.
	MaxAge time.Duration
	// SameSite is Lax where it is 0. None needs https; without, Lax is sent.
	SameSite http.SameSite
}

// maxCookie is the size that every browser keeps, name and attributes included (RFC 6265 §6.1).
const maxCookie = 4096

// SetSealed sets the cookie. The name is bound to the value, so one cookie's cannot be passed off as another's.
func (c Cookies) SetSealed(w http.ResponseWriter, r *http.Request, name, value string, o CookieOptions) error {
	base := c.Base.Of(r.Context())
	name = c.name(base, name)
	sealed, err := c.Ring.Seal([]byte(value), c.binding(base, name))
	if err != nil {
		return err
	}
	cookie := c.cookie(base, name, o.SameSite)
	cookie.Value = sealed
	cookie.MaxAge = int(o.MaxAge / time.Second)
	text := cookie.String()
	if text == "" || len(text) > maxCookie {
		return errors.New("web: cookie " + name + " cannot be sent: its name is malformed or it is larger than browsers keep")
	}
	w.Header().Add("Set-Cookie", text)
	return nil
}

// ReadSealed returns the value of the cookie. ok is false where there is none that we made. Of several with the
// name (of other paths or domains) the first that opens counts.
func (c Cookies) ReadSealed(r *http.Request, name string) (value string, ok bool) {
	base := c.Base.Of(r.Context())
	name = c.name(base, name)
	for _, cookie := range r.CookiesNamed(name) {
		if plain, err := c.Ring.Open(cookie.Value, c.binding(base, name)); err == nil {
			return string(plain), true
		}
	}
	return "", false
}

// Clear makes the browser forget the cookie. It may say so in a frame of another site, where browsers take nothing that is
// not SameSite=None, not even that.
func (c Cookies) Clear(w http.ResponseWriter, r *http.Request, name string) {
	base := c.Base.Of(r.Context())
	cookie := c.cookie(base, c.name(base, name), http.SameSiteNoneMode)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
}

// binding is the additional data of a cookie's value.
func (c Cookies) binding(base BaseURL, name string) []byte {
	if base.Prefix() != c.Base.own.Prefix() {
		name += " " + base.Prefix()
	}
	return []byte(name)
}

func (c Cookies) name(base BaseURL, name string) string {
	if base.Secure() && base.Prefix() == "" && c.Domain == "" && !strings.HasPrefix(name, "__") {
		return "__Host-" + name
	}
	return name
}

func (c Cookies) cookie(base BaseURL, name string, same http.SameSite) *http.Cookie {
	secure := base.Secure()
	if same == 0 || same == http.SameSiteNoneMode && !secure {
		same = http.SameSiteLaxMode
	}
	return &http.Cookie{
		Name: name, Path: base.CookiePath(), Domain: c.Domain,
		Secure: secure, HttpOnly: true, SameSite: same,
	}
}
