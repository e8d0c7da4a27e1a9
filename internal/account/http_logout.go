package account

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// logoutPage is the data of the page "logout".
type logoutPage struct {
	common
	App               *app
	Action, Challenge string
}

// donePage is the data of the page "done": something happened, and there may be a way on.
type donePage struct {
	common
	Links []page.Link
}

// askLogout asks whether to sign out.
func (h *Handler) askLogout(w http.ResponseWriter, r *http.Request) error {
	challenge := r.URL.Query().Get("logout_challenge")
	s, err := h.who(r)
	if err != nil {
		return err
	}
	text := h.words(r)
	p := logoutPage{Action: h.path(r.Context(), pathLogout), Challenge: challenge}
	p.lang, p.needs = text.lang, page.Needs{Form: true, Script: true}
	p.Header, p.Lead = text.say("logout.title"), text.say("logout.lead")
	p.Title = p.Header
	if challenge == "" {
		if s == nil {
			return h.loggedOut(w, r)
		}
		return h.Site.Render(w, r, http.StatusOK, "logout", p)
	}
	l, err := h.leaving(r, challenge, s)
	if err != nil {
		return err
	}
	if s == nil { // nobody is signed in here any more, so nobody needs to be asked
		return h.leave(w, r, challenge)
	}
	p.Lead = text.say("logout.lead.client")
	if l.Client != nil {
		p.App = newApp(text, *l.Client, "app.leaving")
		if p.App.Logo != "" {
			p.needs.Images = []string{p.App.Logo}
		}
	}
	return h.Site.Render(w, r, http.StatusOK, "logout", p)
}

// leaving finds what a challenge asks for. Nobody answers for another person.
func (h *Handler) leaving(r *http.Request, challenge string, s *session.Session) (*Logout, error) {
	if h.Logouts == nil {
		return nil, errForm
	}
	l, err := h.Logouts.Request(r.Context(), challenge)
	if err == nil && s != nil && s.IdentityID != l.Subject {
		return nil, errStranger
	}
	return l, err
}

func (h *Handler) leave(w http.ResponseWriter, r *http.Request, challenge string) error {
	to, err := h.Logouts.Accept(r.Context(), challenge)
	if err != nil {
		return err
	}
	return redirect(w, to)
}

// logout takes the person's answer.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	form, err := ownForm(r)
	if err != nil {
		return err
	}
	s, err := h.who(r)
	if err != nil {
		return err
	}
	if challenge := form.Get("logout_challenge"); challenge != "" {
		return h.logoutAsked(w, r, challenge, form.Get("said") == "yes", s)
	}
	if form.Get("said") != "yes" {
		return redirect(w, h.path(r.Context(), pathAccount+"/"))
	}
	if s == nil {
		return redirect(w, h.path(r.Context(), pathLogout))
	}
	return redirect(w, h.LogoutURL(r.Context(), s, ""))
}

// logoutAsked answers a sign-out that an application asked for.
func (h *Handler) logoutAsked(w http.ResponseWriter, r *http.Request, challenge string, yes bool, s *session.Session) error {
	if _, err := h.leaving(r, challenge, s); err != nil {
		return err
	}
	if yes {
		return h.leave(w, r, challenge)
	}
	if err := h.Logouts.Reject(r.Context(), challenge); err != nil {
		return err
	}
	text := h.words(r)
	return h.Site.Render(w, r, http.StatusOK, "done", donePage{
		common: common{lang: text.lang, Title: text.say("logout.stayed.title"), Header: text.say("logout.stayed.title"), Lead: text.say("logout.stayed.lead")},
		Links:  []page.Link{{Label: text.say("link.account"), URL: h.path(r.Context(), pathAccount+"/")}},
	})
}

// loggedOut is the page for who is signed out.
func (h *Handler) loggedOut(w http.ResponseWriter, r *http.Request) error {
	text := h.words(r)
	return h.Site.Render(w, r, http.StatusOK, "done", donePage{
		common: common{lang: text.lang, Title: text.say("logout.done.title"), Header: text.say("logout.done.title"), Lead: text.say("logout.done.lead")},
		Links:  []page.Link{{Label: text.say("link.login"), URL: h.begin(r.Context(), "login")}},
	})
}
