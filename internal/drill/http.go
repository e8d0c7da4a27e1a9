package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Trial tries a server of this process.
type Trial struct {
	// Public and Admin answer for its listeners.
	Public, Admin http.RoundTripper
	// Key opens the admin listener, and everything there.
	Key string
	// KeySet names the keys that sign ID tokens.
	KeySet string
	// Now is the clock.
	Now func() time.Time
	// Told is given each step when it has been done.
	Told func(Step)
}

// Tenant tries one tenant, and tells whether nothing failed. What makes no sense after a failure is left out.
func (t *Trial) Tenant(ctx context.Context, of Tenant) bool {
	one := &trying{Trial: t, of: of}
	good := one.step(ctx, "signing keys", one.keys)
	good = one.step(ctx, "discovery", one.discovery) && good
	good = one.step(ctx, "opaque token", one.opaque) && good
	if len(one.published.Keys) > 0 {
		good = one.step(ctx, "signed token", one.signed) && good
	}
	return one.step(ctx, "login", one.login) && good
}

// trying is one Tenant.
type trying struct {
	*Trial

	of        Tenant
	set       keySet
	published jose.JSONWebKeySet
}

// step does one thing, and tells of it, unless it was told to end meanwhile.
func (t *trying) step(ctx context.Context, name string, do func(ctx context.Context) (string, error)) bool {
	if ctx.Err() != nil {
		return false
	}
	began := t.Now()
	detail, err := do(ctx)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		detail = err.Error()
	}
	s := Step{Tenant: t.of.ID, Name: name, Outcome: outcome(err), Millis: t.Now().Sub(began).Milliseconds(), Detail: detail}
	t.Told(s)
	return s.Outcome != Failed
}

// refusal is an answer that is an error.
type refusal struct {
	status int
	what   string
}

// Error gives what was asked and answered.
func (r *refusal) Error() string { return fmt.Sprintf("%s: %d", r.what, r.status) }

// ask sends a request, with a key where there is one, and reads a document of JSON. A body is JSON, or a form.
func ask(ctx context.Context, by http.RoundTripper, key, method, address string, in, out any) error {
	var body io.Reader
	media := "application/json"
	switch in := in.(type) {
	case nil:
	case url.Values:
		body, media = strings.NewReader(in.Encode()), "application/x-www-form-urlencoded"
	default:
		content, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(content)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Accept", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return send(r, by, out)
}

// send sends a request and reads a document of JSON.
func send(r *http.Request, by http.RoundTripper, out any) error {
	answer, err := by.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return &refusal{answer.StatusCode, r.Method + " " + r.URL.Path + why(content)}
	}
	if err := json.Unmarshal(content, out); err != nil {
		return fmt.Errorf("%s %s: the answer is no JSON", r.Method, r.URL.Path)
	}
	return nil
}

// why takes the reason out of an error's document, in each of the shapes that there are.
func why(content []byte) string {
	var said struct {
		Error            json.RawMessage `json:"error"`
		ErrorDescription string          `json:"error_description"`
	}
	if json.Unmarshal(content, &said) != nil {
		return ""
	}
	var nested struct {
		Message, Reason string
	}
	_ = json.Unmarshal(said.Error, &nested) // a code of OAuth is a text
	for _, s := range []string{said.ErrorDescription, nested.Reason, nested.Message} {
		if s != "" {
			return ": " + s
		}
	}
	return ""
}

// public and admin ask one of the listeners for what is the tenant's.
func (t *trying) public(ctx context.Context, method, path string, in, out any) error {
	return ask(ctx, t.Public, "", method, t.of.URL+path, in, out)
}

func (t *trying) admin(ctx context.Context, method, path string, in, out any) error {
	return ask(ctx, t.Admin, t.Key, method, "http://localhost/t/"+t.of.ID+"/admin"+path, in, out)
}
