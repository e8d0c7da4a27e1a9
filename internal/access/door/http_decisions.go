package door

import (
	"cmp"
	"maps"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
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
	errTwoAsked  = fault.New(fault.Invalid, "two_asked", "")
	errManyAsked = fault.New(fault.Invalid, "many_asked", "")
)

// Serve is the door's handler: 200 with the fields for the upstream, or the rule's answer.
func (d *Decisions) Serve(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == AuthRequestPath {
		w = &authRequestWriter{w}
	}
	q := heard(r, question(r))
	q.Request.Unseen = q.Request.Body == nil
	decision := d.Decide(r.Context(), q)
	d.Answered(q, 0)
	if !decision.Allowed() {
		return refuse(w, r, &q.Request, decision)
	}
	h := w.Header()
	told := decision.Upstream(q.Request.Header)
	maps.Copy(h, http.Header(told))
	// Of a field that the answer lacks, some proxies keep the client's, and some pass on the name of their own variable.
	var room [8]string
	values := []string{"no-store", ""}
	for _, name := range decision.Withheld(room[:0], &q.Request, told) {
		h[name] = values[1:]
	}
	h["Cache-Control"] = values[:1:1]
	w.WriteHeader(http.StatusOK)
	return nil
}

// question reads what a proxy asks. One that is believed asks by X-Forwarded-Method and X-Forwarded-Uri, or as anybody does: by
// its own request, with the path below DecisionsPath. What it asks in one way it does not ask in the other, and forwarding headers
// that it passes on are its client's, who must not choose what is decided about.
func question(r *http.Request) Asked {
	q := own(r)
	named := r.URL.Path == AuthRequestPath // by the forwarding headers alone
	byPath := strings.HasPrefix(q.Path, DecisionsPath+"/")
	q.Path = cmp.Or(strings.TrimPrefix(q.Path, DecisionsPath), "/")
	switch {
	case q.Err != nil:
		return q
	case !web.FromProxy(r.Context()):
		if named {
			q.Err = errNotAsked
		}
		return q
	}
	said, err := forwarded(r.Header)
	switch {
	case err != nil:
		q.Err = err
	case byPath:
		q.Err = contradiction(said, q)
	case (said.Path != "") != (said.Method != ""):
		q.Err = errHalfAsked
	case said.Path != "":
		return Asked{Method: said.Method, Scheme: cmp.Or(said.Scheme, q.Scheme), Host: cmp.Or(said.Host, q.Host), Path: said.Path, Query: said.Query}
	case named:
		q.Err = errNotAsked
	default:
		q.Err = contradiction(said, q)
	}
	return q
}

// forwarded reads the forwarding headers; what they do not say is empty.
func forwarded(h http.Header) (said Asked, err error) {
	uri := ""
	for _, f := range []struct {
		name string
		to   *string
	}{{"X-Forwarded-Method", &said.Method}, {"X-Forwarded-Proto", &said.Scheme}, {"X-Forwarded-Host", &said.Host}, {"X-Forwarded-Uri", &uri}} {
		switch values := h[f.name]; len(values) {
		case 0:
		case 1:
			*f.to = values[0]
		default:
			return said, errManyAsked.Withf("There is more than one %s: the proxy must replace what its client sent.", f.name)
		}
	}
	said.Path, said.Query, _ = strings.Cut(uri, "?")
	switch said.Scheme { // Traefik's words for a WebSocket
	case "ws":
		said.Scheme = "http"
	case "wss":
		said.Scheme = "https"
	}
	return said, nil
}

// contradiction says which forwarding header asks for something else than q, nil where none does.
func contradiction(said, q Asked) error {
	const cure = "it asks by its own request, so it must take the field of its client off; or set X-Forwarded-Method, -Proto, -Host and -Uri and ask at /decisions."
	switch {
	case said.Method != "" && said.Method != q.Method:
		return errTwoAsked.With("The proxy asks with another method than X-Forwarded-Method says: " + cure)
	case said.Path != "" && (said.Path != q.Path || said.Query != q.Query):
		return errTwoAsked.With("The proxy asks for another path than X-Forwarded-Uri says: " + cure)
	case said.Host != "" && !strings.EqualFold(said.Host, q.Host):
		return errTwoAsked.With("The proxy asks with another Host than X-Forwarded-Host says: " + cure)
	case said.Scheme != "" && !strings.EqualFold(said.Scheme, q.Scheme):
		return errTwoAsked.With("X-Forwarded-Proto is not believed where a proxy asks by its own request, unless it is one of serve.decisions.tls.terminated_by: " + cure)
	}
	return nil
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
func refuse(w http.ResponseWriter, r *http.Request, request *access.Request, d *access.Decision) error {
	web.Record(r.Context(), d.Err)
	refusal := d.Refuse(request)
	h := w.Header()
	maps.Copy(h, http.Header(refusal.Header))
	w.WriteHeader(refusal.Status)
	_, err := w.Write(refusal.Body)
	return err
}
