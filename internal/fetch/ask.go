package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Asker asks other services questions on whose answers a request waits. Addresses may come from whoever may write access rules,
// so they are checked after names were resolved, and no redirect is followed. It may be used by many at once.
type Asker struct{ strict, download *http.Client }

// NewAsker returns an Asker that keeps to the bounds. It uses no proxy of the environment: a proxy would connect in its place,
// where addresses cannot be checked.
func NewAsker(b Bounds) *Asker {
	t := newTransport(5*time.Second, true)
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, Control: b.Control}).DialContext
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 256, 64, 256
	return &Asker{
		strict: &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		download: &http.Client{Transport: t, CheckRedirect: (&Client{options: Options{AllowHTTP: true}}).checkRedirect},
	}
}

// Question is one call.
type Question struct {
	// Method is the HTTP method; GET where it is empty.
	Method string
	// URL is an absolute http or https URL.
	URL string
	// Header are the fields to send, by their canonical names.
	Header map[string][]string
	// Body is sent along unless it is nil.
	Body []byte
	// Timeout bounds all tries together. Default: 1s.
	Timeout time.Duration
	// MaxDelay is the longest pause before another try; 0 means that there is one try. A try is repeated when nothing, or a
	// 5xx status, came back, three times at most.
	MaxDelay time.Duration
	// MaxBytes bounds the body of the answer. Default: 1 MiB.
	MaxBytes int64
}

// Retry is how settings say how long a call may take and when it is tried again.
type Retry struct {
	// GiveUpAfter bounds all tries together. Default: 1s.
	GiveUpAfter string `json:"give_up_after"`
	// MaxDelay is the longest pause between two tries. Default: 100ms.
	MaxDelay string `json:"max_delay"`
}

// Times reads the durations, for Question.Timeout and MaxDelay. Errors begin with the path of the setting below retry; nil has the
// defaults.
func (r *Retry) Times() (giveUp, delay time.Duration, err error) {
	giveUp, delay = defaultWait, 100*time.Millisecond
	if r == nil {
		return giveUp, delay, nil
	}
	for _, d := range []struct {
		path, text string
		to         *time.Duration
	}{{"give_up_after", r.GiveUpAfter, &giveUp}, {"max_delay", r.MaxDelay, &delay}} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.text); err != nil || *d.to <= 0 {
			return 0, 0, fmt.Errorf("retry.%s: %q is no duration, such as 100ms", d.path, d.text)
		}
	}
	return giveUp, delay, nil
}

// Answer is what came back.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header are the fields by their canonical names.
	Header map[string][]string
	// Body is the whole body.
	Body []byte
}

const (
	defaultWait   = time.Second
	defaultAnswer = 1 << 20
	maxRetries    = 3
	firstDelay    = 20 * time.Millisecond
)

// Ask makes the call. An answer of any status is no error. Errors name the host, and neither query nor content.
func (a *Asker) Ask(ctx context.Context, q Question) (*Answer, error) {
	if q.Timeout <= 0 {
		q.Timeout = defaultWait
	}
	if q.MaxBytes <= 0 {
		q.MaxBytes = defaultAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	for try := 0; ; try++ {
		answer, err := a.try(ctx, q)
		hopeless := err != nil && (errors.Is(err, ErrPrivate) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrScheme))
		if hopeless || err == nil && answer.Status < http.StatusInternalServerError || q.MaxDelay <= 0 || try >= maxRetries {
			return answer, err
		}
		if !wait.For(ctx, min(q.MaxDelay, firstDelay<<try)) {
			return answer, err
		}
	}
}

func (a *Asker) try(ctx context.Context, q Question) (*Answer, error) {
	res, err := do(ctx, a.strict, q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	host := res.Request.URL.Host
	body, err := io.ReadAll(io.LimitReader(res.Body, q.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", host, err)
	}
	if int64(len(body)) > q.MaxBytes {
		return nil, fmt.Errorf("asking %s: %w: more than %d bytes", host, ErrTooLarge, q.MaxBytes)
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func do(ctx context.Context, client *http.Client, q Question) (*http.Response, error) {
	u, err := url.Parse(q.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, ErrScheme
	}
	var content io.Reader
	if q.Body != nil {
		content = bytes.NewReader(q.Body)
	}
	req, err := http.NewRequestWithContext(ctx, q.Method, q.URL, content)
	if err != nil {
		return nil, fmt.Errorf("asking %s: the request cannot be made of its settings", u.Host)
	}
	for name, values := range q.Header {
		if name == "Host" {
			req.Host = values[0]
			continue
		}
		req.Header[name] = slices.Clone(values)
	}
	if _, told := req.Header["User-Agent"]; !told {
		req.Header.Set("User-Agent", userAgent)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", u.Host, WithoutURL(err))
	}
	return res, nil
}

// Download writes the body of a 200 answer to w, MaxBytes of it at most (ErrTooLarge beyond), and returns its header. Other
// statuses come back without a body, and nothing is written. Unlike Ask it follows redirects, never from https to http: files are
// published behind them. How long it takes, the context says.
func (a *Asker) Download(ctx context.Context, q Question, w io.Writer) (*Answer, error) {
	if q.MaxBytes <= 0 {
		q.MaxBytes = defaultAnswer
	}
	res, err := do(ctx, a.download, q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer := &Answer{Status: res.StatusCode, Header: res.Header}
	if res.StatusCode != http.StatusOK {
		return answer, nil
	}
	n, err := io.Copy(w, io.LimitReader(res.Body, q.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("downloading from %s: %w", res.Request.URL.Host, err)
	}
	if n > q.MaxBytes {
		return nil, fmt.Errorf("downloading from %s: %w: more than %d bytes", res.Request.URL.Host, ErrTooLarge, q.MaxBytes)
	}
	return answer, nil
}

// LimitedError says that the other service was asked too often. It is a fault of kind Limited, which the caller may be told.
type LimitedError struct {
	// RetryAfter is how long the service asks to wait; zero where it does not say.
	RetryAfter time.Duration
	// Header are the fields that tell the caller about the limit: Retry-After and X-Ratelimit-….
	Header map[string][]string
}

// Error says that the service limits its callers.
func (*LimitedError) Error() string { return "the service that was asked answered 429" }

// Fault is what the caller is told.
func (e *LimitedError) Fault() *fault.Error { return errLimited.After(e.RetryAfter) }

var errLimited = fault.New(fault.Limited, "too_many_requests", "Too many requests: try again later.")

// Limited returns a LimitedError where the answer's status is 429, else nil.
func (a *Answer) Limited(now time.Time) error {
	if a.Status != http.StatusTooManyRequests {
		return nil
	}
	e := &LimitedError{Header: map[string][]string{}}
	for name, values := range a.Header {
		if name == "Retry-After" || strings.HasPrefix(name, "X-Ratelimit-") {
			e.Header[name] = values
		}
	}
	told := http.Header(a.Header).Get("Retry-After")
	if seconds, err := strconv.Atoi(told); err == nil { // RFC 9110 §10.2.3: seconds, or a date
		e.RetryAfter = time.Duration(min(max(seconds, 0), 86_400)) * time.Second
	} else if at, err := http.ParseTime(told); err == nil {
		e.RetryAfter = min(max(at.Sub(now), 0), 24*time.Hour)
	}
	return e
}
