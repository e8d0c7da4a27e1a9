package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const redirectURI = "http://127.0.0.1:9/callback"

// target is a running server with the clients that the workloads use.
type target struct {
	*server
	http     *http.Client
	database database
	// opaque and jwt authenticate with client_secret_basic and may use client_credentials; flow may use the code grant.
	opaque, jwt, flow credentials
	// persons can sign in with a password.
	persons []person
}

type credentials struct{ id, secret string }

// httpClient keeps one connection alive for each worker and follows no redirect: the flows read them.
func httpClient(conns int) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConns: conns, MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTarget(ctx context.Context, s *server, d database, conns int) (*target, error) {
	t := &target{server: s, http: httpClient(conns), database: d}
	for into, body := range map[*credentials]string{
		&t.opaque: `{"grant_types":["client_credentials"],"scope":"read write","access_token_strategy":"opaque"}`,
		&t.jwt:    `{"grant_types":["client_credentials"],"scope":"read write","access_token_strategy":"jwt"}`,
		&t.flow: `{"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"scope":"openid offline read",
			"redirect_uris":["` + redirectURI + `"]}`,
	} {
		var made struct {
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
		}
		if err := t.call(ctx, http.MethodPost, t.admin+"/admin/clients", body, http.StatusCreated, &made); err != nil {
			return nil, fmt.Errorf("registering a client: %w", err)
		}
		*into = credentials{made.ClientID, made.ClientSecret}
	}
	return t, nil
}

// call sends a JSON body and decodes a JSON answer of the wanted status.
func (t *target) call(ctx context.Context, method, address, body string, want int, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return t.do(req, want, out)
}

func (t *target) do(req *http.Request, want int, out any) error {
	body, err := t.read(req, want)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(body, out)
}

// read sends a request and returns the body of an answer of the wanted status.
func (t *target) read(req *http.Request, want int) ([]byte, error) {
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: HTTP %d instead of %d: %s", req.Method, req.URL.Path, resp.StatusCode, want, bytes.TrimSpace(body))
	}
	return body, nil
}

func (t *target) form(ctx context.Context, address string, c credentials, form string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.id != "" {
		req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	}
	return t.do(req, http.StatusOK, out)
}

// tokens is what the workloads need of a token response.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

// workload prepares one job for each worker.
type workload struct {
	name    string
	prepare func(ctx context.Context, t *target, workers int) ([]job, error)
	// cheap runs on a server whose password hashes cost as little as it takes.
	cheap bool
	// rules is how many access rules there are; the workload runs on a server with doors unless it is 0.
	rules int
}

func same(workers int, j job) []job {
	jobs := make([]job, workers)
	for i := range jobs {
		jobs[i] = j
	}
	return jobs
}

func clientCredentials(pick func(*target) credentials) func(context.Context, *target, int) ([]job, error) {
	return func(_ context.Context, t *target, workers int) ([]job, error) {
		c := pick(t)
		return same(workers, func(ctx context.Context) error {
			var got tokens
			if err := t.form(ctx, t.public+"/oauth2/token", c, "grant_type=client_credentials&scope=read", &got); err != nil {
				return err
			}
			if got.AccessToken == "" {
				return errors.New("a token response without an access token")
			}
			return nil
		}), nil
	}
}

func introspect(ctx context.Context, t *target, workers int) ([]job, error) {
	jobs := make([]job, workers)
	for i := range jobs {
		var got tokens
		if err := t.form(ctx, t.public+"/oauth2/token", t.opaque, "grant_type=client_credentials&scope=read", &got); err != nil {
			return nil, err
		}
		form := "token=" + url.QueryEscape(got.AccessToken)
		jobs[i] = func(ctx context.Context) error {
			var answer struct {
				Active bool `json:"active"`
			}
			if err := t.form(ctx, t.admin+"/admin/oauth2/introspect", credentials{}, form, &answer); err != nil {
				return err
			}
			if !answer.Active {
				return errors.New("a live token was called inactive")
			}
			return nil
		}
	}
	return jobs, nil
}

// refresh spends each worker's own refresh token again and again; scope decides whether an ID token is signed each time.
func refresh(scope string) func(context.Context, *target, int) ([]job, error) {
	return func(ctx context.Context, t *target, workers int) ([]job, error) {
		return refreshes(ctx, t, scope, workers)
	}
}

func refreshes(ctx context.Context, t *target, scope string, workers int) ([]job, error) {
	jobs := make([]job, workers)
	for i := range jobs {
		current, err := t.codeFlow(ctx, scope)
		if err != nil {
			return nil, err
		}
		jobs[i] = func(ctx context.Context) error {
			var next tokens
			form := "grant_type=refresh_token&refresh_token=" + url.QueryEscape(current.RefreshToken)
			if err := t.form(ctx, t.public+"/oauth2/token", t.flow, form, &next); err != nil {
				return err
			}
			if next.RefreshToken == "" || next.RefreshToken == current.RefreshToken {
				return errors.New("the refresh token was not rotated")
			}
			current = next
			return nil
		}
	}
	return jobs, nil
}

func codeFlow(_ context.Context, t *target, workers int) ([]job, error) {
	return same(workers, func(ctx context.Context) error {
		got, err := t.codeFlow(ctx, "openid offline read")
		if err == nil && got.IDToken == "" {
			err = errors.New("a code flow without an ID token")
		}
		return err
	}), nil
}

func discovery(_ context.Context, t *target, workers int) ([]job, error) {
	return same(workers, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.public+"/.well-known/openid-configuration", nil)
		if err != nil {
			return err
		}
		return t.do(req, http.StatusOK, nil)
	}), nil
}

func bare(_ context.Context, t *target, workers int) ([]job, error) {
	return same(workers, func(ctx context.Context) error {
		var got tokens
		return t.form(ctx, t.public+"/token", credentials{"bench", "bench"}, "grant_type=client_credentials&scope=read", &got)
	}), nil
}

var workloads = []workload{
	{name: "client_credentials opaque", prepare: clientCredentials(func(t *target) credentials { return t.opaque })},
	{name: "client_credentials JWT ES256", prepare: clientCredentials(func(t *target) credentials { return t.jwt })},
	{name: "introspection cached", prepare: introspect},
	{name: "refresh", prepare: refresh("offline read")},
	{name: "refresh with ID token ES256", prepare: refresh("openid offline read")},
	{name: "code flow", prepare: codeFlow},
	{name: "discovery", prepare: discovery},
	{name: "whoami cached", prepare: whoami},
	{name: "login, Argon2id " + usualCost.String(), prepare: logins},
	{name: "login, Argon2id " + leastCost.String(), prepare: logins, cheap: true},
	{name: "registration, Argon2id " + usualCost.String(), prepare: registrations},
	{name: "registration, Argon2id " + leastCost.String(), prepare: registrations, cheap: true},
	{name: "decision noop, 1 rule", prepare: decisions(nobody), rules: 1},
	{name: "decision noop, 1,000 rules", prepare: decisions(nobody), rules: 1000},
	{name: "decision noop, 10,000 rules", prepare: decisions(nobody), rules: 10_000},
	{name: "decision own token cached, 1 rule", prepare: decisions(opaqueToken), rules: 1},
	{name: "decision own token cached, 10,000 rules", prepare: decisions(opaqueToken), rules: 10_000},
	{name: "decision own JWT cached, 1 rule", prepare: decisions(jwtToken), rules: 1},
	{name: "decision own session cached, 1 rule", prepare: decisions(sessionToken), rules: 1},
	{name: "proxy: the application, directly", prepare: direct, rules: 1},
	{name: "proxy: httputil.ReverseProxy alone", prepare: reverseProxy, rules: 1},
	{name: "proxy noop, 1 rule", prepare: proxied(nobody), rules: 1},
	{name: "proxy own token cached, 1 rule", prepare: proxied(opaqueToken), rules: 1},
}
