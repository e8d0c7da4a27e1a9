package authorize

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const pathFallbackError = "/oauth2/fallbacks/error"

var (
	errNoLoginApp = fault.New(fault.Unavailable, "login_app_missing",
		"Nobody can sign in here yet: the server does not know where its login page is. Its operator must set oauth.urls.login (GATEHOUSE_OAUTH_URLS_LOGIN) to the URL of the login app.")
	errNoConsentApp = fault.New(fault.Unavailable, "consent_app_missing",
		"The server does not know where its consent page is. Its operator must set oauth.urls.consent (GATEHOUSE_OAUTH_URLS_CONSENT) to the URL of the consent app.")
	errForeignForm = fault.New(fault.Forbidden, "request_forbidden",
		"This form was not sent by a page of ours. Go back to the application and start again.")
)

// warning stands on every page of the developer's login.
const warning = "Development only. No login app is configured, so this form takes everybody's word for who they are. Set oauth.urls.login and oauth.urls.consent to your own pages; in the production profile this form is not served."

// mountFallbacks adds the pages that stand in where no app of the operator's is configured. The login and consent forms
// answer the challenges as a login app would, over the same rules; they exist in the development profile only.
func (h *Handler) mountFallbacks(m *web.Mux) {
	m.Handle("GET "+pathFallbackLogin, h.loginForm)
	m.Handle("POST "+pathFallbackLogin, h.loginSaid)
	m.Handle("GET "+pathFallbackConsent, h.consentForm)
	m.Handle("POST "+pathFallbackConsent, h.consentSaid)
	m.Handle("GET "+pathFallbackError, h.fallbackError)
}

// DeveloperLogin tells whether the developer's login form is served: the one who starts the server should say so, loudly.
func (p Policy) DeveloperLogin() bool { return p.Development && p.URLs.Login == "" }

// allowedLogin says whether the developer's login form may be shown for the challenge.
func (h *Handler) allowedLogin(r *http.Request, challenge string) error {
	if h.Flows.Policy.URLs.Login != "" {
		return errNotFound // there is a login app, and it is elsewhere
	}
	return h.allowed(r, errNoLoginApp, LoginChallenge, challenge)
}

// allowedConsent says whether the developer's consent form may be shown for the challenge.
func (h *Handler) allowedConsent(r *http.Request, challenge string) error {
	if h.Flows.Policy.URLs.Consent != "" {
		return errNotFound
	}
	return h.allowed(r, errNoConsentApp, ConsentChallenge, challenge)
}

// allowed says whether a form of the developer's may be shown: in development, to the browser that began the flow.
func (h *Handler) allowed(r *http.Request, missing *fault.Error, p Purpose, challenge string) error {
	if !h.Flows.Policy.Development {
		return missing
	}
	id, ok := h.Flows.Challenges.Open(p, here(r.Context()), challenge)
	switch {
	case !ok:
		return errNotFound
	case !h.bound(r, id):
		return errNotBound
	}
	return nil
}

func (h *Handler) loginForm(w http.ResponseWriter, r *http.Request) error {
	challenge := r.URL.Query().Get("login_challenge")
	if err := h.allowedLogin(r, challenge); err != nil {
		return err
	}
	lr, err := h.Flows.LoginRequest(r.Context(), challenge)
	if err != nil {
		return err
	}
	if lr.Skip { // signed in already, and the request is content with that
		return h.goOn(w)(h.Flows.AcceptLogin(r.Context(), challenge, LoginAccept{Subject: lr.Subject}))
	}
	return h.showLogin(w, r, lr, "")
}

func (h *Handler) showLogin(w http.ResponseWriter, r *http.Request, lr *LoginRequest, problem string) error {
	noReferrer(w.Header())
	return h.Site.Render(w, r, http.StatusOK, "form", page.Form{
		Title: "Sign in", Warning: warning, Problem: problem,
		Facts:  []page.Fact{{Name: "Application", Value: clientName(lr.Client.Name, lr.Client.ID)}},
		Action: h.Cookies.Base.Path(r.Context(), pathFallbackLogin),
		Fields: []page.Field{
			{Name: "login_challenge", Type: "hidden", Value: lr.Challenge},
			{Name: "subject", Label: "Who are you?", Value: lr.OIDC.LoginHint, Required: true, Autocomplete: "username",
				Hint: "Any name will do. It becomes the subject of the tokens."},
			{Name: "remember", Type: "checkbox", Label: "Remember me in this browser", Value: "true"},
		},
		Buttons: []page.Button{{Name: "said", Value: "yes", Label: "Sign in"}, {Name: "said", Value: "no", Label: "Refuse", Quiet: true}},
	})
}

func clientName(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// goOn sends the browser where the flow says.
func (h *Handler) goOn(w http.ResponseWriter) func(to string, err error) error {
	return func(to string, err error) error {
		if err == nil {
			redirect(w, http.StatusSeeOther, to)
		}
		return err
	}
}

// OwnForm reads a form that only a page of ours may have sent.
func OwnForm(r *http.Request) (url.Values, error) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return nil, errForeignForm.Because(err)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		return nil, oauth.ErrInvalidRequest.With("The form cannot be read.").Because(err)
	}
	return r.PostForm, nil
}

// developerRefusal is what the client is told when the developer presses the other button.
var developerRefusal = Refusal{Error: "access_denied", Description: "The person refused."}

func (h *Handler) loginSaid(w http.ResponseWriter, r *http.Request) error {
	form, err := OwnForm(r)
	if err != nil {
		return err
	}
	ctx, challenge := r.Context(), form.Get("login_challenge")
	if err := h.allowedLogin(r, challenge); err != nil {
		return err
	}
	if form.Get("said") == "no" {
		return h.goOn(w)(h.Flows.RejectLogin(ctx, challenge, developerRefusal))
	}
	accept := LoginAccept{Subject: strings.TrimSpace(form.Get("subject")), Remember: form.Get("remember") == "true", AMR: []string{"dev"}}
	if err := checkLogin(&accept); err != nil {
		lr, again := h.Flows.LoginRequest(ctx, challenge)
		if again != nil {
			return again
		}
		return h.showLogin(w, r, lr, fault.From(err).Message)
	}
	return h.goOn(w)(h.Flows.AcceptLogin(ctx, challenge, accept))
}

func (h *Handler) consentForm(w http.ResponseWriter, r *http.Request) error {
	challenge := r.URL.Query().Get("consent_challenge")
	if err := h.allowedConsent(r, challenge); err != nil {
		return err
	}
	cr, err := h.Flows.ConsentRequest(r.Context(), challenge)
	if err != nil {
		return err
	}
	if cr.Skip {
		return h.goOn(w)(h.Flows.AcceptConsent(r.Context(), challenge, ConsentAccept{GrantScope: cr.RequestedScope, GrantAudience: cr.RequestedAudience}))
	}
	fields := []page.Field{{Name: "consent_challenge", Type: "hidden", Value: challenge}}
	for _, scope := range cr.RequestedScope {
		fields = append(fields, page.Field{Name: "grant_scope", Type: "checkbox", Label: scope, Value: scope, Checked: true})
	}
	fields = append(fields, page.Field{Name: "remember", Type: "checkbox", Label: "Do not ask again for this application", Value: "true"})
	noReferrer(w.Header())
	return h.Site.Render(w, r, http.StatusOK, "form", page.Form{
		Title: "Allow access?", Warning: warning,
		Facts:   []page.Fact{{Name: "Application", Value: clientName(cr.Client.Name, cr.Client.ID)}, {Name: "Signed in as", Value: cr.Subject}},
		Action:  h.Cookies.Base.Path(r.Context(), pathFallbackConsent),
		Fields:  fields,
		Buttons: []page.Button{{Name: "said", Value: "yes", Label: "Allow"}, {Name: "said", Value: "no", Label: "Deny", Quiet: true}},
	})
}

func (h *Handler) consentSaid(w http.ResponseWriter, r *http.Request) error {
	form, err := OwnForm(r)
	if err != nil {
		return err
	}
	ctx, challenge := r.Context(), form.Get("consent_challenge")
	if err := h.allowedConsent(r, challenge); err != nil {
		return err
	}
	if form.Get("said") == "no" {
		return h.goOn(w)(h.Flows.RejectConsent(ctx, challenge, developerRefusal))
	}
	cr, err := h.Flows.ConsentRequest(ctx, challenge)
	if err != nil {
		return err
	}
	return h.goOn(w)(h.Flows.AcceptConsent(ctx, challenge, ConsentAccept{GrantScope: form["grant_scope"],
		GrantAudience: cr.RequestedAudience, Remember: form.Get("remember") == "true"}))
}

// fallbackError stands in for an error page of the operator's. It shows no text from its address, since anybody can
// write an address.
func (h *Handler) fallbackError(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("error")
	if len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		code = ""
	}
	noReferrer(w.Header())
	return h.Site.Render(w, r, http.StatusOK, "error", page.Error{Code: code,
		Text: "The sign-in could not be completed. Go back to the application and try again."})
}

// errorPage is the built-in error page. Where the request is known, it offers to start it again.
func (h *Handler) errorPage(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	restart, ok := e.Details[detailRestart].(string)
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		h.Site.Errors(w, r, e)
		return
	}
	text := e.Message
	if e.Code == errNotBound.Code && e.Kind == errNotBound.Kind {
		text += " This happens when cookies are blocked, when the address was opened in another browser or a private window, or when the sign-in began under another host name than " + h.Cookies.Base.Of(r.Context()).Host() + " (localhost and 127.0.0.1 are two names). Start again, and stay in this browser."
	}
	var links []page.Link
	if ok {
		links = []page.Link{{Label: "Start again", URL: restart}}
	}
	title := ""
	switch e.Code {
	case errExpired.Code:
		title, text = "That took too long", "The sign-in has expired. Start again, or go back to the application."
	case errNotBound.Code:
		title = "This sign-in began somewhere else"
	case errUsed.Code:
		title = "This step was already taken"
	}
	_ = h.Site.Render(w, r, e.Kind.Status(), "error", page.Error{Title: title, Text: text, Code: e.Code, // our own templates render
		RequestID: web.RequestID(r.Context()), Links: links})
}
