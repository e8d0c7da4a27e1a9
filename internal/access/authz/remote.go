package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// RemoteSettings are the settings of the authorizer remote.
type RemoteSettings struct {
	// Remote is the URL that is asked by POST: 200 lets pass, 403 turns away, anything else is an error.
	Remote string `json:"remote"`
	// Headers are templates of headers to send. Empty ones are not sent.
	Headers map[string]string `json:"headers"`
	// ForwardResponseHeadersToUpstream are the answer's headers that the upstream gets.
	ForwardResponseHeadersToUpstream []string `json:"forward_response_headers_to_upstream"`
	// Retry says how long the service may take.
	Retry *fetch.Retry `json:"retry"`
}

// RemoteBodySettings are those of remote, which sends the request's body.
type RemoteBodySettings struct {
	RemoteSettings
	// UnseenBody is what becomes of a request of whose body the door got nothing, though it may have one: tell asks the service without a
	// body, with Gatehouse-Body: unseen; refuse turns the request away. Default: tell. Oathkeeper has no such setting, and does not tell.
	UnseenBody string `json:"unseen_body"`
}

// The values of RemoteBodySettings.UnseenBody.
const (
	unseenTell   = "tell"
	unseenRefuse = "refuse"
)

// RemoteJSONSettings are the settings of the authorizer remote_json.
type RemoteJSONSettings struct {
	// Payload is the template of the JSON document to send.
	Payload string `json:"payload"`
	RemoteSettings
}

const (
	authorization  = "Authorization"
	contentType    = "Content-Type"
	mediaJSON      = "application/json"
	statusOK       = 200
	statusRefused  = 403
	requestIDField = "X-Request-Id"
	bodyField      = "Gatehouse-Body"
)

// remote asks another service.
type remote struct {
	o              Options
	url            string
	headers        []headerTemplate
	payload        *access.Template // nil: the request's body is sent
	unseen         string           // RemoteBodySettings.UnseenBody
	forward        []string
	timeout, delay time.Duration
}

type headerTemplate struct {
	name string
	text *access.Template
}

func (o Options) newRemote(from access.Settings) (access.Authorizer, error) {
	var s RemoteBodySettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"", unseenTell, unseenRefuse}, s.UnseenBody) {
		return nil, fmt.Errorf("unseen_body: %q is neither tell nor refuse", s.UnseenBody)
	}
	r, err := o.remote(&s.RemoteSettings)
	if err != nil {
		return nil, err
	}
	r.unseen = s.UnseenBody
	return r, nil
}

func (o Options) newRemoteJSON(from access.Settings) (access.Authorizer, error) {
	var s RemoteJSONSettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if strings.TrimSpace(s.Payload) == "" {
		return nil, errors.New("payload: is missing: write the template of a JSON document")
	}
	r, err := o.remote(&s.RemoteSettings)
	if err != nil {
		return nil, err
	}
	if r.payload, err = access.NewJSONTemplate(s.Payload); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return r, nil
}

func (o Options) remote(s *RemoteSettings) (*remote, error) {
	if err := fetch.CheckURL(s.Remote); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	r := &remote{o: o, url: s.Remote}
	var err error
	if r.timeout, r.delay, err = s.Retry.Times(); err != nil {
		return nil, err
	}
	for name, text := range s.Headers {
		if !fetch.IsToken(name) {
			return nil, fmt.Errorf("headers.%s: is no name of a header", name)
		}
		compiled, err := access.NewTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		r.headers = append(r.headers, headerTemplate{textproto.CanonicalMIMEHeaderKey(name), compiled})
	}
	for i, name := range s.ForwardResponseHeadersToUpstream {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !fetch.IsToken(name) || access.HopByHop(canonical) {
			return nil, fmt.Errorf("forward_response_headers_to_upstream[%d]: is no name of a header that can be set", i)
		}
		r.forward = append(r.forward, canonical)
	}
	return r, nil
}

// Authorize asks the service, and gives the upstream those of its headers that may pass.
func (a *remote) Authorize(ctx context.Context, r *access.Request, p *access.Principal) error {
	q, err := a.question(r, p)
	if err != nil {
		return err
	}
	answer, err := a.o.asked(ctx, q)
	if err != nil {
		return err
	}
	for _, name := range a.forward {
		if p.Header == nil {
			p.Header = access.Header{}
		}
		// One that is not in the answer takes the client's away: only the service may say it.
		p.Header[name] = answer.Header[name]
	}
	return nil
}

// SetsHeaders implements access.HeaderSetter.
func (a *remote) SetsHeaders() []string { return a.forward }

// Warnings implements access.Warner.
func (a *remote) Warnings() []string {
	if a.payload != nil || a.unseen != "" {
		return nil
	}
	return []string{"unseen_body: is missing: a proxy that asks the decision door, or Envoy without with_request_body, may keep the request's body to itself; " +
		"the service is then asked without one, with Gatehouse-Body: unseen. Write refuse, or tell where the service judges no bodies or knows that field"}
}

// asked makes a call: 200 lets pass, 403 turns away, anything else is an error.
func (o Options) asked(ctx context.Context, q fetch.Question) (*fetch.Answer, error) {
	answer, err := o.Ask.Ask(ctx, q)
	if err != nil {
		return nil, access.ErrUnavailable.Because(err)
	}
	if err := answer.Limited(o.Now()); err != nil {
		return nil, err
	}
	switch answer.Status {
	case statusOK:
		return answer, nil
	case statusRefused:
		return nil, access.ErrForbidden.Because(errors.New("the service that was asked answered 403"))
	}
	return nil, access.ErrUnavailable.Because(fmt.Errorf("the service that was asked answered %d", answer.Status))
}

func (a *remote) question(r *access.Request, p *access.Principal) (fetch.Question, error) {
	q := fetch.Question{Method: "POST", URL: a.url, Timeout: a.timeout, MaxDelay: a.delay, Header: map[string][]string{}}
	var err error
	if a.payload != nil {
		var text string
		if text, err = a.payload.Execute(p); err == nil && !json.Valid([]byte(text)) {
			err = errors.New("the template payload did not make JSON: quote values with {{ toJson … }}")
		}
		q.Header[contentType], q.Body = []string{mediaJSON}, []byte(text)
	} else {
		if sent := r.Header[contentType]; len(sent) > 0 {
			q.Header[contentType] = slices.Clone(sent)
		}
		q.Body = []byte{}
		if r.Body != nil {
			q.Body, err = r.Body(a.o.MaxBody)
		}
		if r.Unseen && err == nil {
			q.Header[bodyField] = []string{"unseen"}
			if a.unseen == unseenRefuse {
				err = access.ErrUnseenBody
			}
		}
	}
	if err != nil {
		return q, err
	}
	if sent := r.Header[authorization]; len(sent) > 0 {
		q.Header[authorization] = slices.Clone(sent)
	}
	if r.ID != "" {
		q.Header[requestIDField] = []string{r.ID}
	}
	for _, h := range a.headers {
		value, err := h.text.Execute(p)
		if err != nil {
			return q, fmt.Errorf("headers.%s: %w", h.name, err)
		}
		if value != "" {
			q.Header[h.name] = []string{value}
		}
	}
	return q, nil
}
