package password

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
)

// ErrMigrate says that the system which knows the password could not be asked.
var ErrMigrate = fault.New(fault.Unavailable, "password_migration_unavailable",
	"Your password could not be checked just now. Try again in a moment.")

// Migration asks another system for passwords. Make it with NewMigration.
type Migration struct {
	c       MigrateConfig
	client  *http.Client
	jsonnet *hook.Jsonnet
	program string
}

// MigrationOptions are what a Migration needs.
type MigrationOptions struct {
	// Config says where and how.
	Config MigrateConfig
	// Private says whether private networks may be reached.
	Private hook.HTTPConfig
	// Jsonnet runs the program that makes the body; nil where there is none.
	Jsonnet *hook.Jsonnet
}

// Bounds of the program and of an answer, in bytes.
const (
	maxProgram = 128 << 10
	maxAnswer  = 64 << 10
)

// NewMigration reads the program of the configuration.
func NewMigration(o MigrationOptions) (*Migration, error) {
	m := &Migration{c: o.Config, jsonnet: o.Jsonnet}
	m.client = fetch.NewCaller(o.Private.DisallowPrivateIPRanges && !slices.Contains(o.Private.PrivateIPExceptionURLs, o.Config.URL))
	m.client.Timeout = o.Config.Timeout
	if o.Config.Body == "" {
		return m, nil
	}
	text, err := fetch.ReadLocal(o.Config.Body, maxProgram)
	if err == nil {
		_, err = o.Jsonnet.Compile("body", string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("selfservice.methods.password.config.migrate_hook.config.body: %w", err)
	}
	m.program = string(text)
	return m, nil
}

// Ask tells whether the other system knows the password as the identifier's. ErrMigrate when it does not say.
func (m *Migration) Ask(ctx context.Context, identifier, password string) (match bool, err error) {
	body, err := json.Marshal(map[string]string{"identifier": identifier, "password": password})
	if err != nil {
		return false, err
	}
	if m.program != "" {
		if body, err = m.jsonnet.Evaluate(ctx, m.program, body); err != nil {
			return false, ErrMigrate.Because(err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.c.URL, bytes.NewReader(body))
	if err != nil {
		return false, ErrMigrate.Because(errors.New("the request cannot be made of its configuration"))
	}
	req.Header.Set("Content-Type", "application/json")
	fetch.Dress(req, m.c.Headers, m.c.Auth)
	res, err := m.client.Do(req)
	if err != nil {
		return false, ErrMigrate.Because(fetch.WithoutURL(err))
	}
	defer res.Body.Close()
	return meaning(res)
}

// meaning reads the answer.
func meaning(res *http.Response) (bool, error) {
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, nil
	default:
		return false, ErrMigrate.Because(fmt.Errorf("the system that knows the password answered %d", res.StatusCode))
	}
	var said struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&said); err != nil {
		return false, ErrMigrate.Because(errors.New("the answer of the system that knows the password is not JSON"))
	}
	return said.Status == "password_match", nil
}
