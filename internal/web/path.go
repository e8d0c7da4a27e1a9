package web

import (
	"net/http"
	"net/url"
	"strings"
)

// rewrite brings the path into the form in which routes are registered: without the base URL's prefix, without
// a slash at its end, and with the "/admin" that the caller left out. within is what led to the request's tenant; it goes first. The request is the mux's own copy, its URL
// is not and so is replaced, never changed. It reports whether the path still carries the prefix.
func (c *core) rewrite(r *http.Request, within string) (kept bool) {
	if within != "" {
		r.URL = edit(r.URL, func(p string) string { return "/" + strings.TrimPrefix(strings.TrimPrefix(p, within), "/") })
	} else if _, ok := c.o.BaseURL.strip(r.URL.Path); ok {
		whole := r.URL
		stripped := edit(whole, func(p string) string {
			rest, _ := c.o.BaseURL.strip(p)
			return rest
		})
		// A proxy may have taken the prefix off already, and the rest may begin alike ("/oauth2" before
		// "/oauth2/auth"): what is a route as it stands stays.
		if !c.try(r, stripped) {
			if kept = c.known(r); !kept {
				r.URL = stripped
			}
		}
	}
	if p := r.URL.Path; len(p) > 1 && p[len(p)-1] == '/' && !c.known(r) {
		r.URL = edit(r.URL, func(p string) string { return "/" + strings.Trim(p, "/") })
	}
	if bare := c.o.Bare; bare != "" {
		p := r.URL.Path
		if p != bare && !strings.HasPrefix(p, bare+"/") && !c.known(r) {
			r.URL = edit(r.URL, func(p string) string { return bare + p })
		}
	}
	return kept
}

// try leaves the URL on the request when a route matches it.
func (c *core) try(r *http.Request, u *url.URL) bool {
	old := r.URL
	r.URL = u
	if c.known(r) {
		return true
	}
	r.URL = old
	return false
}

// known reports whether a route matches the request as it stands, method included.
func (c *core) known(r *http.Request) bool {
	_, pattern := c.mux.Handler(r)
	return pattern != ""
}

// edit returns a copy of the URL with another path, in both of its forms.
func edit(u *url.URL, change func(string) string) *url.URL {
	e := *u
	e.Path = change(u.Path)
	if u.RawPath != "" {
		e.RawPath = change(u.RawPath)
	}
	return &e
}
