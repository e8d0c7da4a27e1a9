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

// MountPublic registers the routes of all flows.
func (h *Handler) MountPublic(m *web.Mux) {
	m = m.With(writeFault)
	for _, k := range h.kinds() {
		h.mount(m, k)
	}
	m.Handle("GET "+callbackPath+"{method}/callback/{provider}", h.returned)
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
		if err := h.Limits.Allow(r.Context(), limit.Flow, address(web.ClientIP(r.Context()))); err != nil {
			return err
		}
		in, err := h.arriving(r, typ)
		if err != nil {
			return err
		}
		f, token, err := h.begin(w, r, k, in, h.requestURL(r))
		if err != nil {
			return err
		}
		if typ == ui.TypeAPI || in.AJAX {
			return h.show(w, http.StatusOK, f, token, in)
		}
		return redirect(w, r, h.page(r.Context(), k, f))
	})
}

// begin makes a flow, fills it in and stores it. token is the browser's CSRF token.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, k flowKind, in *Submission, requestURL string) (f *Flow, token string, err error) {
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
		return nil, nil, h.expired(r.Context(), k, f)
	}
	in, err := h.visit(r, f.Type)
	if err != nil {
		return nil, nil, err
	}
	if k.mayFetch != nil {
		if err := k.mayFetch(r.Context(), f, in); err != nil {
			return nil, nil, elsewhere(f, err)
		}
	}
	return f, in, nil
}

// elsewhere turns a Redirect into a fault that tells browsers where to: a flow that is fetched sends nobody anywhere itself.
func elsewhere(f *Flow, err error) error {
	to, ok := errors.AsType[*Redirect](err)
	if !ok || to.Fault == nil || f.API() {
		return err
	}
	return fault.From(to.Fault).WithDetail("redirect_browser_to", to.Location)
}

func (h *Handler) get(ctx context.Context, k flowKind, id string) (*Flow, error) {
	f, err := h.Store.Get(ctx, k.kind, id)
	if errors.Is(err, ErrNoFlow) {
		return nil, errFlowNotFound.Because(err)
	}
	return f, err
}

// expired tells where a new flow begins.
func (h *Handler) expired(ctx context.Context, k flowKind, f *Flow) error {
	path := h.Base.Join(ctx, "/self-service/"+string(k.kind))
	if f.API() {
		return errFlowExpired.WithDetail("api", path+"/api")
	}
	return errFlowExpired.WithDetail("redirect_to", path+"/browser").WithDetail("return_to", f.ReturnTo)
}

// Show returns a flow for its page: the kind and the id that the page's address names. Flows of native apps have none: no cookie
// tells whose they are, and any browser could be led to them.
func (h *Handler) Show(r *http.Request, kind, id string) (*ui.Flow, error) {
	for _, k := range h.kinds() {
		if string(k.kind) != kind {
			continue
		}
		f, in, err := h.find(r, k, id)
		if err != nil {
			return nil, err
		}
		if f.API() {
			break
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
		return redirect(w, r, h.page(r.Context(), k, f))
	})
}
