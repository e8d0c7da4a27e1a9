package account

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// asked finds what a challenge asks for, and the session that may answer: that of the very person. Where that person is not
// signed in, another one is asked to start again, and nobody is sent to sign in.
func (h *Handler) asked(w http.ResponseWriter, r *http.Request, challenge string) (*Consent, *session.Session, error) {
	c, err := h.Consents.Request(r.Context(), challenge)
	if err != nil {
		return nil, nil, err
	}
	s, err := h.who(r)
	switch {
	case err != nil:
		return nil, nil, err
	case s == nil: // signed out since: the application's request begins anew, with a login
		return nil, nil, redirect(w, c.RequestURL)
	case s.IdentityID != c.Subject:
		return nil, nil, errStranger.WithDetail("redirect_to", c.RequestURL)
	}
	return c, s, nil
}

// askConsent shows what an application asks for.
func (h *Handler) askConsent(w http.ResponseWriter, r *http.Request) error {
	challenge := r.URL.Query().Get("consent_challenge")
	c, s, err := h.asked(w, r, challenge)
	if err != nil || c == nil {
		return err
	}
	if c.Skip {
		return h.accept(w, r, challenge, s, Granted{Scopes: c.Scopes})
	}
	p := newConsentPage(h.words(r, c.UILocales...), c, s, h.Config)
	p.Action, p.Challenge = h.path(r.Context(), pathConsent), challenge
	if p.App.Logo != "" {
		p.needs.Images = []string{p.App.Logo}
	}
	return h.Site.Render(w, r, http.StatusOK, "consent", p)
}

// accept grants, with what the scopes tell about the person.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request, challenge string, s *session.Session, g Granted) error {
	g.Claims = h.Config.claimsFor(s.Identity, g.Scopes)
	to, err := h.Consents.Accept(r.Context(), challenge, g)
	if err != nil {
		return err
	}
	return redirect(w, to)
}

// consent takes the person's answer.
func (h *Handler) consent(w http.ResponseWriter, r *http.Request) error {
	form, err := ownForm(r)
	if err != nil {
		return err
	}
	challenge := form.Get("consent_challenge")
	c, s, err := h.asked(w, r, challenge)
	if err != nil || c == nil {
		return err
	}
	switch form.Get("said") {
	case "yes":
	case "other": // signs out, and begins the application's request anew
		return redirect(w, h.LogoutURL(r.Context(), s, c.RequestURL))
	default:
		to, err := h.Consents.Reject(r.Context(), challenge)
		if err != nil {
			return err
		}
		return redirect(w, to)
	}
	granted := form["grant_scope"]
	// Nobody grants what was not asked for, whatever a form says.
	scopes := slices.DeleteFunc(slices.Clone(c.Scopes), func(scope string) bool { return !slices.Contains(granted, scope) })
	return h.accept(w, r, challenge, s, Granted{Scopes: scopes, Remember: form.Get("remember") == "true"})
}

// consentPage is the data of the page "consent".
type consentPage struct {
	common
	App               *app
	Action, Challenge string
	Legend            string
	Scopes            []scope
	Papers            []page.Link
}

// scope is one thing that an application asks for. Given ones cannot be refused one by one.
type scope struct {
	Name, Text string
	Given      bool
}

func newConsentPage(w words, c *Consent, s *session.Session, config Config) consentPage {
	p := consentPage{App: newApp(w, c.Client, "app.continue")}
	p.lang, p.needs = w.lang, page.Needs{Form: true, Script: true}
	p.Header = w.say("consent.title", "client", c.Client.called())
	p.Title = p.Header
	p.Lead = w.say("consent.lead", "name", called(s.Identity))
	p.Legend = w.say("consent.legend", "client", c.Client.called())
	if len(c.Scopes) == 0 {
		p.Legend = w.say("consent.nothing", "client", c.Client.called())
	}
	for _, name := range c.Scopes {
		// Who signs in to an application lets it know who that is.
		p.Scopes = append(p.Scopes, scope{name, w.scope(config.Scopes, name), name == "openid"})
	}
	slices.SortStableFunc(p.Scopes, func(a, b scope) int {
		switch {
		case a.Given == b.Given:
			return 0
		case a.Given:
			return -1
		}
		return 1
	})
	for _, l := range []page.Link{{Label: "policy", URL: c.Client.PolicyURL}, {Label: "terms", URL: c.Client.TermsURL}, {Label: "home", URL: c.Client.URL}} {
		if strings.HasPrefix(l.URL, "https://") {
			p.Papers = append(p.Papers, page.Link{Label: w.say("consent." + l.Label), URL: l.URL})
		}
	}
	return p
}
