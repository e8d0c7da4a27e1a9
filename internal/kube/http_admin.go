package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	answerTimeout = 15 * time.Second
	maxAnswer     = 16 << 20 // a page of 500 clients with much metadata
	pageSize      = 500
)

// remote is what the server says about a client.
type remote struct {
	ID        string `json:"client_id"`
	Secret    string `json:"client_secret"` // only when it is new
	Owner     string `json:"owner"`
	UpdatedAt string `json:"updated_at"`
}

// admin speaks to the admin APIs of servers.
type admin struct {
	count func(method string, status int) // each request; status 0 is no answer

	mu      sync.Mutex
	clients map[*Server]*http.Client
}

func (a *admin) get(ctx context.Context, p place, id string) (*remote, error) {
	var r remote
	if err := a.call(ctx, p, http.MethodGet, "/"+url.PathEscape(id), nil, &r); statusOf(err) == http.StatusNotFound {
		return nil, nil //nolint:nilnil // there is no such client, which is no error
	} else if err != nil {
		return nil, err
	}
	return &r, nil
}

func (a *admin) create(ctx context.Context, p place, r *registration) (*remote, error) {
	var made remote
	return &made, a.call(ctx, p, http.MethodPost, "", r, &made)
}

func (a *admin) replace(ctx context.Context, p place, r *registration) (*remote, error) {
	var made remote
	return &made, a.call(ctx, p, http.MethodPut, "/"+url.PathEscape(r.ID), r, &made)
}

// rotate gives the client a new secret; those before stay valid until endRotated.
func (a *admin) rotate(ctx context.Context, p place, id string) (*remote, error) {
	var made remote
	return &made, a.call(ctx, p, http.MethodPost, "/"+url.PathEscape(id)+"/secrets/rotate", nil, &made)
}

func (a *admin) endRotated(ctx context.Context, p place, id string) (*remote, error) {
	var made remote
	return &made, a.call(ctx, p, http.MethodDelete, "/"+url.PathEscape(id)+"/secrets/rotate", nil, &made)
}

// remove ends a client; one that is not there is no error.
func (a *admin) remove(ctx context.Context, p place, id string) error {
	err := a.call(ctx, p, http.MethodDelete, "/"+url.PathEscape(id), nil, nil)
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}

var nextPage = regexp.MustCompile(`<([^>]*)>;\s*rel="next"`)

// list gives all clients, page by page.
func (a *admin) list(ctx context.Context, p place, each func(remote)) error {
	query := url.Values{"page_size": {strconv.Itoa(pageSize)}}
	for {
		var page []remote
		header, err := a.send(ctx, p, http.MethodGet, "?"+query.Encode(), nil, &page)
		if err != nil {
			return err
		}
		for _, r := range page {
			each(r)
		}
		found := nextPage.FindStringSubmatch(header.Get("Link"))
		if found == nil {
			return nil
		}
		// Only the token is taken from the link: where the next page is, is for us to say.
		link, err := url.Parse(found[1])
		if err != nil || link.Query().Get("page_token") == "" || link.Query().Get("page_token") == query.Get("page_token") {
			return fmt.Errorf("%s links to a next page that cannot be read", p)
		}
		query.Set("page_token", link.Query().Get("page_token"))
	}
}

func (a *admin) call(ctx context.Context, p place, method, below string, in, out any) error {
	_, err := a.send(ctx, p, method, below, in, out)
	return err
}

func (a *admin) send(ctx context.Context, p place, method, below string, in, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := p.request(ctx, method, below, in)
	if err != nil {
		return nil, err
	}
	client, err := a.client(p.server)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		a.count(method, 0)
		if sent, ok := errors.AsType[*url.Error](err); ok {
			err = sent.Err // without method and address, which the caller names
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	a.count(method, resp.StatusCode)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, &apiError{status: resp.StatusCode, message: reasonIn(body)}
	}
	if out == nil {
		return resp.Header, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, errors.New("the answer is not that of an admin API of clients")
	}
	return resp.Header, nil
}

func (p place) request(ctx context.Context, method, below string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.String()+below, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.proto != "" {
		req.Header.Set("X-Forwarded-Proto", p.proto)
	}
	if p.server.CredentialFile == "" {
		return req, nil
	}
	credential, err := os.ReadFile(p.server.CredentialFile)
	if err != nil {
		return nil, fmt.Errorf("the controller's credential: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(credential)))
	return req, nil
}

// client gives the HTTP client for a server. It follows no redirects: the credential and the secrets are for this server.
func (a *admin) client(s *Server) (*http.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.clients[s]; c != nil {
		return c, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("the server's authorities: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", s.CAFile)
		}
	}
	if s.CertFile != "" {
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
			return &pair, err
		}
	}
	c := &http.Client{
		Timeout:       answerTimeout,
		Transport:     &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: workers, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if a.clients == nil {
		a.clients = map[*Server]*http.Client{}
	}
	a.clients[s] = c
	return c, nil
}

// reasonIn takes from the error of an admin API what it says to people.
func reasonIn(body []byte) string {
	var flat struct {
		Description string          `json:"error_description"`
		Hint        string          `json:"error_hint"`
		Message     string          `json:"message"`
		Error       json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &flat) != nil {
		return "no reason given"
	}
	var nested struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}
	var code string
	_ = json.Unmarshal(flat.Error, &nested)
	_ = json.Unmarshal(flat.Error, &code)
	for _, text := range []string{flat.Description, flat.Hint, nested.Reason, nested.Message, flat.Message, code} {
		if text != "" {
			return cut(text)
		}
	}
	return "no reason given"
}

// cut bounds what a server says: it ends up in statuses and events.
func cut(text string) string {
	const most = 600
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
