package access

import (
	"maps"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Decisions is the door for proxies that ask before they pass a request on: nginx's auth_request, Caddy's and Traefik's
// forward_auth, Envoy's HTTP ext_authz.
type Decisions struct {
	Door
}

// DecisionsPath is the path below which every path is a question.
const DecisionsPath = "/decisions"

// AuthRequestPath is where nginx's auth_request asks, for which every answer but 2xx, 401 and 403 is a fault of the server that
// it asked: a redirect is answered as 401 with its Location, and whatever else turns a request away as 403.
const AuthRequestPath = "/auth_request"

var (
	errHalfAsked = fault.New(fault.Invalid, "half_asked", "X-Forwarded-Method and X-Forwarded-Uri come together: a proxy that sets one of them would pass its client's other one on.")
	errNotAsked  = fault.New(fault.Invalid, "not_asked", "Nothing is asked: the proxy must set X-Forwarded-Method and X-Forwarded-Uri and be one of serve.decisions.trusted_proxies.")
	errTwoAsked  = fault.New(fault.Invalid, "two_asked", "The path below /decisions and X-Forwarded-Uri ask about two requests: a proxy that asks by the path must take X-Forwarded-Uri of its client off, and one that asks by X-Forwarded-Uri asks at /decisions.")
	errManyAsked = fault.New(fault.Invalid, "many_asked", "")
)

// Serve is the door's handler: 200 with the fields for the upstream, or the rule's answer.
func (d *Decisions) Serve(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path != AuthRequestPath {
		return d.answer(w, r)
	}
	err := d.answer(&authRequestWriter{w}, r)
	if err == nil {
		return nil
	}
	f := fault.From(err)
	if authRequestStatus(f.Kind.Status()) == http.StatusForbidden {
		return ErrForbidden.With(f.Message).Because(err)
	}
	return err
}

func (d *Decisions) answer(w http.ResponseWriter, r *http.Request) error {
	q, err := question(r)
	if err != nil {
		return err
	}
	target, err := ParseTarget(q.scheme, q.host, q.path, q.query, TargetOptions{})
	if err != nil {
		return err
	}
	request := d.ask(r, target, q.method)
	request.Body = keepBody(r)
	decision, record := d.Decide(r.Context(), request)
	record(0)
	if !decision.Allowed() {
		return refuse(w, r, request, decision)
	}
	h := w.Header()
	told := decision.Upstream(request.Header)
	maps.Copy(h, http.Header(told))
	// Of a field that the answer lacks, some proxies keep the client's, and some pass on the name of their own variable.
	for _, name := range d.Withheld(request, decision, told) {
		h[name] = []string{""}
	}
	h["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// asked is the request that a proxy asks about.
type asked struct{ method, scheme, host, path, query string }

// question reads what a proxy asks: its forwarding headers where it is one of those that are believed, else its own request.
func question(r *http.Request) (asked, error) {
	path, query, err := pathAndQuery(r)
	if err != nil {
		return asked{}, err
	}
	q := asked{r.Method, scheme(r.Context()), r.Host, strings.TrimPrefix(path, DecisionsPath), query}
	if q.path == "" {
		q.path = "/"
	}
	named := r.URL.Path == AuthRequestPath // by the forwarding headers alone
	if !web.FromProxy(r.Context()) {
		if named {
			return asked{}, errNotAsked
		}
		return q, nil
	}
	uri, err := forwarded(r.Header, &q)
	switch {
	case err != nil:
		return asked{}, err
	case (uri != "") != (r.Header.Get("X-Forwarded-Method") != ""):
		return asked{}, errHalfAsked
	case uri == "" && named:
		return asked{}, errNotAsked
	case uri == "":
		return q, nil
	}
	byPath := asked{path: q.path, query: q.query}
	q.path, q.query, _ = strings.Cut(uri, "?")
	// Where a proxy asks by the path, the field is its client's: that would choose what is asked about.
	if !named && path != DecisionsPath && (q.path != byPath.path || q.query != byPath.query) {
		return asked{}, errTwoAsked
	}
	return q, nil
}

// forwarded reads the forwarding headers of a proxy that is believed into q, and gives X-Forwarded-Uri.
func forwarded(h http.Header, q *asked) (uri string, err error) {
	for _, f := range []struct {
		name string
		to   *string
	}{{"X-Forwarded-Method", &q.method}, {"X-Forwarded-Proto", &q.scheme}, {"X-Forwarded-Host", &q.host}, {"X-Forwarded-Uri", &uri}} {
		values := h[f.name]
		if len(values) > 1 {
			return "", errManyAsked.Withf("There is more than one %s: the proxy must replace what its client sent.", f.name)
		}
		if len(values) == 1 && values[0] != "" {
			*f.to = values[0]
		}
	}
	switch q.scheme { // Traefik's words for a WebSocket
	case "ws":
		q.scheme = "http"
	case "wss":
		q.scheme = "https"
	}
	return uri, nil
}

// authRequestWriter answers by those statuses that nginx's auth_request knows.
type authRequestWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *authRequestWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(authRequestStatus(status))
}

// authRequestStatus leaves what is no refusal, such as that the database cannot be reached, as it is.
func authRequestStatus(status int) int {
	switch {
	case status == http.StatusUnauthorized || status >= http.StatusInternalServerError || status < http.StatusMultipleChoices:
		return status
	case status < http.StatusBadRequest:
		return http.StatusUnauthorized
	default:
		return http.StatusForbidden
	}
}

// refuse answers a request that is turned away.
func refuse(w http.ResponseWriter, r *http.Request, request *Request, d *Decision) error {
	web.Record(r.Context(), d.Err)
	refusal := d.Refuse(request)
	h := w.Header()
	maps.Copy(h, http.Header(refusal.Header))
	w.WriteHeader(refusal.Status)
	_, err := w.Write(refusal.Body)
	return err
}
