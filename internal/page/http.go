package page

import (
	"fmt"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	pathStatic = "/static/"
	pathAssets = "/account/assets/"
)

// Mount registers the stylesheet, the script, and the operator's assets where there is a directory for them.
func (s *Site) Mount(m *web.Mux) {
	s = s.or()
	m.Handle("GET "+pathStatic+"{file}", s.static)
	if s.o.Dir != "" {
		m.Handle("GET "+pathAssets+"{file}", s.asset)
	}
}

var errNoFile = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")

// static sends the stylesheet and the script. Their names tell what is in them, so browsers keep them for a year; a name that
// another version or another look had is answered by what there is now, and not kept.
func (s *Site) static(w http.ResponseWriter, r *http.Request) error {
	l, file := s.now(), r.PathValue("file")
	if !strings.HasPrefix(file, "page.") {
		return errNoFile
	}
	_, own := s.dressed(r.Context(), l)
	body, kind, current := own.style, "text/css; charset=utf-8", own.file
	switch path.Ext(file) {
	case ".css":
	case ".js":
		body, kind, current = script, "text/javascript; charset=utf-8", scriptFile
	default:
		return errNoFile
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	if file == current {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, err := w.Write(body)
	return err
}

// assetTypes are the files that an operator may put into assets/: pictures and type.
var assetTypes = map[string]string{
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
	".avif": "image/avif", ".ico": "image/x-icon", ".woff2": "font/woff2",
}

// asset sends a file of the operator's assets/ directory.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	kind, ok := assetTypes[strings.ToLower(path.Ext(file))]
	if !ok {
		return errNoFile
	}
	root, err := os.OpenRoot(s.o.Dir)
	if err != nil {
		return errNoFile.Because(err)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open("assets/" + file)
	if err != nil {
		return errNoFile.Because(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return errNoFile.Because(err)
	}
	h := w.Header()
	h.Set("Content-Type", mime.FormatMediaType(kind, nil))
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // a drawing opened by itself runs nothing
	http.ServeContent(w, r, file, info.ModTime(), f)
	return nil
}

// Render answers with the page. data fits the page of that name: Error, Message and Form those of this package, which are
// written in English; an Error is translated where its code or status has a text. Other data tells its language by a method
// PageLanguage, and what it needs by PageNeeds. An error is returned, and nothing is sent, when name and data do not fit.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	s = s.or()
	l := s.now()
	base := web.Base(r.Context())
	brand, own := s.dressed(r.Context(), l)
	v := view{Lang: fallback, Style: base.Path(pathStatic + own.file), Script: base.Path(pathStatic + scriptFile),
		Base: base.Path("/"), Brand: brand, Data: data, look: l}
	if e, ok := data.(Error); ok {
		v.Lang = choose(l.languages, nil, r.Header.Values("Accept-Language"))
		v.Data = v.translate(e, status)
	}
	if d, ok := data.(interface{ PageLanguage() string }); ok {
		v.Lang = d.PageLanguage()
	}
	var needs Needs
	if d, ok := data.(interface{ PageNeeds() Needs }); ok {
		needs = d.PageNeeds()
	}
	v.Wide = needs.Wide
	if !needs.Script {
		v.Script = ""
	}
	for _, logo := range []*string{&v.Brand.LogoURL, &v.Brand.LogoDarkURL} {
		if local(*logo) {
			*logo = base.Path(*logo)
		}
	}
	v.Footer = v.footer()
	body, err := s.execute(l, name, v)
	if err != nil {
		return fmt.Errorf("page %q: %w", name, err)
	}
	secure(w.Header(), needs, v)
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// translate gives an error in the language of the page, where there is a text for its code or for its status. What it says
// itself, in English, stays as a detail.
func (v view) translate(e Error, status int) Error {
	if v.Lang == fallback {
		return e
	}
	for _, key := range []string{"error." + e.Code, "error." + strconv.Itoa(status), "error"} {
		title, ok := v.look.texts[v.Lang][key+".title"]
		if !ok {
			continue
		}
		e.Title = title
		if text, ok := v.look.texts[v.Lang][key+".text"]; ok {
			if e.Detail == "" {
				e.Detail = e.Text
			}
			e.Text = text
		}
		break
	}
	for i := range e.Links {
		if t, ok := v.look.texts[v.Lang]["link."+e.Links[i].Label]; ok {
			e.Links[i].Label = t
		}
	}
	return e
}

// secure sets the headers of a page of ours: it loads our stylesheet, our script if it needs it, and pictures from where they
// are known to be; and it is shown in nobody's frame, where a click could be stolen (RFC 9700 §4.16).
func secure(h http.Header, needs Needs, v view) {
	images := slices.Concat([]string{"'self'", "data:"}, origins(v.Brand.LogoURL, v.Brand.LogoDarkURL), origins(needs.Images...))
	policy := "default-src 'none'; style-src 'self'; font-src 'self'; img-src " + strings.Join(images, " ") + "; base-uri 'none'; frame-ancestors 'none'"
	if needs.Script {
		policy += "; script-src 'self'"
	}
	if !needs.Form {
		// Browsers hold form-action against the redirects that follow a form too, and ours end at the
		// application that the person came from, so pages with a form leave it open.
		policy += "; form-action 'none'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

// origins are the hosts of https URLs, for a policy.
func origins(urls ...string) []string {
	var out []string
	for _, u := range urls {
		if o := originOf(u); o != "" {
			out = append(out, o)
		}
	}
	return out
}

// Errors is the web.ErrorWriter of routes that people open in a browser. A caller that asks for JSON and not for HTML gets
// OAuth's error object.
func (s *Site) Errors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	if !wantsHTML(r.Header.Values("Accept")) {
		web.OAuthErrors(w, r, e)
		return
	}
	// What cannot be rendered here is a mistake in our own template, which the tests would have found.
	_ = s.Render(w, r, e.Kind.Status(), "error", Error{
		Title: title(e.Kind), Text: e.Message, Code: e.Code, RequestID: web.RequestID(r.Context()),
	})
}

// title names an error by its kind, in words that accuse nobody.
func title(k fault.Kind) string {
	switch k {
	case fault.Invalid, fault.NotAllowed, fault.TooLarge, fault.Unsupported:
		return "This request does not work"
	case fault.Unauthenticated, fault.Forbidden:
		return "You cannot go on here"
	case fault.NotFound:
		return "Page not found"
	case fault.Conflict, fault.Gone:
		return "This step was already taken"
	case fault.Limited:
		return "Too many attempts"
	case fault.Unavailable:
		return "We are not available at the moment"
	default:
		return "Something went wrong"
	}
}
