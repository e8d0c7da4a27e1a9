package account

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// kept are the parameters of a page that the flow which it begins has a use for.
var kept = []string{
	"return_to", "login_challenge", "refresh", "aal", "via", "organization", "identity_schema", "after_verification_return_to", "ui_locales",
}

// beginning is where the flow of a page begins that names none.
func (h *Handler) beginning(ctx context.Context, kind string, q url.Values) string {
	var pairs []string
	for _, name := range kept {
		pairs = append(pairs, name, q.Get(name))
	}
	return h.begin(ctx, kind, pairs...)
}

// flow shows a flow of one kind. Where there is none of that id, or none any more, a new one begins.
func (h *Handler) flow(kind string) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		id := q.Get("flow")
		if id == "" {
			return redirect(w, h.beginning(r.Context(), kind, q))
		}
		f, err := h.Flows.Show(r, kind, id)
		if err != nil {
			return h.instead(w, r, kind, err)
		}
		text := h.words(r, locales(f)...)
		p := newFlowPage(text, f, kind, h.begin(r.Context(), kind, "return_to", f.ReturnTo, "login_challenge", f.OAuth2LoginChallenge))
		var s *session.Session
		if f.Refresh || f.RequestedAAL == session.AAL2 || kind == string(ui.Verification) {
			if s, err = h.who(r); err != nil {
				return err
			}
		}
		// Whose password this page asks for is not to be guessed, least of all where people share a computer. Who has not shown a
		// second factor yet is told nothing that they may not know.
		if s != nil && f.Refresh && h.Sessions.Satisfied(r.Context(), s, h.Sessions.Config.Whoami.RequiredAAL) == nil {
			p.Lead = text.say("login.who", "name", called(s.Identity))
		}
		p.Ways = h.ways(r.Context(), text, f, kind, s)
		switch kind {
		case string(ui.Settings):
			p.Tabs = h.tabs(r, text, "settings")
		case string(ui.Login), string(ui.Registration):
			if p.App != nil && p.App.Logo != "" {
				p.needs.Images = append(p.needs.Images, p.App.Logo)
			}
		}
		return h.Site.Render(w, r, http.StatusOK, "flow", p)
	}
}

// instead leads on where a flow cannot be shown. One that is gone begins anew; a new one is of no use to a browser that brings no
// cookies, and would go round in circles, so that is told.
func (h *Handler) instead(w http.ResponseWriter, r *http.Request, kind string, err error) error {
	e := fault.From(err)
	back, _ := e.Details["return_to"].(string)
	switch {
	case e.Kind == fault.Gone, e.Kind == fault.NotFound:
		return redirect(w, h.begin(r.Context(), kind, "return_to", back))
	case kind == string(ui.Settings) && e.Kind == fault.Unauthenticated:
		return h.signIn(w, r, pathAccount+"/settings")
	}
	if to, ok := e.Details["redirect_browser_to"].(string); ok && to != "" {
		return redirect(w, to)
	}
	if e.Details["redirect_to"] == nil {
		err = e.WithDetail("redirect_to", h.Base.Join(r.Context(), "/self-service/"+kind+"/browser"))
	}
	return err
}

// ways are the questions below a flow that lead to another one. s is the session of who is asked once more, or verifies an address of
// their account.
func (h *Handler) ways(ctx context.Context, w words, f *ui.Flow, kind string, s *session.Session) []way {
	ask := func(key, url string) way {
		return way{w.say(key), page.Link{Label: w.say(key + ".link"), URL: url}}
	}
	login := h.begin(ctx, "login", "return_to", f.ReturnTo, "login_challenge", f.OAuth2LoginChallenge)
	var out []way
	switch ui.Kind(kind) {
	case ui.Login:
		if f.Refresh || f.RequestedAAL == session.AAL2 {
			if s == nil {
				return nil
			}
			return []way{ask("login.to.logout", h.LogoutURL(ctx, s, h.Base.Of(ctx).Origin()+login))} // and begins this login anew
		}
		if h.Offers.Recovery {
			out = append(out, ask("login.to.recovery", h.begin(ctx, "recovery", "return_to", f.ReturnTo)))
		}
		if h.Offers.Registration {
			out = append(out, ask("login.to.registration", h.begin(ctx, "registration", "return_to", f.ReturnTo, "login_challenge", f.OAuth2LoginChallenge)))
		}
	case ui.Registration:
		out = append(out, ask("registration.to.login", login))
	case ui.Recovery:
		out = append(out, ask("recovery.to.login", login))
	case ui.Verification:
		switch account := h.path(ctx, pathAccount+"/"); {
		case f.State == ui.StatePassedChallenge:
		case s == nil: // who has just registered cannot sign in before, and who had an account already got another mail
			if strings.HasPrefix(f.ReturnTo, h.path(ctx, "/self-service/login/browser")) || strings.HasPrefix(f.ReturnTo, h.loginURL(ctx)) {
				login = f.ReturnTo
			}
			out = append(out, ask("registration.to.login", login))
		case f.ReturnTo == "", f.ReturnTo == account, f.ReturnTo == h.Base.Join(ctx, pathAccount+"/"):
			out = append(out, ask("verification.to.account", account))
		default: // on to where the person wanted to go: to an application, for example
			out = append(out, ask("verification.to.on", f.ReturnTo))
		}
	}
	return out
}

// loginURL is the absolute address at which a login begins.
func (h *Handler) loginURL(ctx context.Context) string {
	return h.Base.Join(ctx, "/self-service/login/browser")
}

// failure shows what went wrong in a flow.
func (h *Handler) failure(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("id")
	if id == "" {
		return h.nothing(w, r)
	}
	e, err := h.Flows.Failure(r, id)
	if err != nil {
		if fault.From(err).Kind == fault.NotFound {
			return h.nothing(w, r)
		}
		return err
	}
	// The page is there, whatever it tells of; a status of its own would make a cache or a monitor believe that it is not.
	h.showError(w, r, e, http.StatusOK)
	return nil
}

// nothing is the error page where there is no error.
func (h *Handler) nothing(w http.ResponseWriter, r *http.Request) error {
	text := h.words(r)
	return h.Site.Render(w, r, http.StatusOK, "done", donePage{
		common: common{lang: text.lang, Title: text.say("oops.none.title"), Header: text.say("oops.none.title"), Lead: text.say("oops.none.lead")},
		Links:  []page.Link{{Label: text.say("link.account"), URL: h.path(r.Context(), pathAccount+"/")}},
	})
}
