package password

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

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
	dialer := &net.Dialer{Timeout: o.Config.Timeout}
	if o.Private.DisallowPrivateIPRanges && !slices.Contains(o.Private.PrivateIPExceptionURLs, o.Config.URL) {
		dialer.Control = publicOnly
	}
	m.client = &http.Client{
		Timeout:   o.Config.Timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16},
		// A redirect would take the password to where nobody configured it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.Config.Body == "" {
		return m, nil
	}
	text, err := readProgram(o.Config.Body)
	if err == nil {
		_, err = o.Jsonnet.Compile("body", string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("selfservice.methods.password.config.migrate_hook.config.body: %w", err)
	}
	m.program = string(text)
	return m, nil
}

// publicOnly sees each address that is about to be connected to, after names were resolved.
func publicOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !fetch.Public(to.Addr()) {
		return fetch.ErrPrivate
	}
	return nil
}

func readProgram(uri string) ([]byte, error) {
	if text, ok := strings.CutPrefix(uri, "base64://"); ok {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		return base64.RawStdEncoding.DecodeString(text)
	}
	file, err := os.Open(strings.TrimPrefix(uri, "file://"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxProgram+1))
	if len(text) > maxProgram {
		return nil, fmt.Errorf("the program has more than %d bytes", maxProgram)
	}
	return text, err
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
	m.dress(req)
	res, err := m.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which may hold a key in its query
		}
		return false, ErrMigrate.Because(err)
	}
	defer res.Body.Close()
	return meaning(res)
}

// dress adds the headers and the credential.
func (m *Migration) dress(req *http.Request) {
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "gatehouse")
	for name, value := range m.c.Headers {
		req.Header.Set(name, value.Reveal())
	}
	switch v := m.c.Auth.Config; {
	case m.c.Auth.Type == "basic_auth":
		req.SetBasicAuth(v.User, v.Password.Reveal())
	case m.c.Auth.Type == "api_key" && v.In == "cookie":
		req.AddCookie(&http.Cookie{Name: v.Name, Value: v.Value.Reveal()})
	case m.c.Auth.Type == "api_key":
		req.Header.Set(v.Name, v.Value.Reveal())
	}
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
