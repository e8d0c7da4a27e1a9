package selfservice

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	callbackPath = "/self-service/methods/"
	fieldState   = "state"
)

// CallbackPath is where the provider of a method sends browsers back to, below the public listener's base URL.
func CallbackPath(method, provider string) string {
	return callbackPath + method + "/callback/" + url.PathEscape(provider)
}

// Returned is what comes back with a browser.
type Returned struct {
	*Away

	// Query is what the other server says, as anybody could have made it up.
	Query url.Values
	// Said is the method's own: what it made of the answer, which it can ask about once, where the submission has to be tried again.
	Said any
}

var errNotAwaited = fault.New(fault.Forbidden, "security_csrf_violation",
	"This answer of another server is not for what this browser asked it, or was taken already. Please begin again.")

// returned takes a browser back from another server. What that says goes to the method alone: whoever answers there must not be
// able to fill in our forms.
func (h *Handler) returned(w http.ResponseWriter, r *http.Request) error {
	return h.guarded(func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		kind, id := stateOf(r.URL.Query().Get(fieldState))
		kinds := h.kinds()
		i := slices.IndexFunc(kinds, func(k flowKind) bool { return k.kind == kind })
		if i < 0 {
			return errNotAwaited
		}
		if err := h.Limits.Allow(ctx, string(kind), address(web.ClientIP(ctx))); err != nil {
			return err
		}
		f, err := h.get(ctx, kinds[i], id)
		if err != nil {
			return err
		}
		if err := h.checkHolder(r, f); err != nil { // or anybody could sign others in to an account of his own (RFC 9700 §4.7)
			return err
		}
		in, err := h.visit(r, f.Type)
		if err != nil {
			return err
		}
		in.Holder, in.AJAX, in.bound = true, false, csrfBound(h.csrf(r))
		if f.API() { // whoever is signed in to the browser is not who uses the app
			in.Session = nil
		}
		return h.proceed(w, r, kinds[i], f, in, h.welcome(kinds[i], r))
	})(w, r)
}

// welcome hands what another server says to the flow that waits for it, and lets nobody bring it again.
func (h *Handler) welcome(k flowKind, r *http.Request) submitter {
	return func(ctx context.Context, f *Flow, in *Submission) (*Answer, error) {
		in.Method = r.PathValue("method")
		q := r.URL.Query()
		away, ok := f.arrive(in.Method, r.PathValue("provider"), q.Get(fieldState))
		if !ok {
			return nil, errNotAwaited
		}
		if err := h.accept(ctx, f); err != nil {
			return nil, err
		}
		in.Returned, in.Values = &Returned{Away: away, Query: q}, map[string]any{"provider": away.Provider}
		return k.submit(ctx, f, in)
	}
}

// accept stores that the browser is back. The flow of a native app goes on under another id, which only who has both codes of its
// exchange learns: whoever began it may have sent somebody else's browser away, and must neither see nor go on with what that
// person has proven.
func (h *Handler) accept(ctx context.Context, f *Flow) error {
	if !f.API() {
		return h.Store.Save(ctx, f)
	}
	next := *f
	next.ID, next.waiting = secret.NewID(), nil
	next.Form.Action = h.action(ctx, next.Kind, next.ID)
	if err := h.Store.Finish(ctx, Writes{Flow: f, Spend: true, More: []*Flow{&next}, Hand: next.ID}); err != nil {
		return err
	}
	*f = next
	return nil
}

// ofApp tells whether the submission came with the browser that a native app has sent to another server.
func (s *Submission) ofApp(f *Flow) bool { return s.Returned != nil && f.API() }

// backToApp sends the browser to the app, with the second half of what it trades for the session, or for the flow as it is now.
func (h *Handler) backToApp(w http.ResponseWriter, r *http.Request, f *Flow) error {
	to := f.ReturnTo
	if to == "" {
		to = h.absolute(r.Context(), h.Config.DefaultBrowserReturnURL)
	}
	return redirect(w, r, withQuery(to, fieldCode, f.Internal.ReturnCode))
}
