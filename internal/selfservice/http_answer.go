package selfservice

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// guarded answers errors of a handler as the client can take them: scripts and apps get JSON, a page load goes to the error
// page, where the reason waits.
func (h *Handler) guarded(fn web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		web.NoStore(w.Header())
		err := fn(w, r)
		if err == nil {
			return nil
		}
		_, plain := errors.AsType[asJSON](err)
		native := plain || isNative(r)
		if to, ok := errors.AsType[*Redirect](err); ok {
			if to.Fault != nil {
				web.Record(r.Context(), to.Fault)
			}
			return h.moved(w, r, nil, &Submission{Browser: !native, AJAX: wantsJSON(r)}, to)
		}
		if native || wantsJSON(r) {
			return err
		}
		return h.toErrorPage(w, r, err)
	}
}

// asJSON is an error for a native app, whatever the request says that it accepts.
type asJSON struct{ error }

// Unwrap gives the error.
func (e asJSON) Unwrap() error { return e.error }

// isNative reports whether the request is one of a native app's, which no page could show an error to.
func isNative(r *http.Request) bool {
	p := r.URL.Path
	return len(p) > 4 && p[len(p)-4:] == "/api" || r.Header.Get("X-Session-Token") != ""
}

// toErrorPage keeps the error and sends the browser to the page that shows it.
func (h *Handler) toErrorPage(w http.ResponseWriter, r *http.Request, err error) error {
	web.Record(r.Context(), err)
	e := fault.From(err)
	// An error is a row like a flow, and is counted as one.
	if tooMany := h.Limits.Allow(r.Context(), limit.Flow, address(web.ClientIP(r.Context()))); tooMany != nil && e.Kind != fault.Limited {
		e = fault.From(tooMany)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(e.RetryAfter))
	}
	id := limitedPrefix + seconds(e.RetryAfter) // a row for everybody who asks too often would be what the limit is against
	if e.Kind != fault.Limited {
		var failed error
		if id, failed = h.keepError(r.Context(), e, web.RequestID(r.Context())); failed != nil {
			return err // with the database away, the plain answer says so
		}
	}
	return redirect(w, r, withQuery(h.absolute(r.Context(), h.Config.Flows.Error.UIURL), "id", id))
}

// page is the address of the flow's page.
func (h *Handler) page(ctx context.Context, k flowKind, f *Flow) string {
	return withQuery(h.absolute(ctx, k.uiURL), "flow", f.ID)
}

// show writes the flow's document.
func (h *Handler) show(w http.ResponseWriter, status int, f *Flow, token string, in *Submission) error {
	web.NoStore(w.Header())
	return web.WriteJSON(w, status, h.document(f, token, in))
}

// changeLocation tells a script that its browser has to go elsewhere.
func changeLocation(w http.ResponseWriter, r *http.Request, location string) error {
	e := errMoved.With(errMoved.Message + location)
	return web.WriteJSON(w, http.StatusUnprocessableEntity, refusal{
		Error: body(r, e, http.StatusUnprocessableEntity), RedirectBrowserTo: location,
	})
}

// refusal is Kratos' error document with the members that stand beside the error.
type refusal struct {
	Error             refusalError `json:"error"`
	RedirectBrowserTo any          `json:"redirect_browser_to,omitempty"`
	UseFlowID         any          `json:"use_flow_id,omitempty"`
	ExpiredAt         any          `json:"expired_at,omitempty"`
	Since             any          `json:"since,omitempty"`
}

type refusalError struct {
	ID      string         `json:"id,omitempty"`
	Code    int            `json:"code"`
	Status  string         `json:"status"`
	Request string         `json:"request,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

func body(r *http.Request, e *fault.Error, status int) refusalError {
	return refusalError{
		ID: e.Code, Code: status, Status: http.StatusText(status), Request: web.RequestID(r.Context()),
		Reason: e.Message, Message: e.Message, Details: e.Details,
	}
}

// writeFault writes a fault in Kratos' form. Some details have their place beside the error object.
func writeFault(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	to, use := e.Details["redirect_browser_to"], e.Details["use_flow_id"]
	if to == nil && use == nil {
		web.KratosErrors(w, r, e)
		return
	}
	status := e.Kind.Status()
	_ = web.WriteJSON(w, status, refusal{ // the client may be gone
		Error: body(r, e, status), RedirectBrowserTo: to, UseFlowID: use,
		ExpiredAt: e.Details["expired_at"], Since: e.Details["since"],
	})
}

// document is the flow as a client sees it. token is the browser's CSRF token.
func (h *Handler) document(f *Flow, token string, in *Submission) *ui.Flow {
	d := &ui.Flow{
		Kind: f.Kind, ID: f.ID, Type: f.Type, ExpiresAt: f.ExpiresAt, IssuedAt: f.IssuedAt, RequestURL: f.RequestURL,
		ReturnTo: f.ReturnTo, Active: f.Active, UI: f.Form, State: f.State, Refresh: f.Refresh, RequestedAAL: f.AAL,
		SessionTokenExchangeCode: f.ExchangeCode, ContinueWith: f.ContinueWith, OAuth2LoginChallenge: f.LoginChallenge,
		TransientPayload: f.TransientPayload, IdentitySchema: f.SchemaID, CreatedAt: f.IssuedAt, UpdatedAt: f.IssuedAt,
	}
	if f.OrganizationID != "" {
		d.OrganizationID = &f.OrganizationID
	}
	if len(f.OAuthRequest) > 0 {
		d.OAuth2LoginRequest = f.OAuthRequest
	}
	if f.Kind == KindSettings && in != nil && in.Session != nil {
		d.Identity = in.Session.Identity.Public()
	}
	if who := f.shown; who != nil {
		d.Identity = who.Public()
	}
	if !f.API() {
		d.UI.SetValue(csrfField, maskCSRF(token))
	}
	return d
}
