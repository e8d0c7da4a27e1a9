package access

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Refusal is how a decision against a request is answered.
type Refusal struct {
	// Status is the HTTP status.
	Status int
	// Header and Body are the answer's.
	Header Header
	Body   []byte
}

// Refuse gives the answer to a request that is turned away, as Answer has it.
func (d *Decision) Refuse(r *Request) Refusal {
	switch answer := d.Answer; answer.Handler {
	case ErrorRedirect:
		return Refusal{Status: answer.Redirect.Code, Header: Header{"Location": {answer.Redirect.location(r.Target)}, "Cache-Control": {"no-store"}}}
	case ErrorWWWAuthenticate:
		refusal := d.json(r, false)
		refusal.Status = fault.Unauthenticated.Status()
		refusal.Header["Www-Authenticate"] = []string{"Basic realm=" + strconv.Quote(answer.WWWAuthenticate.Realm)}
		return refusal
	default:
		return d.json(r, answer.JSON.Verbose)
	}
}

// json is the answer of the error handler json. Who may not know why is told what the status says.
func (d *Decision) json(r *Request, verbose bool) Refusal {
	header := Header{"Content-Type": {web.JSON}, "Cache-Control": {"no-store"}}
	if d.Err.RetryAfter > 0 {
		header["Retry-After"] = []string{web.RetryAfter(d.Err.RetryAfter)}
	}
	if limited, ok := errors.AsType[*fetch.LimitedError](d.Err); ok { // what the service that was asked says about its limit
		maps.Copy(header, limited.Header)
	}
	if d.Err.Kind == fault.Unauthenticated { // RFC 9110 §15.5.2
		header["Www-Authenticate"] = []string{d.challenge()}
	}
	body, err := json.Marshal(web.Generic(d.Err, r.ID, verbose))
	if err != nil {
		body = nil // its details are no JSON: the status says enough
	}
	return Refusal{Status: d.Err.Kind.Status(), Header: header, Body: body}
}

// Challenger is an error that knows how the client is to prove who it is.
type Challenger interface {
	error
	// Challenge is the value of WWW-Authenticate (RFC 9110 §11.6.1).
	Challenge() string
}

// challenge asks for what was missing; without more knowledge for a bearer token (RFC 6750 §3).
func (d *Decision) challenge() string {
	if c, ok := errors.AsType[Challenger](d.Err); ok {
		return c.Challenge()
	}
	return "Bearer"
}

// location is where the error handler redirect sends a browser that wanted the target. To a URL that cannot be read nobody returns.
func (s RedirectErrorSettings) location(t target.Target) string {
	if s.ReturnToQueryParam == "" || t.Path == "" {
		return s.To
	}
	to, err := url.Parse(s.To)
	if err != nil {
		return s.To
	}
	query := to.Query()
	query.Set(s.ReturnToQueryParam, t.String())
	to.RawQuery = query.Encode()
	return to.String()
}
