package account

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

//go:embed assets
var assets embed.FS

// Flows are the self-service flows, as far as their pages need them.
type Flows interface {
	// Show gives the flow of that id to the browser that began it.
	Show(r *http.Request, kind, id string) (*ui.Flow, error)
	// Failure gives what is kept for the error page under that id, a fault of kind NotFound where there is nothing. Its detail
	// "request" is the id of the request that failed.
	Failure(r *http.Request, id string) (*fault.Error, error)
}

// Handler serves the pages. Its fields are set once, by app.
type Handler struct {
	Config Config
	// Site makes the pages; NewSite makes one that has this package's.
	Site *page.Site
	// Flows are shown.
	Flows Flows
	// Sessions tell who is signed in, SessionStore keeps and ends them.
	Sessions     *session.Handler
	SessionStore *session.Store
	// Consents and Logouts are those of the OAuth server; nil where there is none.
	Consents Consents
	Logouts  Logouts
	// Offers are the flows that there are.
	Offers Offers
	// LogoutURL is the address at which a browser is signed out of its session. It leads on to returnTo; without one to where the
	// operator wants, or back to /account/logout, which says that it is done.
	LogoutURL func(ctx context.Context, s *session.Session, returnTo string) string
	Base      web.BaseURLs
	Now       func() time.Time
}

// Paths of this package. They are relative to the base URL.
const (
	pathAccount  = "/account"
	pathSessions = "/account/sessions"
	pathConsent  = "/account/consent"
	pathLogout   = "/account/logout"
	pathError    = "/account/error"
)

// NewSite makes the pages of this package, in the look that the configuration says. now is the clock by which changes of the
// override directory are noticed; brandOf gives the brand of a tenant that has its own, and may be nil.
func NewSite(c Config, brandOf func(ctx context.Context) (page.Brand, bool), now func() time.Time, log *slog.Logger) (*page.Site, error) {
	own, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	return page.NewSite(page.Options{Brand: c.Brand, BrandOf: brandOf, Templates: own, Texts: own, Dir: c.OverridePath, Samples: samples(), Now: now, Log: log})
}

// MountPublic registers the pages.
func (h *Handler) MountPublic(m *web.Mux) {
	h.Site.Mount(m)
	m.Handle("/{$}", h.root)
	m = m.WithoutCORS().With(h.showFault)
	m.Handle("GET "+pathAccount, h.overview)
	for _, kind := range []ui.Kind{ui.Login, ui.Registration, ui.Recovery, ui.Verification, ui.Settings} {
		m.Handle("GET "+pathAccount+"/"+string(kind), h.flow(string(kind)))
	}
	m.Handle("GET "+pathError, h.failure)
	m.Handle("GET "+pathSessions, h.devices)
	m.Handle("POST "+pathSessions, h.endDevices)
	m.Handle("GET "+pathLogout, h.askLogout)
	m.Handle("POST "+pathLogout, h.logout)
	if h.Consents != nil {
		m.Handle("GET "+pathConsent, h.askConsent)
		m.Handle("POST "+pathConsent, h.consent)
	}
	m.Handle("GET "+pathAccount+"/{page}", func(http.ResponseWriter, *http.Request) error { return errNowhere })
}

var errNoRoot = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")

// root leads a person who typed the server's bare address to their account. To programs there is nothing at the root, as ever.
func (h *Handler) root(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return errNoRoot
	}
	return redirect(w, h.path(r.Context(), pathAccount+"/"))
}

// words speaks the language of a request: the best of asked, of the parameter ui_locales, or of Accept-Language.
func (h *Handler) words(r *http.Request, asked ...string) words {
	asked = append(asked, strings.Fields(r.URL.Query().Get("ui_locales"))...)
	return words{h.Site, h.Site.Choose(asked, r.Header.Values("Accept-Language"))}
}

// path is the address of a path of ours on the same host.
func (h *Handler) path(ctx context.Context, p string) string { return h.Base.Path(ctx, p) }

// with adds parameters, given as name and value in turn, to an address. Empty ones are left out.
func with(address string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return address
	}
	return address + "?" + q.Encode()
}

func redirect(w http.ResponseWriter, to string) error {
	web.NoStore(w.Header())
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// who gives the session of the request; nil where nobody is signed in.
func (h *Handler) who(r *http.Request) (*session.Session, error) {
	s, err := h.Sessions.From(r)
	if errors.Is(err, session.ErrNoSession) {
		return nil, nil
	}
	return s, err
}

// begin is where a flow begins.
func (h *Handler) begin(ctx context.Context, kind string, pairs ...string) string {
	return with(h.path(ctx, "/self-service/"+kind+"/browser"), pairs...)
}

// signIn sends the browser to sign in, and back.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, back string) error {
	return redirect(w, h.begin(r.Context(), "login", "return_to", h.Base.Join(r.Context(), back)))
}

// owner gives the session of the request where it may see and change what is the person's: with a second factor, if they have one
// and the configuration asks for it. Else it is nil, and the browser is sent to sign in, or on, and back.
func (h *Handler) owner(w http.ResponseWriter, r *http.Request, back string) (*session.Session, error) {
	s, err := h.who(r)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, h.signIn(w, r, back)
	}
	if h.Sessions.Satisfied(r.Context(), s, h.Sessions.Config.Whoami.RequiredAAL) != nil {
		return nil, redirect(w, h.begin(r.Context(), "login", "aal", session.AAL2, "return_to", h.Base.Join(r.Context(), back)))
	}
	return s, nil
}

var (
	errForeignForm = fault.New(fault.Forbidden, "request_forbidden", "This form was not sent by a page of ours. Go back and try again.")
	errForm        = fault.New(fault.Invalid, "invalid_request", "The form cannot be read.")
	errNowhere     = fault.New(fault.NotFound, "page_not_found", "There is no page at this address. Check how it is spelt.")
	errStranger    = fault.New(fault.Forbidden, "security_identity_mismatch", "This request is for another account than the one that is signed in here.")
)

// ownForm reads a form that only a page of ours may have sent.
func ownForm(r *http.Request) (url.Values, error) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return nil, errForeignForm.Because(err)
	}
	if err := r.ParseForm(); err != nil {
		return nil, errForm.Because(err)
	}
	return r.PostForm, nil
}

// tabs are the ways between the pages of the account.
func (h *Handler) tabs(r *http.Request, w words, here string) []tab {
	var out []tab
	for _, t := range []struct{ name, path string }{
		{"overview", pathAccount + "/"}, {"settings", pathAccount + "/settings"}, {"sessions", pathSessions}, {"logout", pathLogout},
	} {
		out = append(out, tab{page.Link{Label: w.say("tab." + t.name), URL: h.path(r.Context(), t.path)}, t.name == here})
	}
	return out
}

// oops is how an error is told to people: its title and lead by what kind of error it is.
func oops(e *fault.Error) string {
	switch {
	case e.Code == "security_csrf_violation", e.Code == errForeignForm.Code:
		return "oops.cookie"
	case e.Code == errStranger.Code:
		return "oops.stranger"
	case e.Kind == fault.Limited:
		return "oops.limited"
	case e.Code == errNowhere.Code:
		return "oops.nowhere"
	case e.Kind == fault.Gone, e.Kind == fault.NotFound, e.Code == "request_unauthorized":
		return "oops.gone"
	case e.Kind == fault.Internal, e.Kind == fault.Unavailable:
		return "oops"
	}
	return "oops.mine"
}

// showFault is the web.ErrorWriter of these pages.
func (h *Handler) showFault(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	h.showError(w, r, e, e.Kind.Status())
}

// showError tells a person what went wrong, and leads on.
func (h *Handler) showError(w http.ResponseWriter, r *http.Request, e *fault.Error, status int) {
	text := h.words(r)
	key := oops(e)
	data := page.Error{Title: text.say(key + ".title"), Code: e.Code, RequestID: web.RequestID(r.Context())}
	if id, ok := e.Details["request"].(string); ok && id != "" {
		data.RequestID = id
	}
	if lead := text.first(key + ".lead"); lead != "" {
		data.Text = lead
	} else {
		data.Text = e.Message
	}
	if data.Text != e.Message && e.Kind != fault.Internal {
		data.Detail = e.Message
	}
	if minutes := int((e.RetryAfter + time.Minute - 1) / time.Minute); minutes > 0 && e.Kind == fault.Limited {
		data.Text = text.first(key+".minute", key+".lead")
		if minutes > 1 {
			data.Text = text.say(key+".minutes", "n", strconv.Itoa(minutes))
		}
	}
	again := h.path(r.Context(), pathAccount+"/")
	if to, ok := e.Details["redirect_to"].(string); ok && strings.HasPrefix(to, h.Base.Of(r.Context()).String()) {
		again = to
	}
	data.Links = []page.Link{{Label: text.say("link.again"), URL: again}}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
		data.Links = nil
	}
	// Our own templates render; the tests would have found what does not.
	_ = h.Site.Render(w, r, status, "error", localError{data, text.lang})
}
