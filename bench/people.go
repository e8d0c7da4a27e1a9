package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// person is somebody who can sign in.
type person struct{ email, password string }

// people gives as many people as there are workers, made over the admin API as an import makes them: the server hashes
// their passwords itself. They are made once and used by every workload that needs some.
func (t *target) people(ctx context.Context, n int) ([]person, error) {
	for len(t.persons) < n {
		var wg sync.WaitGroup
		made, failed := make([]person, n-len(t.persons)), make([]error, n-len(t.persons))
		for i := range made {
			wg.Go(func() { made[i], failed[i] = t.newPerson(ctx) })
		}
		wg.Wait()
		if err := errors.Join(failed...); err != nil {
			return nil, fmt.Errorf("making people: %w", err)
		}
		t.persons = append(t.persons, made...)
	}
	return t.persons[:n], nil
}

func (t *target) newPerson(ctx context.Context) (person, error) {
	p := person{email: newEmail(), password: random()}
	body, err := json.Marshal(map[string]any{
		"schema_id": "default", "traits": map[string]string{"email": p.email},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]string{"password": p.password}}},
	})
	if err != nil {
		return p, err
	}
	return p, t.call(ctx, http.MethodPost, t.admin+"/admin/identities", string(body), http.StatusCreated, nil)
}

func newEmail() string { return "p" + strings.ToLower(random()) + "@people.example" }

// flow is what a native app reads of a flow.
type flow struct {
	UI struct {
		Action string `json:"action"`
	} `json:"ui"`
}

// begin begins a flow as a native app does.
func (t *target) begin(ctx context.Context, kind string) (flow, error) {
	var f flow
	err := t.call(ctx, http.MethodGet, t.public+"/self-service/"+kind+"/api", "", http.StatusOK, &f)
	return f, err
}

// login signs a person in as a native app does, in two requests, and gives back the session token.
func (t *target) login(ctx context.Context, p person) (string, error) {
	f, err := t.begin(ctx, "login")
	if err != nil {
		return "", err
	}
	var got struct {
		Token   string `json:"session_token"`
		Session struct {
			Active bool `json:"active"`
		} `json:"session"`
	}
	body := `{"method":"password","identifier":"` + p.email + `","password":"` + p.password + `"}`
	if err := t.call(ctx, http.MethodPost, f.UI.Action, body, http.StatusOK, &got); err != nil {
		return "", err
	}
	if got.Token == "" || !got.Session.Active {
		return "", errors.New("a login without a session")
	}
	return got.Token, nil
}

// logins has each worker sign the same person in again and again.
func logins(ctx context.Context, t *target, workers int) ([]job, error) {
	persons, err := t.people(ctx, workers)
	if err != nil {
		return nil, err
	}
	jobs := make([]job, workers)
	for i, p := range persons {
		jobs[i] = func(ctx context.Context) error {
			_, err := t.login(ctx, p)
			return err
		}
	}
	return jobs, nil
}

// registrations makes new accounts as a native app does, in two requests. The verification mail is queued and no more:
// the server has no mail server.
func registrations(_ context.Context, t *target, workers int) ([]job, error) {
	return same(workers, func(ctx context.Context) error {
		f, err := t.begin(ctx, "registration")
		if err != nil {
			return err
		}
		var got struct {
			Identity struct {
				ID string `json:"id"`
			} `json:"identity"`
			With []json.RawMessage `json:"continue_with"`
		}
		body := `{"method":"password","password":"` + random() + `","traits":{"email":"` + newEmail() + `"}}`
		if err := t.call(ctx, http.MethodPost, f.UI.Action, body, http.StatusOK, &got); err != nil {
			return err
		}
		if got.Identity.ID == "" || len(got.With) == 0 {
			return errors.New("a registration without an identity, or without a verification of its address")
		}
		return nil
	}), nil
}

// whoami asks with a session token for each worker who is signed in: the server has read each of them before.
func whoami(ctx context.Context, t *target, workers int) ([]job, error) {
	persons, err := t.people(ctx, workers)
	if err != nil {
		return nil, err
	}
	jobs := make([]job, workers)
	for i, p := range persons {
		token, err := t.login(ctx, p)
		if err != nil {
			return nil, err
		}
		email := []byte(p.email)
		jobs[i] = func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.public+"/sessions/whoami", nil)
			if err != nil {
				return err
			}
			req.Header.Set("X-Session-Token", token)
			body, err := t.read(req, http.StatusOK)
			if err == nil && !bytes.Contains(body, email) {
				err = errors.New("whoami named somebody else")
			}
			return err
		}
	}
	return jobs, nil
}
