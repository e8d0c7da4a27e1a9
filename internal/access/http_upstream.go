package access

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// UpstreamURL is where the rule sends the target; it has an upstream.
func (d *Decision) UpstreamURL(t target.Target) *url.URL {
	path := t.Path
	if strip := d.Rule.Upstream.StripPath; strip != "" {
		strip = target.Canonical("/" + strings.Trim(strip, "/"))
		if rest, ok := strings.CutPrefix(path, strip); ok && (rest == "" || rest[0] == '/') {
			path = "/" + strings.TrimPrefix(rest, "/")
		}
	}
	to := *d.To
	path = strings.TrimSuffix(to.EscapedPath(), "/") + path
	to.RawPath, to.RawQuery = path, t.RawQuery
	to.Path, _ = url.PathUnescape(path) // a Target's path is well encoded
	return &to
}

// Upstream gives the fields that take the place of the request's: what the mutators say, and the request's cookies with theirs
// in the place of those that only they may set.
func (d *Decision) Upstream(request Header) Header {
	p := d.Principal
	if p == nil {
		return nil
	}
	if len(p.Cookies)+len(d.StripCookies) == 0 || len(p.Cookies) == 0 && len(request["Cookie"]) == 0 {
		return p.Header
	}
	in, out := http.Request{Header: http.Header{"Cookie": request["Cookie"]}}, http.Request{Header: http.Header{}}
	for _, c := range in.Cookies() {
		if !d.ownCookie(c.Name) {
			out.AddCookie(c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Cookies)) {
		out.AddCookie(&http.Cookie{Name: name, Value: p.Cookies[name]})
	}
	fields := maps.Clone(p.Header)
	if fields == nil {
		fields = Header{}
	}
	fields["Cookie"] = out.Header["Cookie"]
	return fields
}

// ownCookie reports whether many applications read a cookie of the name as one that only this server may set: PHP reads a dot as _, and
// some spell percent-encodings out.
func (d *Decision) ownCookie(name string) bool {
	is := func(own string) bool { return cookieVariable(own) == cookieVariable(name) }
	if slices.ContainsFunc(d.StripCookies, is) {
		return true
	}
	for own := range d.Principal.Cookies {
		if is(own) {
			return true
		}
	}
	return false
}

// cookieVariable is the name of the variable that an application makes of a cookie.
func cookieVariable(name string) string {
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return strings.ReplaceAll(name, ".", "_")
}
