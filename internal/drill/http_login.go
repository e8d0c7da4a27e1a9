package drill

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/trial"
)

const (
	// lookedAt is how many people are looked at for one with a password, and triedOf how many of them are tried.
	lookedAt = 100
	triedOf  = 10
)

// person is as much of an identity as it takes to give it a password.
type person struct {
	ID             string          `json:"id,omitempty"`
	SchemaID       string          `json:"schema_id"`
	State          string          `json:"state"`
	ExternalID     string          `json:"external_id,omitempty"`
	Traits         json.RawMessage `json:"traits"`
	MetadataPublic json.RawMessage `json:"metadata_public,omitempty"`
	MetadataAdmin  json.RawMessage `json:"metadata_admin,omitempty"`
	Credentials    struct {
		Password *credential `json:"password,omitempty"`
	} `json:"credentials"`
}

// credential is a password, with whom it is the password of where that is told.
type credential struct {
	Identifiers []string       `json:"identifiers,omitempty"`
	Config      map[string]any `json:"config,omitempty"`
}

// login gives somebody of the backup a password, and signs him in. Where nobody is there it makes somebody.
func (t *run) login(ctx context.Context) (string, error) {
	var people []person
	if err := t.admin().Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: fmt.Sprintf("/admin/identities?page_size=%d&include_credential=password", lookedAt)}, &people); err != nil {
		return "", err
	}
	password := rand.Text()
	var refused error
	tried := 0
	for _, p := range people {
		if p.State != "active" || p.Credentials.Password == nil || tried == triedOf {
			continue
		}
		tried++
		id := p.ID
		p.ID, p.Credentials.Password = "", &credential{Config: map[string]any{"password": password}}
		var changed person
		err := t.admin().Ask(ctx, apiclient.Call{Method: http.MethodPut, Path: "/admin/identities/" + id, Body: p}, &changed)
		if apiclient.Status(err) != 0 {
			refused = err // his schema may be another by now, or gone
			continue
		}
		if err != nil {
			return "", err
		}
		return "somebody of the backup, with a password of the drill", t.signIn(ctx, changed, password)
	}
	if refused != nil {
		return "", fmt.Errorf("none of %d people with a password can be given another one: %w", tried, refused)
	}
	return t.loginOfNew(ctx, password, len(people))
}

// loginOfNew makes somebody, as most schemas have people, and signs him in.
func (t *run) loginOfNew(ctx context.Context, password string, there int) (string, error) {
	p := person{State: "active", Traits: json.RawMessage(`{"email": "drill-` + strings.ToLower(rand.Text()) + `@drill.invalid"}`)}
	p.Credentials.Password = &credential{Config: map[string]any{"password": password}}
	var made person
	err := t.admin().Ask(ctx, apiclient.Call{Method: http.MethodPost, Path: "/admin/identities", Body: p}, &made)
	if status := apiclient.Status(err); status != 0 && status < http.StatusInternalServerError {
		return "", skip(fmt.Sprintf("among %d people nobody has a password, and nobody could be made: %v", there, err))
	}
	if err != nil {
		return "", err
	}
	return "somebody who was made for the drill, because nobody was found who has a password", t.signIn(ctx, made, password)
}

// signIn signs somebody in as an app does that is no browser.
func (t *run) signIn(ctx context.Context, p person, password string) error {
	if p.Credentials.Password == nil || len(p.Credentials.Password.Identifiers) == 0 {
		return skip("the schema names nothing that goes with a password")
	}
	return trial.SignIn(ctx, t.public(), p.ID, p.Credentials.Password.Identifiers[0], password)
}
