package authorize

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	// sessionCookie holds the id of the browser's login session.
	sessionCookie = "gatehouse_oauth_session"
	// flowCookie begins the names of the cookies that bind a browser to a flow. Each flow has its own, so that several
	// can run in one browser.
	flowCookie = "gatehouse_oauth_flow_"
	// flowCookies is how many of them a browser may collect. The oldest go first: browsers have a limit of their own,
	// and a request with too many is refused by servers.
	flowCookies = 10
)

// SessionID gives the login session that the browser brought, or "".
func (h *Handler) SessionID(r *http.Request) string {
	id, _ := h.Cookies.ReadSealed(r, sessionCookie)
	return id
}

// ForgetSession makes the browser forget its login session.
func (h *Handler) ForgetSession(w http.ResponseWriter, r *http.Request) {
	h.Cookies.Clear(w, r, sessionCookie)
}

// bound tells whether this browser began the flow: only then may it go on with it, or else somebody could make it sign
// in to another's account (RFC 9700 §4.7).
func (h *Handler) bound(r *http.Request, flow string) bool {
	id, ok := h.Cookies.ReadSealed(r, flowCookieName(flow))
	return ok && id == flow
}

// flowCookieName gives names that sort by age, as the ids of flows do.
func flowCookieName(flow string) string { return flowCookie + strings.ReplaceAll(flow, "-", "") }

// setCookies does what the flow says about cookies. Under https they are sent in frames of other sites too, for
// applications that renew a login silently; without https that is not to be had.
func (h *Handler) setCookies(w http.ResponseWriter, r *http.Request, next *Next) error {
	if next.Bind != "" {
		h.dropOldFlows(w, r)
		o := web.CookieOptions{MaxAge: h.Flows.Policy.Lifespans.LoginConsentRequest, SameSite: http.SameSiteNoneMode}
		if err := h.Cookies.SetSealed(w, r, flowCookieName(next.Bind), next.Bind, o); err != nil {
			return err
		}
	}
	if next.Release != "" {
		h.Cookies.Clear(w, r, flowCookieName(next.Release))
	}
	if next.Forget {
		h.ForgetSession(w, r)
	}
	if next.SessionID != "" {
		o := web.CookieOptions{MaxAge: next.SessionAge, SameSite: http.SameSiteNoneMode}
		return h.Cookies.SetSealed(w, r, sessionCookie, next.SessionID, o)
	}
	return nil
}

// dropOldFlows makes room for one more.
func (h *Handler) dropOldFlows(w http.ResponseWriter, r *http.Request) {
	if strings.Count(r.Header.Get("Cookie"), flowCookie) < flowCookies {
		return
	}
	var names []string
	for _, c := range r.Cookies() {
		if name := strings.TrimPrefix(c.Name, "__Host-"); strings.HasPrefix(name, flowCookie) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for len(names) >= flowCookies {
		h.Cookies.Clear(w, r, names[0])
		names = names[1:]
	}
}
