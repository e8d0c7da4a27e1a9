package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// httpChannel hands messages to a service over HTTP.
type httpChannel struct {
	config   RequestConfig
	words    *renderer
	evaluate Evaluate
	client   *http.Client
}

func newHTTPChannel(c RequestConfig, words *renderer, evaluate Evaluate) *httpChannel {
	c = c.withDefaults()
	return &httpChannel{config: c, words: words, evaluate: evaluate, client: fetch.NewCaller(false)}
}

func (c *httpChannel) limit() time.Duration { return c.config.Timeout }

// open gives the channel itself: the client below it keeps connections for all.
func (c *httpChannel) open() connection { return c }

func (c *httpChannel) close() {}

// body is what the template of the body sees, by Kratos' names.
type body struct {
	Recipient      string         `json:"recipient"`
	Subject        string         `json:"subject"`
	Body           string         `json:"body"`
	HTMLBody       string         `json:"html_body,omitempty"`
	TemplateType   string         `json:"template_type"`
	TemplateData   map[string]any `json:"template_data"`
	MessageType    string         `json:"message_type"`
	RequestHeaders map[string]any `json:"request_headers"`
}

func (c *httpChannel) send(ctx context.Context, m *outgoing) error {
	payload, err := c.payload(ctx, body{
		Recipient: m.recipient, Subject: m.subject, Body: m.body, HTMLBody: m.html,
		TemplateType: m.template, TemplateData: m.data, MessageType: m.typ, RequestHeaders: map[string]any{},
	})
	if err != nil {
		return err
	}
	req, err := c.request(ctx, payload, m.id)
	if err != nil {
		return err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s could not be reached: %w", req.URL.Host, fetch.WithoutURL(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	// What the service wrote may repeat the message, so the status has to do.
	err = fmt.Errorf("%s answered %d", req.URL.Host, res.StatusCode)
	if seconds, e := strconv.Atoi(res.Header.Get("Retry-After")); e == nil && seconds > 0 && seconds < 1<<20 {
		return &later{cause: err, after: time.Duration(seconds) * time.Second}
	}
	return err
}

func (c *httpChannel) request(ctx context.Context, payload []byte, id string) (*http.Request, error) {
	var reader io.Reader
	if c.config.Method != http.MethodGet {
		reader = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, c.config.Method, c.config.URL, reader)
	if err != nil {
		return nil, errors.New("the URL of the service cannot be requested")
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// The same for every attempt: a service that knows this header does not send twice.
	req.Header.Set("Idempotency-Key", id)
	fetch.Dress(req, c.config.Headers, c.config.Auth)
	return req, nil
}

// payload makes the body of a request.
func (c *httpChannel) payload(ctx context.Context, b body) ([]byte, error) {
	if c.config.Body == "" {
		return json.Marshal(plainBody(b))
	}
	text, version, err := c.words.read(c.config.Body)
	if err != nil {
		return nil, fmt.Errorf("the template of the request's body cannot be read: %w", err)
	}
	input, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	if c.config.BodyFormat == jsonnetBody {
		if c.evaluate == nil {
			return nil, errors.New("nothing here evaluates Jsonnet: set body_format to gotemplate")
		}
		out, err := c.evaluate(ctx, text, input)
		if err != nil {
			return nil, fmt.Errorf("the template of the request's body does not work: %w", err)
		}
		return out, nil
	}
	t, err := c.words.parsed(cacheKey{c.config.Body, smsText}, version, func() ([]named, error) { return []named{{"body", text}}, nil }, smsText)
	if err != nil {
		return nil, fmt.Errorf("the template of the request's body does not work: %w", err)
	}
	var data map[string]any // so that it is called by the same names as in Jsonnet
	if err := json.Unmarshal(input, &data); err != nil {
		return nil, err
	}
	out, err := execute(t, data)
	if err != nil {
		return nil, fmt.Errorf("the template of the request's body does not work: %w", err)
	}
	return []byte(out), nil
}

// plainBody is the body where none is configured: the members that Kratos sends then.
func plainBody(b body) map[string]any {
	out := map[string]any{"recipient": b.Recipient, "template_type": b.TemplateType, "subject": b.Subject, "body": b.Body}
	for _, key := range []string{"to", "recovery_code", "recovery_url", "verification_url", "verification_code"} {
		out[key] = b.TemplateData[key]
	}
	return out
}
