package logout

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// ask shows the built-in page that asks whether to sign out. It serves in every profile: signing out needs no login app.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request) error {
	challenge := r.URL.Query().Get("logout_challenge")
	request, c, err := h.Logouts.Get(r.Context(), challenge)
	if err != nil {
		return err
	}
	if err := h.theirs(r, request); err != nil {
		return err
	}
	form := page.Form{
		Title:   "Sign out?",
		Text:    "You are about to sign out of this browser.",
		Action:  web.Base(r.Context()).Path(pathFallback),
		Fields:  []page.Field{{Name: "logout_challenge", Type: "hidden", Value: challenge}},
		Buttons: []page.Button{{Name: "said", Value: "yes", Label: "Sign out"}, {Name: "said", Value: "no", Label: "Stay signed in", Quiet: true}},
	}
	if c != nil {
		form.Facts = []page.Fact{{Name: "Application", Value: c.ID}}
		if c.Name != "" {
			form.Facts[0].Value = c.Name
		}
	}
	return h.Browser.Site.Render(w, r, http.StatusOK, "form", form)
}

// theirs tells whether the logout is about the session of this browser: nobody answers for another's.
func (h *Handler) theirs(r *http.Request, request *Request) error {
	if h.Browser.SessionID(r) != request.SessionID {
		return errNotFound
	}
	return nil
}

// said takes the answer of the built-in page.
func (h *Handler) said(w http.ResponseWriter, r *http.Request) error {
	form, err := authorize.OwnForm(r)
	if err != nil {
		return err
	}
	ctx, challenge := r.Context(), form.Get("logout_challenge")
	request, _, err := h.Logouts.Get(ctx, challenge)
	if err != nil {
		return err
	}
	if err := h.theirs(r, request); err != nil {
		return err
	}
	if form.Get("said") != "yes" {
		if err := h.Logouts.Reject(ctx, challenge); err != nil {
			return err
		}
		return h.Browser.Site.Render(w, r, http.StatusOK, "message", page.Message{Title: "You are still signed in", Text: "You can close this page."})
	}
	to, err := h.Logouts.Accept(ctx, challenge)
	if err != nil {
		return err
	}
	redirect(w, to)
	return nil
}

// bye is where the browser ends when nobody named another place.
func (h *Handler) bye(w http.ResponseWriter, r *http.Request) error {
	return h.Browser.Site.Render(w, r, http.StatusOK, "message", page.Message{Title: "You are signed out", Text: "You can close this page."})
}
