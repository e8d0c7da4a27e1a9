package authn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// CookieSessionSettings are the settings of the authenticator cookie_session.
type CookieSessionSettings struct {
	// Only are the names of the cookies to look for; a request without any of them is left to the next authenticator. Without
	// a list any cookie will do; where this server's own sessions are checked, its own one.
	Only []string `json:"only"`
	CheckSettings
}

// BearerTokenSettings are the settings of the authenticator bearer_token.
type BearerTokenSettings struct {
	// TokenFrom says where the token is. Default: Authorization.
	TokenFrom *TokenFrom `json:"token_from"`
	// Prefix is what tokens begin with; others are left to the next authenticator.
	Prefix string `json:"prefix"`
	CheckSettings
}

// CheckSettings say who is asked about a session, and what the answer means.
type CheckSettings struct {
	// CheckSessionURL is the session store's URL: it answers 200 where the session is good. Without it, sessions of this
	// server are checked in this process.
	CheckSessionURL string `json:"check_session_url"`
	// PreserveQuery keeps the URL's own query; otherwise the request's is sent. Default: true.
	PreserveQuery bool `json:"preserve_query"`
	// PreservePath keeps the URL's own path; otherwise the request's is sent.
	PreservePath bool `json:"preserve_path"`
	// PreserveHost sends the request's host as X-Forwarded-Host.
	PreserveHost bool `json:"preserve_host"`
	// ForceMethod is the method to ask with. Default: the request's, GET for HEAD.
	ForceMethod string `json:"force_method"`
	// ForwardHTTPHeaders are the request's headers to send along, besides the one that has the credential.
	ForwardHTTPHeaders []string `json:"forward_http_headers"`
	// AdditionalHeaders are further headers to send.
	AdditionalHeaders map[string]string `json:"additional_headers"`
	// ExtraFrom and SubjectFrom are GJSON paths into the answer. Defaults: extra, and subject or sub; for sessions of this
	// server @this and identity.id.
	ExtraFrom   string `json:"extra_from"`
	SubjectFrom string `json:"subject_from"`
	// Cache keeps good answers of the session store for requests that ask it the same; never beyond the expires_at of a session
	// of Kratos. A session that ends meanwhile is accepted until then. Oathkeeper has no such setting.
	Cache CacheSettings `json:"cache"`
}

// sessions makes the authenticators of sessions and remembers what session stores said.
type sessions struct {
	o       Options
	answers *cache.Cache[[]byte]
}

func newSessions(o Options) *sessions {
	return &sessions{
		o:       o,
		answers: cache.New[[]byte](cache.Options{Name: "access_session_check", Max: o.CacheSize, TTL: keepAnswers, Now: o.Now}),
	}
}

// readSession is what paths give in a session's document. Rules with other paths have further ones.
type readSession struct {
	paths   paths
	subject string
	extra   map[string]any
	further *readSession
	place   int
}

// maxReadings bounds how many readings of a session are remembered. Rules with as many different paths are rare, and then it is
// read anew.
const maxReadings = 8

// paths are where subject and extra are in a document.
type paths struct{ subject, extra string }

func (c *CheckSettings) paths(subject, extra string) paths {
	p := paths{subject, extra}
	if c.SubjectFrom != "" {
		p.subject = c.SubjectFrom
	}
	if c.ExtraFrom != "" {
		p.extra = c.ExtraFrom
	}
	return p
}

var errPath = errors.New("what is at the configured path has another type")

// in reads subject and extra. What is not there is empty, as in Oathkeeper.
func (p paths) in(document []byte) (subject string, extra map[string]any, err error) {
	if !gjson.ValidBytes(document) {
		return "", nil, errors.New("the session's document is not JSON")
	}
	switch found := gjson.GetBytes(document, p.subject); found.Type {
	case gjson.String:
		subject = found.Str
	case gjson.Null:
	default:
		return "", nil, fmt.Errorf("subject_from %q: %w", p.subject, errPath)
	}
	found := gjson.GetBytes(document, p.extra)
	if found.Type == gjson.Null {
		return subject, nil, nil
	}
	if extra, err = object([]byte(found.Raw)); err != nil {
		return "", nil, fmt.Errorf("extra_from %q: %w", p.extra, errPath)
	}
	return subject, extra, nil
}

// object decodes a JSON object; numbers keep their text.
func object(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	err := d.Decode(&m)
	return m, err
}

// cookie makes a cookie_session.
func (s *sessions) cookie(from access.Settings) (access.Authenticator, error) {
	settings := CookieSessionSettings{CheckSettings: CheckSettings{PreserveQuery: true}}
	if err := from.Decode(&settings); err != nil {
		return nil, err
	}
	if settings.CheckSessionURL != "" {
		call, err := s.newCheck(settings.CheckSettings, cookieHeader)
		if err != nil {
			return nil, err
		}
		return &remoteCookie{only: settings.Only, check: call, paths: settings.paths("subject", "extra")}, nil
	}
	if s.o.Sessions == nil {
		return nil, errors.New("check_session_url: is missing, and this server has no sessions of its own")
	}
	name := s.o.Sessions.CookieName()
	if len(settings.Only) > 0 && !slices.Contains(settings.Only, name) {
		return nil, fmt.Errorf("only: lacks %q, the session cookie of this server, so that nobody could get in: add it, or write check_session_url", name)
	}
	return &ownCookie{sessions: s, name: name, paths: settings.paths("identity.id", "@this")}, nil
}

// bearer makes a bearer_token.
func (s *sessions) bearer(from access.Settings) (access.Authenticator, error) {
	settings := BearerTokenSettings{CheckSettings: CheckSettings{PreserveQuery: true}}
	if err := from.Decode(&settings); err != nil {
		return nil, err
	}
	where, err := newLocation(settings.TokenFrom, settings.Prefix)
	if err != nil {
		return nil, err
	}
	if settings.CheckSessionURL != "" {
		call, err := s.newCheck(settings.CheckSettings, authorization, where.header)
		if err != nil {
			return nil, err
		}
		return &remoteBearer{where: where, check: call, paths: settings.paths("sub", "extra")}, nil
	}
	if s.o.Sessions == nil {
		return nil, errors.New("check_session_url: is missing, and this server has no sessions of its own")
	}
	return &ownBearer{sessions: s, where: where, paths: settings.paths("identity.id", "@this")}, nil
}

// ownCookie and ownBearer check sessions of this server.
type ownCookie struct {
	*sessions
	name  string
	paths paths
}

type ownBearer struct {
	*sessions
	where location
	paths paths
}

// Authenticate takes the first cookie of the name that opens a session.
func (a *ownCookie) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	err := error(access.ErrNotResponsible)
	for value := range cookies(r.Header[cookieHeader], a.name) {
		var found *Session
		if found, err = a.o.Sessions.ByCookie(ctx, value); err == nil {
			return found.principal(a.paths)
		}
		if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrForeign) {
			return nil, err
		}
		err = access.ErrUnauthorized.Because(err)
	}
	return nil, err
}

// Authenticate looks the token up.
func (a *ownBearer) Authenticate(ctx context.Context, r *access.Request) (*access.Principal, error) {
	c, err := a.where.find(r)
	if err != nil {
		return nil, err
	}
	if c.dpop {
		return nil, access.ErrNotResponsible // session tokens are bearer tokens
	}
	found, err := a.o.Sessions.ByToken(ctx, c.token)
	if err != nil {
		return nil, refused(err)
	}
	return found.principal(a.paths)
}

// refused turns the answers of Sessions, Tokens and Clients into those of an authenticator.
func refused(err error) error {
	switch {
	case errors.Is(err, ErrForeign):
		return access.ErrNotResponsible
	case errors.Is(err, ErrUnknown):
		return access.ErrUnauthorized.Because(err)
	}
	return err
}

// principal reads who the session belongs to.
func (s *Session) principal(p paths) (*access.Principal, error) {
	r, err := s.readBy(p)
	if err != nil {
		return nil, access.ErrForbidden.Because(err)
	}
	return &access.Principal{Subject: r.subject, Extra: r.extra, Expires: s.Expires}, nil
}

// readBy decodes the document, once for the same paths. Of several readings at a time one is remembered, which costs the others
// another reading the next time.
func (s *Session) readBy(p paths) (*readSession, error) {
	known := s.read.Load()
	for r := known; r != nil; r = r.further {
		if r.paths == p {
			return r, nil
		}
	}
	subject, extra, err := p.in(s.Document)
	if err != nil {
		return nil, err
	}
	if subject == "" {
		return nil, fmt.Errorf("subject_from %q: nothing is there", p.subject)
	}
	r := &readSession{paths: p, subject: subject, extra: extra}
	if known != nil && known.place < maxReadings-1 {
		r.further, r.place = known, known.place+1
	}
	s.read.CompareAndSwap(known, r)
	return r, nil
}

// tenantOf names the tenant in keys of what is shared between tenants.
func tenantOf(ctx context.Context) string {
	id, _ := tenant.From(ctx)
	return string(id)
}
