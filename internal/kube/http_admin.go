package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

const (
	answerTimeout = 15 * time.Second
	maxAnswer     = 16 << 20 // a page of 500 clients with much metadata
	pageSize      = 500
	mostPages     = 2_000 // a million clients
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

	mu          sync.Mutex
	connections map[*Server]*connection
}

// get gives a client, or nil where there is none.
func (a *admin) get(ctx context.Context, p place, id string) (found *remote, err error) {
	var r remote
	switch err := a.call(ctx, p, http.MethodGet, "/"+url.PathEscape(id), nil, &r); {
	case err == nil:
		found = &r
	case apiclient.Status(err) != http.StatusNotFound:
		return nil, err
	}
	return found, nil
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

// rotateTo is rotate to a secret that somebody brought. Where the client has it already, the answer has none.
func (a *admin) rotateTo(ctx context.Context, p place, id, secret string) (*remote, error) {
	var made remote
	in := map[string]string{"client_secret": secret}
	return &made, a.call(ctx, p, http.MethodPost, "/"+url.PathEscape(id)+"/secrets/rotate", in, &made)
}

func (a *admin) endRotated(ctx context.Context, p place, id string) (*remote, error) {
	var made remote
	return &made, a.call(ctx, p, http.MethodDelete, "/"+url.PathEscape(id)+"/secrets/rotate", nil, &made)
}

// remove ends a client; one that is not there is no error.
func (a *admin) remove(ctx context.Context, p place, id string) error {
	err := a.call(ctx, p, http.MethodDelete, "/"+url.PathEscape(id), nil, nil)
	if apiclient.Status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// list gives all clients.
func (a *admin) list(ctx context.Context, p place, each func(remote)) error {
	return pages(ctx, a, p, url.Values{"page_size": {strconv.Itoa(pageSize)}}, each)
}

// pages gives what a query lists, page by page, as the server links them.
func pages[T any](ctx context.Context, a *admin, p place, query url.Values, each func(T)) error {
	for range mostPages {
		var page []T
		header, err := a.send(ctx, p, http.MethodGet, "?"+query.Encode(), nil, &page)
		if err != nil {
			return err
		}
		for _, one := range page {
			each(one)
		}
		next, err := apiclient.NextPage(header)
		if next == nil && err == nil {
			return nil
		}
		if err != nil || next.Encode() == query.Encode() {
			return fmt.Errorf("%s links to a next page that cannot be read", p)
		}
		query = next
	}
	return fmt.Errorf("%s has no end of pages", p)
}

func (a *admin) call(ctx context.Context, p place, method, below string, in, out any) error {
	_, err := a.send(ctx, p, method, below, in, out)
	return err
}

func (a *admin) send(ctx context.Context, p place, method, below string, in, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return a.exchange(ctx, p, apiclient.Call{Method: method, Path: below, Body: in}, out)
}

// exchange makes a call that takes no longer than the context.
func (a *admin) exchange(ctx context.Context, p place, call apiclient.Call, out any) (http.Header, error) {
	server, err := a.server(p)
	if err != nil {
		return nil, err
	}
	header, err := server.Do(ctx, call, out)
	if none, ok := errors.AsType[*apiclient.Unreached](err); ok {
		return nil, none.Err // the caller names the server
	}
	if no, ok := errors.AsType[*apiclient.Refusal](err); ok {
		no.Code, no.Message, no.Reason = cut(no.Code), cut(no.Message), cut(no.Reason)
	}
	return header, err
}

// server gives what reaches a place. The credential is read anew each time: it may have been replaced.
func (a *admin) server(p place) (*apiclient.Server, error) {
	client, err := a.client(p.server)
	if err != nil {
		return nil, err
	}
	s := &apiclient.Server{URL: p.String(), HTTP: client, Most: maxAnswer}
	if p.proto != "" {
		s.Header = http.Header{"X-Forwarded-Proto": {p.proto}}
	}
	if p.server.CredentialFile == "" {
		return s, nil
	}
	credential, err := os.ReadFile(p.server.CredentialFile)
	if err != nil {
		return nil, fmt.Errorf("--admin-key-file: %w", err)
	}
	if s.Key, err = secret.FirstLine(credential); err != nil {
		return nil, fmt.Errorf("--admin-key-file %s: %w", p.server.CredentialFile, err)
	}
	return s, nil
}

// cut makes one line of bounded length of what a server says: it ends up in statuses and events, which people read in terminals.
func cut(text string) string {
	const most = 300
	return spell.Short(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text), most)
}
