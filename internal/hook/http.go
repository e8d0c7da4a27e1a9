package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// maxAnswer is the size of an answer in bytes.
const maxAnswer = 1 << 20

// The headers by which a service tells the tries of one call from each other.
const (
	headerRequestID = "Ory-Webhook-Request-ID"
	headerTriggerID = "Ory-Webhook-Trigger-ID"
)

// client makes the calls of web hooks.
type client struct {
	anywhere *http.Client
	public   *http.Client
	config   HTTPConfig
}

func newClient(c HTTPConfig) *client {
	return &client{anywhere: fetch.NewCaller(false), public: fetch.NewCaller(true), config: c}
}

func (cl *client) clientFor(address string) *http.Client {
	if cl.config.DisallowPrivateIPRanges && !slices.Contains(cl.config.PrivateIPExceptionURLs, address) {
		return cl.public
	}
	return cl.anywhere
}

// send makes the tries of one call until there is an answer that is not asking for another.
func (cl *client) send(ctx context.Context, c Config, trigger string, body []byte) (*answer, error) {
	for try := 0; ; try++ {
		a, err := cl.try(ctx, c, trigger, body)
		if try >= c.MaxRetries || ctx.Err() != nil || !again(a, err) {
			return a, err
		}
		if !wait.For(ctx, 100*time.Millisecond<<try) {
			return a, err
		}
	}
}

// again reports whether the next try may fare better.
func again(a *answer, err error) bool {
	if err != nil {
		return !errors.Is(err, fetch.ErrPrivate) && !errors.Is(err, fetch.ErrTooLarge)
	}
	return a.status == http.StatusTooManyRequests || a.status >= 500 && a.status != http.StatusNotImplemented
}

func (cl *client) try(ctx context.Context, c Config, trigger string, body []byte) (*answer, error) {
	req, err := newRequest(ctx, c, trigger, body)
	if err != nil {
		return nil, err
	}
	res, err := cl.clientFor(c.URL).Do(req)
	if err != nil {
		return nil, fetch.WithoutURL(err)
	}
	defer res.Body.Close()
	answered, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(answered) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer has more than %d bytes", fetch.ErrTooLarge, maxAnswer)
	}
	return &answer{status: res.StatusCode, body: answered}, nil
}

// bodiless reports whether the request has no body, whatever is configured: a request to trace must not (RFC 9110 §9.3.8).
func (c Config) bodiless() bool { return c.Method == http.MethodTrace }

func newRequest(ctx context.Context, c Config, trigger string, body []byte) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, content)
	if err != nil {
		return nil, errors.New("the request cannot be made of its configuration")
	}
	req.Header.Set(contentType, mediaJSON)
	fetch.Dress(req, c.Headers, c.Auth)
	req.Header.Set(headerRequestID, secret.NewID())
	req.Header.Set(headerTriggerID, trigger)
	return req, nil
}
