package trial

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// API is a listener of the server.
type API struct {
	// URL is its address.
	URL string
	// Key is shown to it, where it asks for one.
	Key string
	// HTTP reaches it.
	HTTP *http.Client
}

// Through gives a client that connects to one place whatever address is asked for, for listeners that are known outside by another name.
// Where plain is set, TLS ends before that place: requests then say what they would have been.
func Through(transport *http.Transport, place string, plain bool) *http.Client {
	transport = transport.Clone()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, place)
	}
	transport.DialContext = dial
	if plain {
		// https addresses are spoken to in the clear, as the proxy in front does.
		transport.DialTLSContext = dial
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// cleaning is how long removing what was made may take.
const cleaning = 20 * time.Second

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 1 << 20

// Run tries all of it, and says which step failed.
func (t *Trial) Run(ctx context.Context) error {
	t.begin()
	err := t.token(ctx)
	if err == nil && !t.TokenOnly {
		err = t.login(ctx)
	}
	return err
}

// token has a client get a token by the client-credentials grant (RFC 6749 §4.4), and asks the server what it is (RFC 7662).
func (t *Trial) token(ctx context.Context) (err error) {
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := inStep("registering a client", t.Admin.send(ctx, http.MethodPost, "/admin/clients", map[string]any{
		"client_name": t.name, "grant_types": []string{"client_credentials"}, "scope": "trial", "token_endpoint_auth_method": "client_secret_basic",
	}, &client)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove(ctx, "/admin/clients/"+url.PathEscape(client.ID))) }()
	t.Say("registered a client")
	var token struct {
		Access string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"trial"}}
	if err := inStep("getting a token", t.Public.form(ctx, "/oauth2/token", form, client.ID, client.Secret, &token)); err != nil {
		return err
	}
	t.Say("got a token for it")
	var told struct {
		Active bool   `json:"active"`
		Client string `json:"client_id"`
	}
	if err := inStep("asking what the token is", t.Admin.form(ctx, "/admin/oauth2/introspect", url.Values{"token": {token.Access}}, "", "", &told)); err != nil {
		return err
	}
	if !told.Active || told.Client != client.ID {
		return errors.New("the token that was just issued is not active")
	}
	t.Say("the token is active")
	return nil
}

// login makes a person with a password, and logs him in.
func (t *Trial) login(ctx context.Context) (err error) {
	traits, identifier := t.traits()
	password := rand.Text() + rand.Text()
	var person struct {
		ID string `json:"id"`
	}
	if err := inStep("making a person", t.Admin.send(ctx, http.MethodPost, "/admin/identities", map[string]any{
		"schema_id": "default", "traits": traits, "credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
		"verifiable_addresses": []any{map[string]any{"value": identifier, "via": "email", "verified": true, "status": "completed"}},
	}, &person)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove(ctx, "/admin/identities/"+url.PathEscape(person.ID))) }()
	t.Say("made a person")
	var flow struct {
		ID string `json:"id"`
	}
	if err := inStep("beginning a login", t.Public.send(ctx, http.MethodGet, "/self-service/login/api", nil, &flow)); err != nil {
		return err
	}
	var session struct {
		Token string `json:"session_token"`
	}
	if err := inStep("logging in", t.Public.send(ctx, http.MethodPost, "/self-service/login?flow="+url.QueryEscape(flow.ID),
		map[string]any{"method": "password", "identifier": identifier, "password": password}, &session)); err != nil {
		return err
	}
	t.Say("logged him in")
	return inStep("asking who is signed in", t.whoami(ctx, session.Token, person.ID))
}

// whoami asks whose a session is.
func (t *Trial) whoami(ctx context.Context, session, want string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Public.at("/sessions/whoami"), nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-Session-Token", session)
	var who struct {
		Identity struct {
			ID string `json:"id"`
		} `json:"identity"`
	}
	if err := t.Public.do(r, &who); err != nil {
		return err
	}
	if who.Identity.ID != want {
		return errors.New("the session is somebody else's")
	}
	t.Say("the session is his")
	return nil
}

// remove takes back what was made, also when time was up meanwhile.
func (t *Trial) remove(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	return inStep("removing "+path, t.Admin.send(ctx, http.MethodDelete, path, nil, nil))
}

func (a API) at(path string) string { return strings.TrimSuffix(a.URL, "/") + path }

// send sends a document and reads the one that is answered.
func (a API) send(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		document, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(document)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.at(path), content)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return a.do(r, into)
}

// form sends a form, with a client's id and secret where it has one (RFC 6749 §2.3.1).
func (a API) form(ctx context.Context, path string, values url.Values, id, secret string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.at(path), strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	return a.do(r, into)
}

func (a API) do(r *http.Request, into any) error {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Forwarded-Proto", r.URL.Scheme) // believed where a proxy that ends TLS is declared
	if a.Key != "" {
		r.Header.Set("Authorization", "Bearer "+a.Key)
	}
	answer, err := a.HTTP.Do(r) //nolint:gosec // where it goes is what the operator who tries his own installation says
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s answered %s", r.Method, r.URL.Path, answer.Status)
	case into != nil:
		return json.Unmarshal(content, into)
	}
	return nil
}
