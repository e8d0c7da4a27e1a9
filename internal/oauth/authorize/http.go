package authorize

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Handler answers for authorization: the endpoint on the public listener, the challenge protocol and the revocation of
// consents and login sessions on the admin listener, and the built-in pages.
type Handler struct {
	Flows   *Flows
	Cookies web.Cookies
	// Site is how our pages look; nil is Gatehouse's own look.
	Site *page.Site
	// Log gets the causes of our own errors that the client is told about by a redirect, which the access log takes for
	// a success. Nil is nowhere.
	Log *slog.Logger
}

// MountPublic adds the authorization endpoint and the built-in pages.
func (h *Handler) MountPublic(m *web.Mux) {
	if h.Flows.Policy.DeveloperLogin() && h.Log != nil {
		h.Log.Warn("no login app is configured: a form for developers signs in everybody as anybody", "set", "oauth.urls.login")
	}
	m = m.WithoutCORS().With(h.ShowError) // RFC 9700 §2.6
	m.Handle("GET "+pathAuth, h.auth)
	m.Handle("POST "+pathAuth, h.auth)
	m.Handle("GET "+pathFormPostScript, formPostScript)
	h.mountFallbacks(m)
}

// auth is the authorization endpoint (RFC 6749 §3.1): new requests, and browsers that come back from login and consent.
func (h *Handler) auth(w http.ResponseWriter, r *http.Request) error {
	if to, ok := h.sameHost(r); ok {
		redirect(w, http.StatusTemporaryRedirect, to)
		return nil
	}
	values, err := requestValues(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	bound := func(flow string) bool { return h.bound(r, flow) }
	var next *Next
	switch {
	case values.Has("login_verifier"):
		next, err = h.Flows.ResumeLogin(ctx, values.Get("login_verifier"), bound)
	case values.Has("consent_verifier"):
		next, err = h.Flows.ResumeConsent(ctx, values.Get("consent_verifier"), bound)
	default:
		next, err = h.Flows.Begin(ctx, readParams(values), h.requestURL(r, values), h.SessionID(r))
	}
	if err != nil {
		return err
	}
	return h.send(w, r, next)
}

// requestValues reads query and form (RFC 6749 §3.1, OpenID Connect Core §3.1.2.1). What stands in both is there twice.
func requestValues(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxRequest || r.ContentLength > maxRequest {
		return nil, oauth.ErrInvalidRequest.Withf("The authorization request is longer than %d characters.", maxRequest)
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(nil, r.Body, maxRequest)
	}
	if err := r.ParseForm(); err != nil {
		return nil, oauth.ErrInvalidRequest.With("The parameters cannot be read: percent-encode values, separate them by \"&\", and send a POST as application/x-www-form-urlencoded.").Because(err)
	}
	return r.Form, nil
}

// requestURL is the request as an address at which it can be started again.
func (h *Handler) requestURL(r *http.Request, values url.Values) string {
	query := r.URL.RawQuery
	if r.Method == http.MethodPost {
		query = values.Encode()
	}
	return h.Flows.Public(r.Context(), pathAuth+"?"+query)
}

// sameHost sends a browser that begins at 127.0.0.1 to localhost when that is what the server is called, or the other
// way round: the login app sends it back there, and cookies are not shared between the two. It does so between names of
// this machine at one port only, so that no proxy can make a circle of it.
func (h *Handler) sameHost(r *http.Request) (to string, ok bool) {
	want := h.Cookies.Base.Of(r.Context()).Host()
	if r.Method != http.MethodGet || r.Host == want {
		return "", false
	}
	wantHost, wantPort := splitHost(want)
	host, port := splitHost(r.Host)
	if port != wantPort || strings.EqualFold(host, wantHost) || !oauth.LocalHost(host) || !oauth.LocalHost(wantHost) {
		return "", false
	}
	return h.Cookies.Base.Join(r.Context(), pathAuth+"?"+r.URL.RawQuery), true
}

func splitHost(hostPort string) (host, port string) {
	u := url.URL{Host: hostPort}
	return u.Hostname(), u.Port()
}

// send does what the flow says: cookies, and on to the next page or back to the client.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, next *Next) error {
	h.report(r, next.Err)
	if err := h.setCookies(w, r, next); err != nil {
		return err
	}
	switch {
	case next.Answer == nil:
		redirect(w, http.StatusSeeOther, next.Location)
	case next.Answer.Mode == oauth.ModeFormPost:
		return h.formPost(w, r, next.Answer)
	default:
		redirect(w, http.StatusSeeOther, next.Answer.Location())
	}
	return nil
}

// report notes the error that a redirect tells the client.
func (h *Handler) report(r *http.Request, err error) {
	if err == nil {
		return
	}
	web.Record(r.Context(), err)
	if e := fault.From(err); h.Log != nil && e.Kind.Status() >= http.StatusInternalServerError {
		h.Log.ErrorContext(r.Context(), "an authorization request failed", "error", e.Error(), "request_id", web.RequestID(r.Context()))
	}
}

// redirect sends the browser elsewhere. 303 makes it a GET whatever it was, so that no form is sent on (RFC 9700
// §4.12).
func redirect(w http.ResponseWriter, status int, to string) {
	noReferrer(w.Header())
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// noReferrer keeps codes, tokens and challenges out of caches, Referer headers and frames (RFC 9700 §4.2.4, §4.16).
func noReferrer(header http.Header) {
	web.NoStore(header)
	header["Referrer-Policy"] = []string{"no-referrer"}
	if header["Content-Security-Policy"] == nil {
		header["Content-Security-Policy"] = []string{"frame-ancestors 'none'"}
	}
}

// ShowError tells a person at a browser what went wrong: on the operator's error page, or on the built-in one.
func (h *Handler) ShowError(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	noReferrer(w.Header())
	to := h.Flows.Policy.URLs.Error
	if to == "" {
		h.errorPage(w, r, e)
		return
	}
	to = oauth.WithParam(oauth.WithParam(to, "error", e.Code), "error_description", e.Message)
	if restart, ok := e.Details[detailRestart].(string); ok {
		to = oauth.WithParam(to, "restart_url", restart)
	}
	if id := web.RequestID(r.Context()); id != "" {
		to = oauth.WithParam(to, "request_id", id)
	}
	redirect(w, http.StatusSeeOther, to)
}
