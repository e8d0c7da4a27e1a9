package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Server is a listener of a server.
type Server struct {
	// URL is its address.
	URL string
	// Key opens it; empty where it asks for none, or knows who asks by a certificate.
	Key secret.String
	// HTTP reaches it.
	HTTP *http.Client
	// Header goes with every call.
	Header http.Header
	// Most is how much of an answer is read. Unit: bytes; 0 is 32 MiB.
	Most int64
}

// Call is one request.
type Call struct {
	Method string
	// Path is below the server's address, with its query.
	Path string
	// Body is nil, url.Values for a form, a Document, or whatever encodes to JSON.
	Body any
	// Header goes with this call.
	Header http.Header
}

// String names the call, without its query.
func (c Call) String() string {
	path, _, _ := strings.Cut(c.Path, "?")
	return c.Method + " " + path
}

// Document is a body that is sent as it stands.
type Document struct {
	Type    string
	Content []byte
}

// ErrForeign is an answer that is none of these APIs'.
var ErrForeign = errors.New("the answer is no JSON of this API")

// Unreached is a call without an answer.
type Unreached struct {
	// Server is its scheme, host and port: path and query may hold what nobody is to read.
	Server string
	Err    error
}

// Error implements error.
func (u *Unreached) Error() string { return u.Server + " cannot be reached: " + u.Err.Error() }

// Unwrap gives the cause.
func (u *Unreached) Unwrap() error { return u.Err }

// Do makes a call and reads the JSON that is answered into out as Decode does, unless that is nil or nothing is answered. Errors:
// *Unreached, *Refusal, ErrForeign.
func (s *Server) Do(ctx context.Context, c Call, out any) (http.Header, error) {
	resp, err := s.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, s.most()))
	if err != nil {
		return nil, &Unreached{origin(resp.Request), err}
	}
	if out == nil || len(content) == 0 {
		return resp.Header, nil
	}
	if Decode(bytes.NewReader(content), out) != nil {
		return nil, ErrForeign
	}
	return resp.Header, nil
}

// Ask is Do for whoever makes many calls: an error begins with the call's name, without its query, which is nobody else's to read.
func (s *Server) Ask(ctx context.Context, c Call, out any) error {
	if _, err := s.Do(ctx, c, out); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

// Open makes a call and returns the answer, which is a good one and is to be closed. Errors: *Unreached, *Refusal.
func (s *Server) Open(ctx context.Context, c Call) (*http.Response, error) {
	req, err := s.request(ctx, c)
	if err != nil {
		return nil, err
	}
	client := *s.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		if sent, ok := errors.AsType[*url.Error](err); ok {
			err = sent.Err // without the address
		}
		return nil, &Unreached{origin(req), err}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	content, _ := io.ReadAll(io.LimitReader(resp.Body, s.most())) // what came of it may say why
	return nil, refused(resp.StatusCode, content)
}

func (s *Server) most() int64 { return cmp.Or(s.Most, 32<<20) }

func origin(req *http.Request) string { return req.URL.Scheme + "://" + req.URL.Host }

// request puts a call together.
func (s *Server) request(ctx context.Context, c Call) (*http.Request, error) {
	body, media, err := encode(c.Body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, strings.TrimSuffix(s.URL, "/")+c.Path, body)
	if err != nil {
		return nil, errors.New("the server's address cannot be read")
	}
	req.Header.Set("Accept", "application/json")
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	for _, more := range []http.Header{s.Header, c.Header} {
		maps.Copy(req.Header, more)
	}
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key.Reveal())
	}
	return req, nil
}

func encode(body any) (content io.Reader, media string, err error) {
	switch body := body.(type) {
	case nil:
		return http.NoBody, "", nil
	case url.Values:
		return strings.NewReader(body.Encode()), "application/x-www-form-urlencoded", nil
	case Document:
		return bytes.NewReader(body.Content), body.Type, nil
	}
	raw, err := json.Marshal(body)
	return bytes.NewReader(raw), "application/json", err
}

// Decode reads one JSON value, and nothing after it. Numbers whose type out leaves open stay as they are written (json.Number).
func Decode(r io.Reader, out any) error {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	if err := decoder.Decode(out); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end of the JSON value")
	}
	return nil
}

// Basic is the header by which a client shows its id and secret (RFC 6749 §2.3.1: encoded as in a form first).
func Basic(id, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password))
	return r.Header
}

// Refusal is an answer that is an error.
type Refusal struct {
	Status int
	// Code is OAuth's word for it, and Message the sentence that goes with it (RFC 6749 §5.2) or with the status.
	Code, Message string
	// Reason says what is wrong in particular.
	Reason string
	// Request is the id under which the server's log has it.
	Request string
	// Details are the fields that belong to this error.
	Details json.RawMessage
}

// Error implements error.
func (r *Refusal) Error() string {
	said := r.Said()
	if said == "" {
		said = strings.ToLower(http.StatusText(r.Status))
	}
	return fmt.Sprintf("the server answered HTTP %d: %s", r.Status, said)
}

// Said is all that the server says to people; empty where it is no answer of ours, such as a page of some proxy.
func (r *Refusal) Said() string {
	said := ""
	for _, part := range []string{r.Code, r.Message, r.Reason} {
		part = strings.TrimSpace(part)
		if said != "" && part != "" {
			said = strings.TrimSuffix(said, ".") + ": "
		}
		said += part
	}
	return said
}

// Status is that of a refusal, and 0 where err is none.
func Status(err error) int {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Status
	}
	return 0
}

// refused reads an error's document, whatever its shape: OAuth's and Hydra's {"error":"…","error_description":"…"}, or Kratos' and
// Oathkeeper's {"error":{"message":"…","reason":"…"}}.
func refused(status int, content []byte) *Refusal {
	var answer struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
		RequestID   string          `json:"request_id"`
	}
	_ = json.Unmarshal(content, &answer)
	r := &Refusal{Status: status, Message: answer.Description, Request: answer.RequestID}
	if json.Unmarshal(answer.Error, &r.Code) == nil {
		return r
	}
	var object struct {
		Message, Reason, Request string
		Details                  json.RawMessage
	}
	if json.Unmarshal(answer.Error, &object) == nil {
		r.Message, r.Reason, r.Request, r.Details = object.Message, object.Reason, object.Request, object.Details
	}
	return r
}
