package mutate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// HydratorSettings are the settings of the mutator hydrator.
type HydratorSettings struct {
	// API is who is asked.
	API HydratorAPI `json:"api"`
	// Cache keeps answers.
	Cache HydratorCache `json:"cache"`
}

// HydratorAPI is a service that gets who asks by POST and answers with more about them.
type HydratorAPI struct {
	// URL is the service's.
	URL string `json:"url"`
	// Auth is how it knows this server.
	Auth struct {
		Basic *struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"basic"`
	} `json:"auth"`
	// Retry says how long it may take.
	Retry *fetch.Retry `json:"retry"`
}

// HydratorCache says whether and how long answers are kept: for requests that send the service the same, with the same
// credentials. Nothing is kept about nobody in particular (the authenticator noop): the answer then depends on what else came along.
type HydratorCache struct {
	// Enabled keeps them. Oathkeeper keeps them where there is a ttl; so do we.
	Enabled bool `json:"enabled"`
	// TTL is how long. Default: 1m.
	TTL string `json:"ttl"`
}

// document is what is sent and answered: who asks, as Oathkeeper writes it.
type document struct {
	Subject      string              `json:"subject"`
	Extra        map[string]any      `json:"extra"`
	Header       map[string][]string `json:"header"`
	MatchContext matchContext        `json:"match_context"`
}

type matchContext struct {
	RegexpCaptureGroups []string `json:"regexp_capture_groups"`
	URL                 *url.URL `json:"url"`
	Method              string   `json:"method"`
}

// hydrators makes the mutators, which share the answers that they keep.
type hydrators struct {
	o       Options
	answers *cache.Cache[*document]
	flights wait.Flight[*document]
}

// longestAnswer bounds how long an answer is kept.
const longestAnswer = 24 * time.Hour

func newHydrators(o Options) *hydrators {
	return &hydrators{o: o, answers: cache.New[*document](cache.Options{Name: "access_hydrator", Max: o.CacheSize, TTL: longestAnswer, Now: o.Now})}
}

// hydrator asks one service.
type hydrator struct {
	*hydrators
	url            string
	authorization  string
	timeout, delay time.Duration
	keep           time.Duration // 0: does not
}

func (h *hydrators) make(from access.Settings) (access.Mutator, error) {
	var s HydratorSettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if err := fetch.CheckURL(s.API.URL); err != nil {
		return nil, fmt.Errorf("api.url: %w", err)
	}
	m := &hydrator{hydrators: h, url: s.API.URL}
	if basic := s.API.Auth.Basic; basic != nil {
		if basic.Username == "" || strings.Contains(basic.Username, ":") {
			return nil, errors.New("api.auth.basic.username: is empty, or has a colon, which no user name has (RFC 7617 §2)")
		}
		m.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(basic.Username+":"+basic.Password))
	}
	var err error
	if m.timeout, m.delay, err = s.API.Retry.Times(); err != nil {
		return nil, fmt.Errorf("api.%w", err)
	}
	if s.Cache.Enabled {
		m.keep = time.Minute
	}
	if s.Cache.TTL != "" {
		if m.keep, err = time.ParseDuration(s.Cache.TTL); err != nil || m.keep <= 0 {
			return nil, fmt.Errorf("cache.ttl: %q is no duration, such as 1m", s.Cache.TTL)
		}
	}
	return m, nil
}

// Mutate asks about who asks, and takes over what the answer says, but for who it is.
func (m *hydrator) Mutate(ctx context.Context, r *access.Request, p *access.Principal) error {
	sent := &document{Subject: p.Subject, Extra: p.Extra, Header: p.Header, MatchContext: matchContext{
		p.MatchContext.RegexpCaptureGroups, p.MatchContext.URL, p.MatchContext.Method,
	}}
	answer, err := m.answer(ctx, r, sent)
	if err != nil {
		return err
	}
	p.Extra = answer.Extra
	if len(answer.Header) > 0 {
		fields := maps.Clone(p.Header)
		if fields == nil {
			fields = access.Header{}
		}
		maps.Copy(fields, answer.Header)
		p.Header = fields
	}
	return nil
}

// answer returns the service's answer, or a kept one to the same question.
func (m *hydrator) answer(ctx context.Context, r *access.Request, sent *document) (*document, error) {
	body, err := json.Marshal(sent)
	if err != nil {
		return nil, err
	}
	if m.keep == 0 || sent.Subject == "" {
		return m.ask(ctx, r, body, sent.Subject)
	}
	key := m.keyOf(r, body)
	if kept, ok := m.answers.Get(ctx, key); ok {
		return kept, nil
	}
	owner, _ := tenant.From(ctx)
	return m.flights.Do(ctx, string(owner)+key, func(ctx context.Context) (*document, error) {
		got, err := m.ask(ctx, r, body, sent.Subject)
		if err == nil {
			m.answers.Set(ctx, key, got, m.keep)
		}
		return got, err
	})
}

// keyOf is the same for questions that must have the same answer. All that the service is told is part of it: a role that somebody
// has at one address is not theirs at another. So are the credentials that go along, by which it may know more than the subject.
func (m *hydrator) keyOf(r *access.Request, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q ", m.url, m.authorization, r.Header["Authorization"], r.Header["Cookie"], r.Header["X-Session-Token"])
	h.Write(body)
	return string(h.Sum(nil))
}

// ask makes the call. The client's header fields go along as Oathkeeper sends them; its credentials to this server do not where
// the service has one of its own.
func (m *hydrator) ask(ctx context.Context, r *access.Request, body []byte, subject string) (*document, error) {
	q := fetch.Question{Method: "POST", URL: m.url, Body: body, Timeout: m.timeout, MaxDelay: m.delay, Header: passedOn(r.Header)}
	q.Header["Content-Type"] = []string{"application/json"}
	if m.authorization != "" {
		q.Header["Authorization"] = []string{m.authorization}
	}
	answer, err := m.o.Ask.Ask(ctx, q)
	if err != nil {
		return nil, access.ErrUnavailable.Because(err)
	}
	if err := answer.Limited(m.o.Now()); err != nil {
		return nil, err
	}
	if answer.Status != 200 {
		return nil, access.ErrUnavailable.Because(fmt.Errorf("the hydrator's service answered %d", answer.Status))
	}
	return readDocument(answer.Body, subject)
}

// passedOn are the client's fields that another service may see: not those of its connection, which Connection may add to
// (RFC 9110 §7.6.1), and not what it agreed to for the answer to this request.
func passedOn(h access.Header) map[string][]string {
	passed := make(map[string][]string, len(h)+2)
	for name, values := range h {
		if !access.HopByHop(name) && name != "Accept-Encoding" && name != "Expect" {
			passed[name] = values
		}
	}
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(passed, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	return passed
}

// readDocument reads an answer. It may not say that somebody else asks.
func readDocument(text []byte, subject string) (*document, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var got document
	if err := d.Decode(&got); err != nil {
		return nil, access.ErrUnavailable.Because(errors.New("the hydrator's service did not answer with a JSON object"))
	}
	if got.Subject != subject {
		return nil, access.ErrUnavailable.Because(errors.New("the hydrator's service answered with another subject"))
	}
	fields := make(map[string][]string, len(got.Header))
	for name, values := range got.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !fetch.IsToken(name) || access.HopByHop(canonical) || slices.ContainsFunc(values, unsendable) {
			return nil, access.ErrUnavailable.Because(errors.New("the hydrator's service answered with a header that cannot be set"))
		}
		fields[canonical] = values
	}
	got.Header = fields
	return &got, nil
}
