package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// check asks a session store about the session of a request, as Oathkeeper does.
type check struct {
	*sessions
	flights wait.Flight[[]byte]
	ttl     time.Duration
	s       CheckSettings
	target  *url.URL
	forward []string // canonical names
	fixed   map[string][]string
}

const forwardedHost = "X-Forwarded-Host"

// checkTimeout is how long a session store may take.
const checkTimeout = 5 * time.Second

// newCheck reads the settings; always are the names of the fields that have the credential.
func (s *sessions) newCheck(settings CheckSettings, always ...string) (*check, error) {
	c := &check{sessions: s, s: settings}
	if err := checkAddress("check_session_url", settings.CheckSessionURL); err != nil {
		return nil, err
	}
	if settings.ForceMethod != "" && !fetch.IsToken(settings.ForceMethod) {
		return nil, fmt.Errorf("force_method: %q is no HTTP method", settings.ForceMethod)
	}
	target, err := url.Parse(settings.CheckSessionURL)
	if err != nil {
		return nil, errors.New("check_session_url: cannot be parsed")
	}
	c.target = target
	for _, name := range append(always, settings.ForwardHTTPHeaders...) {
		if name != "" {
			c.forward = append(c.forward, textproto.CanonicalMIMEHeaderKey(name))
		}
	}
	if c.ttl, err = settings.Cache.ttl(); err != nil {
		return nil, err
	}
	c.fixed, err = fixedHeaders("additional_headers", settings.AdditionalHeaders)
	return c, err
}

// checkAddress says what is wrong with a URL of the settings.
func checkAddress(path, address string) error {
	if err := fetch.CheckURL(address); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// fixedHeaders reads headers that are the same for every request.
func fixedHeaders(path string, headers map[string]string) (map[string][]string, error) {
	fixed := make(map[string][]string, len(headers))
	for name, value := range headers {
		if !fetch.IsToken(name) {
			return nil, fmt.Errorf("%s.%s: is no name of a header", path, name)
		}
		fixed[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	return fixed, nil
}

// ask returns the body of a good answer, from memory where that is wanted.
func (c *check) ask(ctx context.Context, r *access.Request) ([]byte, error) {
	q := c.question(r)
	if !c.s.Cache.Enabled {
		return c.call(ctx, q)
	}
	key := questionKey(&q)
	if document, ok := c.answers.Get(ctx, key); ok {
		return document, nil
	}
	return c.flights.Do(ctx, tenantOf(ctx)+key, func(ctx context.Context) ([]byte, error) {
		began := c.o.Now()
		document, err := c.call(ctx, q)
		if err == nil {
			expires := gjson.GetBytes(document, "expires_at").Time() // zero where there is none
			c.answers.Set(ctx, key, document, life(c.ttl, expires, began))
		}
		return document, err
	})
}

// questionKey is the same for questions that must have the same answer.
func questionKey(q *fetch.Question) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(q.Header)) {
		fmt.Fprintf(h, "%q:%q\n", name, q.Header[name])
	}
	fmt.Fprintf(h, "%q %q", q.Method, q.URL)
	return string(h.Sum(nil))
}

// call returns the body of a 200 answer; any other refuses the session.
func (c *check) call(ctx context.Context, q fetch.Question) ([]byte, error) {
	answer, err := c.o.Ask.Ask(ctx, q)
	if err != nil {
		return nil, access.ErrUnavailable.Because(err)
	}
	if err := answer.Limited(c.o.Now()); err != nil {
		return nil, err
	}
	switch {
	case answer.Status == statusOK:
		return answer.Body, nil
	case answer.Status >= statusInternal:
		return nil, access.ErrUnavailable.Because(fmt.Errorf("the session store answered %d", answer.Status))
	}
	return nil, access.ErrUnauthorized.Because(fmt.Errorf("the session store answered %d", answer.Status))
}

// The methods of which something is known.
const (
	methodGet  = "GET"
	methodHead = "HEAD"
)

// The statuses that answers are compared with.
const (
	statusOK           = 200
	statusUnauthorized = 401
	statusNotFound     = 404
	statusInternal     = 500
)

// question is the call for a request. The body stays here; a HEAD would have no answer to read.
func (c *check) question(r *access.Request) fetch.Question {
	to := *c.target
	if !c.s.PreservePath {
		to.Path, to.RawPath = r.Target.Path, ""
		if plain, err := url.PathUnescape(r.Target.Path); err == nil {
			to.Path, to.RawPath = plain, r.Target.Path
		}
	}
	if !c.s.PreserveQuery {
		to.RawQuery = r.Target.RawQuery
	}
	q := fetch.Question{Method: c.s.ForceMethod, URL: to.String(), Timeout: checkTimeout, Header: make(map[string][]string, len(c.forward)+len(c.fixed)+1)}
	if q.Method == "" {
		q.Method = r.Method
	}
	if q.Method == methodHead {
		q.Method = methodGet
	}
	for _, name := range c.forward {
		if values, ok := r.Header[name]; ok {
			q.Header[name] = values
		}
	}
	maps.Copy(q.Header, c.fixed)
	if c.s.PreserveHost {
		q.Header[forwardedHost] = []string{r.Target.Host}
	}
	return q
}
