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
		strip = "/" + strings.Trim(strip, "/")
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
		if _, ours := p.Cookies[c.Name]; !ours && !slices.Contains(d.StripCookies, c.Name) {
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
