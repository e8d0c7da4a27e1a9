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

// posted handles submissions.
func (h *Handler) posted(k flowKind) web.HandlerFunc {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error { return h.submit(w, r, k, k.submit) })
}

type submitter func(ctx context.Context, f *Flow, in *Submission) (*Answer, error)

func (h *Handler) submit(w http.ResponseWriter, r *http.Request, k flowKind, do submitter) error {
	if err := h.Limits.Allow(r.Context(), string(k.kind), address(web.ClientIP(r.Context()))); err != nil {
		return err
	}
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
	return h.proceed(w, r, k, f, in, do)
}

// proceed has a submission handled that the flow may get.
func (h *Handler) proceed(w http.ResponseWriter, r *http.Request, k flowKind, f *Flow, in *Submission, do submitter) error {
	if !k.enabled {
		return errFlowDisabled
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
	a, err := do(r.Context(), f, in)
	for range maxTurns {
		if t, ok := errors.AsType[*Turn](err); ok {
			k, f, a, err = h.turn(r.Context(), k, f, in, t)
		}
	}
	if _, ok := errors.AsType[*Turn](err); ok { // to and fro: there is an account, which waits for its address
		err = ui.Reject(ui.AddressNotVerified())
	}
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
	if moved, ok := errors.AsType[*Redirect](err); ok {
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
		return redirect(w, r, h.page(r.Context(), k, f))
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
		h.keepBeat(r.Context(), f)
		if in.ofApp(f) {
			return h.backToApp(w, r, f)
		}
		return h.succeed(w, r, k, in, a)
	case errors.As(err, &moved):
		if moved.Save {
			if err := h.Store.Save(r.Context(), f); err != nil {
				return err
			}
		}
		return h.moved(w, r, f, in, moved)
	case errors.Is(err, ErrFlowChanged):
		return h.overtaken(w, r, k, f, in)
	case errors.As(err, &invalid):
		h.noteFailure(f, in, err)
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
	if shut(err) {
		h.noteFailure(f, in, err)
		h.record(r.Context(), f)
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
	switch {
	case in.ofApp(f):
		return h.backToApp(w, r, f)
	case f.API() || in.AJAX:
		return h.show(w, status, f, h.csrf(r), in)
	}
	return redirect(w, r, h.page(r.Context(), k, f))
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
	return redirect(w, r, h.page(r.Context(), k, now))
}

// succeed ends a submission that did what it should.
func (h *Handler) succeed(w http.ResponseWriter, r *http.Request, k flowKind, in *Submission, a *Answer) error {
	if a.Session != nil && in.Browser {
		if err := h.Sessions.SetCookie(w, r, a.Session, a.Token); err != nil {
			return err
		}
		h.rememberDevice(w, r, in)
	}
	web.NoStore(w.Header())
	switch {
	case in.Browser && !in.AJAX && a.Location != "":
		return redirect(w, r, a.Location)
	case in.Browser && !in.AJAX:
		return redirect(w, r, h.page(r.Context(), k, a.Flow))
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
	http.Redirect(w, r, location, http.StatusSeeOther) //nolint:gosec // every return_to went through returnRules; the rest is configured
	return nil
}
