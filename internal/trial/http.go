package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// Through gives the listener that is known outside by an address, and is reached at a place within. Where plain is set, TLS ends before
// that place: it is spoken to in the clear, as the proxy in front does.
func Through(address string, transport *http.Transport, place string, plain bool) *apiclient.Server {
	s := &apiclient.Server{URL: address}
	transport = transport.Clone()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, place)
	}
	transport.DialContext = dial
	if plain {
		transport.DialTLSContext = dial
		s.Header = http.Header{"X-Forwarded-Proto": {"https"}}
	}
	s.HTTP = &http.Client{Timeout: 30 * time.Second, Transport: transport}
	return s
}

const (
	// cleaning is how long removing what was made may take.
	cleaning = 20 * time.Second
	// pause is between two tries to connect.
	pause = 500 * time.Millisecond
)

// Run tries all of it, and says which step failed.
func (t *Trial) Run(ctx context.Context) error {
	t.begin()
	err := t.reach(ctx)
	if err == nil {
		err = t.token(ctx)
	}
	if err == nil && !t.TokenOnly {
		err = t.login(ctx)
	}
	return err
}

// reach waits until both listeners take connections.
func (t *Trial) reach(ctx context.Context) error {
	patient, cancel := context.WithTimeout(ctx, t.Patience)
	defer cancel()
	for _, listener := range []*apiclient.Server{t.Public, t.Admin} {
		for {
			err := listener.Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/health/alive"}, nil)
			if failed, ok := errors.AsType[*net.OpError](err); !ok || failed.Op != "dial" {
				break // what else is wrong, its own step says
			}
			select {
			case <-patient.Done():
				return err
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// token has a client get a token.
func (t *Trial) token(ctx context.Context) (err error) {
	id, _, err := Token(ctx, t.Public, t.Admin, map[string]any{"client_name": t.name, "scope": "trial"})
	if id != "" {
		defer func() { err = errors.Join(err, t.remove(ctx, "/admin/clients/"+url.PathEscape(id))) }()
	}
	if err == nil {
		t.Say("a client gets a token, and the token is active")
	}
	return err
}

// Token registers a client as described, has it get a token by its credentials (RFC 6749 §4.4), and the server say whose that token is
// (RFC 7662). The client's id is returned as soon as there is one, also with an error.
func Token(ctx context.Context, public, admin *apiclient.Server, described map[string]any) (id, token string, err error) {
	described["grant_types"] = []string{"client_credentials"}
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := admin.Ask(ctx, apiclient.Call{Method: http.MethodPost, Path: "/admin/clients", Body: described}, &client); err != nil {
		return "", "", fmt.Errorf("registering a client: %w", err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {fmt.Sprint(described["scope"])}}
	var issued struct {
		Token string `json:"access_token"`
	}
	c := apiclient.Call{Method: http.MethodPost, Path: "/oauth2/token", Body: form, Header: apiclient.Basic(client.ID, client.Secret)}
	if err := public.Ask(ctx, c, &issued); err != nil {
		return client.ID, "", fmt.Errorf("getting a token: %w", err)
	}
	var told struct {
		Active bool
		Client string `json:"client_id"`
	}
	c = apiclient.Call{Method: http.MethodPost, Path: "/admin/oauth2/introspect", Body: url.Values{"token": {issued.Token}}}
	if err := admin.Ask(ctx, c, &told); err != nil {
		return client.ID, "", fmt.Errorf("asking what the token is: %w", err)
	}
	if !told.Active || told.Client != client.ID {
		return client.ID, "", errors.New("introspection does not know the token that was just issued")
	}
	return client.ID, issued.Token, nil
}

// login makes a person with a password, and logs him in.
func (t *Trial) login(ctx context.Context) (err error) {
	traits, identifier := t.traits()
	password := rand.Text() + rand.Text()
	var person struct{ ID string }
	err = t.Admin.Ask(ctx, apiclient.Call{Method: http.MethodPost, Path: "/admin/identities", Body: map[string]any{
		"schema_id": "default", "traits": traits, "credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
		"verifiable_addresses": []any{map[string]any{"value": identifier, "via": "email", "verified": true, "status": "completed"}},
	}}, &person)
	if err != nil {
		return fmt.Errorf("making a person: %w", err)
	}
	defer func() { err = errors.Join(err, t.remove(ctx, "/admin/identities/"+url.PathEscape(person.ID))) }()
	if err := SignIn(ctx, t.Public, person.ID, identifier, password); err != nil {
		return err
	}
	t.Say("a person logs in, and the session is his")
	return nil
}

// SignIn signs a person in as an app does that is no browser, and asks whose the session is.
func SignIn(ctx context.Context, public *apiclient.Server, id, identifier, password string) error {
	var flow struct{ ID string }
	if err := public.Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/self-service/login/api"}, &flow); err != nil {
		return fmt.Errorf("beginning a login: %w", err)
	}
	var done struct {
		Token string `json:"session_token"`
	}
	c := apiclient.Call{Method: http.MethodPost, Path: "/self-service/login?flow=" + url.QueryEscape(flow.ID),
		Body: map[string]string{"method": "password", "identifier": identifier, "password": password}}
	if err := public.Ask(ctx, c, &done); err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	var session struct {
		Active   bool
		Identity struct{ ID string }
	}
	c = apiclient.Call{Method: http.MethodGet, Path: "/sessions/whoami", Header: http.Header{"X-Session-Token": {done.Token}}}
	if err := public.Ask(ctx, c, &session); err != nil {
		return fmt.Errorf("asking who is signed in: %w", err)
	}
	if !session.Active || session.Identity.ID != id {
		return errors.New("the session is not that of who signed in")
	}
	return nil
}

// remove takes back what was made, also when time was up meanwhile.
func (t *Trial) remove(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	if err := t.Admin.Ask(ctx, apiclient.Call{Method: http.MethodDelete, Path: path}, nil); err != nil {
		return fmt.Errorf("removing what was made: %w", err)
	}
	return nil
}
