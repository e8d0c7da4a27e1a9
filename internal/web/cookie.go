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
	// Base is the listener's base URL.
	Base BaseURL
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
func (c Cookies) SetSealed(w http.ResponseWriter, name, value string, o CookieOptions) error {
	name = c.name(name)
	sealed, err := c.Ring.Seal([]byte(value), []byte(name))
	if err != nil {
		return err
	}
	cookie := c.cookie(name, o.SameSite)
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
	name = c.name(name)
	for _, cookie := range r.CookiesNamed(name) {
		if plain, err := c.Ring.Open(cookie.Value, []byte(name)); err == nil {
			return string(plain), true
		}
	}
	return "", false
}

// Clear makes the browser forget the cookie. It may say so in a frame of another site, where browsers take nothing that is
// not SameSite=None, not even that.
func (c Cookies) Clear(w http.ResponseWriter, name string) {
	cookie := c.cookie(c.name(name), http.SameSiteNoneMode)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
}

func (c Cookies) name(name string) string {
	if c.Base.Secure() && c.Base.Prefix() == "" && c.Domain == "" && !strings.HasPrefix(name, "__") {
		return "__Host-" + name
	}
	return name
}

func (c Cookies) cookie(name string, same http.SameSite) *http.Cookie {
	secure := c.Base.Secure()
	if same == 0 || same == http.SameSiteNoneMode && !secure {
		same = http.SameSiteLaxMode
	}
	return &http.Cookie{
		Name: name, Path: c.Base.CookiePath(), Domain: c.Domain,
		Secure: secure, HttpOnly: true, SameSite: same,
	}
}
