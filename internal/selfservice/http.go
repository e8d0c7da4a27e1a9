package selfservice

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// MountPublic registers the routes of all flows.
func (h *Handler) MountPublic(m *web.Mux) {
	m = m.With(writeFault)
	for _, k := range h.kinds() {
		h.mount(m, k)
	}
	m.Handle("GET /self-service/logout/browser", h.logoutBegin)
	m.Handle("GET /self-service/logout", h.logoutBrowser)
	m.Handle("DELETE /self-service/logout/api", h.logoutAPI)
	m.Handle("GET /self-service/errors", h.errorShow)
	m.Handle("GET /.well-known/change-password", h.changePassword)
}

// kinds are the flows that share the machinery.
func (h *Handler) kinds() []flowKind {
	return []flowKind{h.login(), h.registration(), h.settings(), h.recovery(), h.verification()}
}

// mount registers the five routes of a flow.
func (h *Handler) mount(m *web.Mux, k flowKind) {
	path := "/self-service/" + string(k.kind)
	m.Handle("GET "+path+"/browser", h.begun(k, ui.TypeBrowser))
	m.Handle("GET "+path+"/api", h.begun(k, ui.TypeAPI))
	m.Handle("GET "+path+"/flows", h.fetched(k))
	m.Handle("GET "+path, h.arrived(k))
	m.Handle("POST "+path, h.posted(k))
}

// begun begins a flow.
func (h *Handler) begun(k flowKind, typ string) web.HandlerFunc {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error {
		if typ == ui.TypeAPI {
			if err := refuseBrowser(r); err != nil {
				return err
			}
		}
		in, err := h.arriving(r, typ)
		if err != nil {
			return err
		}
		f, token, err := h.begin(w, r, k, in, h.absolute(r.URL.RequestURI()))
		if err != nil {
			return err
		}
		if typ == ui.TypeAPI || in.AJAX {
			return h.show(w, http.StatusOK, f, token, in)
		}
		return redirect(w, r, h.page(k, f, in))
	})
}

// begin makes a flow, fills it in and stores it. token is the browser's CSRF token.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, k flowKind, in *Submission, requestURL string) (f *Flow, token string, err error) {
	if err := h.Limits.Allow(r.Context(), ruleFlow, address(in)); err != nil {
		return nil, "", err
	}
	if in.Browser {
		token = h.ensureCSRF(w, r)
	}
	f, err = h.newFlow(r.Context(), k, in, requestURL, token)
	if err != nil {
		return nil, "", err
	}
	return f, token, h.Store.Insert(r.Context(), f)
}

// fetched shows a flow to its page.
func (h *Handler) fetched(k flowKind) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		web.NoStore(w.Header())
		f, in, err := h.find(r, k, r.URL.Query().Get("id"))
		if err != nil {
			return err
		}
		return h.show(w, http.StatusOK, f, h.csrf(r), in)
	}
}

// find returns a flow that the request may see.
func (h *Handler) find(r *http.Request, k flowKind, id string) (*Flow, *Submission, error) {
	f, err := h.get(r.Context(), k, id)
	if err != nil {
		return nil, nil, err
	}
	if err := h.checkHolder(r, f); err != nil {
		return nil, nil, err
	}
	if !h.Now().Before(f.ExpiresAt) {
		return nil, nil, h.expired(k, f)
	}
	in, err := h.visit(r, f.Type)
	if err != nil {
		return nil, nil, err
	}
	if k.mayFetch != nil {
		if err := k.mayFetch(r.Context(), f, in); err != nil {
			return nil, nil, err
		}
	}
	return f, in, nil
}

func (h *Handler) get(ctx context.Context, k flowKind, id string) (*Flow, error) {
	f, err := h.Store.Get(ctx, k.kind, id)
	if errors.Is(err, ErrNoFlow) {
		return nil, errFlowNotFound.Because(err)
	}
	return f, err
}

// expired tells where a new flow begins.
func (h *Handler) expired(k flowKind, f *Flow) error {
	path := h.Base.Join("/self-service/" + string(k.kind))
	if f.API() {
		return errFlowExpired.WithDetail("api", path+"/api")
	}
	return errFlowExpired.WithDetail("redirect_to", path+"/browser").WithDetail("return_to", f.ReturnTo)
}

// Show returns a flow for its page: the kind and the id that the page's address names.
func (h *Handler) Show(r *http.Request, kind, id string) (*ui.Flow, error) {
	for _, k := range h.kinds() {
		if string(k.kind) != kind {
			continue
		}
		f, in, err := h.find(r, k, id)
		if err != nil {
			return nil, err
		}
		return h.document(f, h.csrf(r), in), nil
	}
	return nil, errFlowNotFound
}

// Document returns a flow of any kind for a native app that holds its exchange codes.
func (h *Handler) Document(ctx context.Context, id string) (any, error) {
	for _, kind := range []Kind{KindLogin, KindRegistration} {
		f, err := h.Store.Get(ctx, kind, id)
		if err == nil {
			return h.document(f, "", &Submission{}), nil
		}
		if !errors.Is(err, ErrNoFlow) {
			return nil, err
		}
	}
	return nil, errFlowNotFound
}

// arrived handles GET on the path of submissions: links in mails where the flow knows some, else the flow's page.
func (h *Handler) arrived(k flowKind) web.HandlerFunc {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		if k.arrive != nil && (q.Has("token") || q.Has("code")) {
			return h.submit(w, r, k, k.arrive)
		}
		f, in, err := h.find(r, k, q.Get("flow"))
		if err != nil {
			return err
		}
		if f.API() || in.AJAX {
			return h.show(w, http.StatusOK, f, h.csrf(r), in)
		}
		return redirect(w, r, h.page(k, f, in))
	})
}

// posted handles submissions.
func (h *Handler) posted(k flowKind) web.HandlerFunc {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error { return h.submit(w, r, k, k.submit) })
}

type submitter func(ctx context.Context, f *Flow, in *Submission) (*Answer, error)

func (h *Handler) submit(w http.ResponseWriter, r *http.Request, k flowKind, do submitter) error {
	f, err := h.get(r.Context(), k, r.URL.Query().Get("flow"))
	if err != nil {
		return err
	}
	if err = h.submitTo(w, r, k, f, do); err != nil && f.API() {
		err = asJSON{err}
	}
	return err
}

func (h *Handler) submitTo(w http.ResponseWriter, r *http.Request, k flowKind, f *Flow, do submitter) error {
	ctx := r.Context()
	in, err := h.submitted(r, f)
	if err != nil {
		return err
	}
	if in.Get { // a link of a message, which a browser opens whoever began the flow
		in.Browser, in.bound = true, csrfBound(h.ensureCSRF(w, r))
	}
	if err := h.checkSubmission(r, f, in); err != nil {
		return err
	}
	if !k.enabled {
		return errFlowDisabled
	}
	if err := h.Limits.Allow(ctx, string(k.kind), address(in)); err != nil {
		return err
	}
	switch {
	case !f.spent.IsZero():
		return h.replace(w, r, k, f, in, errFlowReplaced, ui.AlreadyCompleted(k.kind))
	case !h.Now().Before(f.ExpiresAt):
		return h.replace(w, r, k, f, in, errFlowExpired, ui.FlowExpired(k.kind, f.ExpiresAt, h.Now()))
	}
	if err := f.take(in); err != nil {
		return err
	}
	f.began = h.Now()
	a, err := do(ctx, f, in)
	return h.conclude(w, r, k, f, in, a, err)
}

// replace answers for a flow that takes nothing any more: with a new one that says why.
func (h *Handler) replace(w http.ResponseWriter, r *http.Request, k flowKind, old *Flow, in *Submission, why *fault.Error, t ui.Text) error {
	again := *in
	u, err := url.Parse(old.RequestURL)
	if err != nil {
		u = &url.URL{}
	}
	if again.Values, err = nest(u.Query()); err != nil {
		return err
	}
	if old.ReturnTo != "" {
		again.Values["return_to"] = old.ReturnTo
	}
	token := ""
	if in.Browser {
		token = h.ensureCSRF(w, r)
	}
	f, err := h.newFlow(r.Context(), k, &again, old.RequestURL, token)
	var moved *Redirect
	if errors.As(err, &moved) {
		return h.moved(w, r, old, in, moved)
	}
	if err != nil {
		return err
	}
	f.Form.Message(t)
	if err := h.Store.Insert(r.Context(), f); err != nil {
		return err
	}
	if !in.AJAX && !f.API() {
		return redirect(w, r, h.page(k, f, in))
	}
	e := why.WithDetail("use_flow_id", f.ID)
	if why == errFlowExpired {
		e = e.WithDetail("expired_at", old.ExpiresAt).WithDetail("since", int64(h.Now().Sub(old.ExpiresAt)))
	}
	return e
}

// conclude answers a submission.
func (h *Handler) conclude(w http.ResponseWriter, r *http.Request, k flowKind, f *Flow, in *Submission, a *Answer, err error) error {
	var moved *Redirect
	var invalid *ui.Invalid
	switch {
	case err == nil:
		return h.succeed(w, r, k, in, a)
	case errors.As(err, &moved):
		return h.moved(w, r, f, in, moved)
	case errors.Is(err, ErrFlowChanged):
		return h.overtaken(w, r, k, f, in)
	case errors.As(err, &invalid):
		f.fail(in, invalid)
		return h.again(w, r, k, f, in, http.StatusBadRequest)
	case errors.Is(err, ErrShowAgain):
		return h.again(w, r, k, f, in, k.showAgain)
	}
	if e := fault.From(err); e.Kind == fault.Limited && in.Browser && !in.AJAX {
		// A locked identifier: the page says how long, where the person can also choose another way.
		web.Record(r.Context(), err)
		w.Header().Set("Retry-After", seconds(e.RetryAfter))
		f.fail(in, ui.Reject(ui.TooManyAttempts(e.RetryAfter)))
		return h.again(w, r, k, f, in, http.StatusTooManyRequests)
	}
	return err
}

// again saves the flow and shows it.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, k flowKind, f *Flow, in *Submission, status int) error {
	switch err := h.Store.Save(r.Context(), f); {
	case errors.Is(err, ErrFlowChanged):
		return h.overtaken(w, r, k, f, in)
	case err != nil:
		return err
	}
	h.keepBeat(r.Context(), f)
	if f.API() || in.AJAX {
		return h.show(w, status, f, h.csrf(r), in)
	}
	return redirect(w, r, h.page(k, f, in))
}

// overtaken answers a submission that lost against another one of the same flow: it changed nothing, and is told what is.
func (h *Handler) overtaken(w http.ResponseWriter, r *http.Request, k flowKind, f *Flow, in *Submission) error {
	now, err := h.get(r.Context(), k, f.ID)
	if err != nil {
		return err
	}
	if !now.spent.IsZero() {
		return h.replace(w, r, k, now, in, errFlowReplaced, ui.AlreadyCompleted(k.kind))
	}
	if f.API() || in.AJAX {
		return h.show(w, http.StatusBadRequest, now, h.csrf(r), in)
	}
	return redirect(w, r, h.page(k, now, in))
}

// succeed ends a submission that did what it should.
func (h *Handler) succeed(w http.ResponseWriter, r *http.Request, k flowKind, in *Submission, a *Answer) error {
	if a.Session != nil && in.Browser {
		if err := h.Sessions.SetCookie(w, r, a.Session, a.Token); err != nil {
			return err
		}
	}
	web.NoStore(w.Header())
	switch {
	case in.Browser && !in.AJAX && a.Location != "":
		return redirect(w, r, a.Location)
	case in.Browser && !in.AJAX:
		return redirect(w, r, h.page(k, a.Flow, in))
	case a.Moved:
		return changeLocation(w, r, a.Location)
	case a.Flow != nil:
		return h.show(w, http.StatusOK, a.Flow, h.csrf(r), in)
	}
	return web.WriteJSON(w, http.StatusOK, a.Body)
}

// moved sends the browser elsewhere in the midst of a flow.
func (h *Handler) moved(w http.ResponseWriter, r *http.Request, f *Flow, in *Submission, to *Redirect) error {
	json := !in.Browser || in.AJAX || f != nil && f.API()
	switch {
	case !json:
		return redirect(w, r, to.Location)
	case to.Fault == nil:
		return changeLocation(w, r, to.Location)
	}
	e := fault.From(to.Fault)
	if in.Browser && to.Location != "" {
		e = e.WithDetail("redirect_browser_to", to.Location)
	}
	return e
}

// redirect sends the browser on. What it goes to is not for caches.
func redirect(w http.ResponseWriter, r *http.Request, location string) error {
	web.NoStore(w.Header())
	http.Redirect(w, r, location, http.StatusSeeOther)
	return nil
}
