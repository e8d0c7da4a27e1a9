package selfservice

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

const (
	csrfField  = "csrf_token"
	csrfHeader = "X-CSRF-Token"
	csrfBytes  = 32
	csrfMaxAge = 365 * 24 * time.Hour
)

// A browser has one CSRF token, in a cookie. A flow is bound to it by its digest, and each form shows it under a mask of its
// own, so that compressed answers give nothing of it away (BREACH).

// csrfCookie is the name of the cookie: Kratos', by which middleware written for Kratos finds it.
func (h *Handler) csrfCookie(ctx context.Context) string {
	sum := sha256.Sum256([]byte(strings.TrimSuffix(h.Base.Of(ctx).String(), "/")))
	return "csrf_token_" + hex.EncodeToString(sum[:])
}

// csrf returns the token of the browser, "" where it has none.
func (h *Handler) csrf(r *http.Request) string {
	for _, c := range r.CookiesNamed(h.csrfCookie(r.Context())) {
		if raw, err := base64.StdEncoding.DecodeString(c.Value); err == nil && len(raw) == csrfBytes {
			return string(raw)
		}
	}
	return ""
}

// ensureCSRF returns the token of the browser, and gives it one where it has none.
func (h *Handler) ensureCSRF(w http.ResponseWriter, r *http.Request) string {
	if token := h.csrf(r); token != "" {
		return token
	}
	raw := make([]byte, csrfBytes)
	_, _ = rand.Read(raw)         // it never fails
	c := h.Sessions.Config.Cookie // what holds for the session's cookie holds for its companion
	http.SetCookie(w, &http.Cookie{
		Name: h.csrfCookie(r.Context()), Value: base64.StdEncoding.EncodeToString(raw), Path: h.Base.CookiePath(r.Context()), Domain: c.Domain,
		MaxAge: int(csrfMaxAge.Seconds()), HttpOnly: true, Secure: h.Base.Secure(), SameSite: sameSite(c.SameSite, h.Base.Secure()),
	})
	return string(raw)
}

// sameSite is never Strict: then the cookie would stay away when a person comes back from another site, with a flow that it is
// bound to. None needs https.
func sameSite(configured string, secure bool) http.SameSite {
	if configured == "None" && secure {
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// csrfBound returns what a flow remembers of the token.
func csrfBound(token string) string { return secret.Digest("selfservice csrf " + token) }

// maskCSRF returns the token as a form shows it.
func maskCSRF(token string) string {
	if token == "" {
		return ""
	}
	masked := make([]byte, 2*csrfBytes)
	_, _ = rand.Read(masked[:csrfBytes])
	subtle.XORBytes(masked[csrfBytes:], masked[:csrfBytes], []byte(token))
	return base64.StdEncoding.EncodeToString(masked)
}

// sameCSRF reports whether what was sent is the browser's token, under a mask.
func sameCSRF(sent, token string) bool {
	raw, err := base64.StdEncoding.DecodeString(sent)
	if err != nil || len(raw) != 2*csrfBytes || token == "" {
		return false
	}
	subtle.XORBytes(raw[csrfBytes:], raw[csrfBytes:], raw[:csrfBytes])
	return subtle.ConstantTimeCompare(raw[csrfBytes:], []byte(token)) == 1
}

// checkHolder makes sure that the flow was begun by the browser that asks for it. Flows of native apps are bound to nothing
// but their id.
func (h *Handler) checkHolder(r *http.Request, f *Flow) error {
	if f.API() || f.Internal.CSRF == "" { // the latter was begun by an administrator, for whoever has its proof
		return nil
	}
	token := h.csrf(r)
	if token == "" || subtle.ConstantTimeCompare([]byte(csrfBound(token)), []byte(f.Internal.CSRF)) != 1 {
		return errCSRF
	}
	return nil
}

// checkSubmission makes sure that the page which the browser showed has sent the submission, and not another site. Links in
// mails arrive by GET, in whatever browser; what they may do is for the flow's own code to say.
func (h *Handler) checkSubmission(r *http.Request, f *Flow, in *Submission) error {
	if in.Get {
		in.Holder = f.Internal.CSRF != "" && h.checkHolder(r, f) == nil
		return nil
	}
	if f.API() {
		return refuseBrowser(r)
	}
	if err := h.checkHolder(r, f); err != nil {
		return err
	}
	in.Holder = true
	if f.Internal.CSRF == "" {
		return h.checkSite(r)
	}
	sent := in.String(csrfField)
	if sent == "" {
		sent = r.Header.Get(csrfHeader)
	}
	if !sameCSRF(sent, h.csrf(r)) {
		return errCSRF
	}
	return nil
}

// checkSite keeps other sites from submitting a flow that belongs to no browser yet: whoever got a recovery of an administrator
// could sign others in to their own account with it. What the pages themselves send passes, and what no browser sends.
func (h *Handler) checkSite(r *http.Request) error {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" && site != "cross-site" || site == "" && (origin == "" || origin == "null") { // null: what a page says that sends no referrer
		return nil
	}
	for _, own := range []string{h.Base.Of(r.Context()).String(), h.absolute(r.Context(), h.Config.Flows.Recovery.UIURL)} {
		if u, err := url.Parse(own); err == nil && strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
			return nil
		}
	}
	return errCSRF
}

// refuseBrowser keeps browsers out of the flows of native apps, which nothing protects from other sites. The cookies of a
// content delivery network in between are nobody's fault.
func refuseBrowser(r *http.Request) error {
	if r.Header.Get("Origin") != "" {
		return errAPIFlowOrigin
	}
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, "__cf") {
			return errAPIFlowCookies
		}
	}
	return nil
}
