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
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	endpointVariable = "GATEHOUSE_ENDPOINT"
	adminKeyVariable = "GATEHOUSE_ADMIN_KEY"
	defaultEndpoint  = "http://127.0.0.1:4445"
	// answerLimit bounds what a wrong endpoint can make this program read.
	answerLimit = 32 << 20
)

// api is a running server's HTTP API as the command line sees it.
type api struct {
	endpoint string
	key      string
	http     *http.Client
}

// addEndpointFlag gives a command the address of the admin API. The key has no flag: process arguments are readable by
// every user of the machine.
func addEndpointFlag(cmd *cobra.Command) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		endpoint = defaultEndpoint
	}
	cmd.PersistentFlags().StringP("endpoint", "e", endpoint, "address of the admin API; also "+endpointVariable+". A key for it is read from "+adminKeyVariable)
}

func newAPI(cmd *cobra.Command) (*api, error) {
	endpoint, err := cmd.Flags().GetString("endpoint")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usageError{fmt.Errorf("--endpoint %q: give an address such as %s", endpoint, defaultEndpoint), cmd.CommandPath()}
	}
	return &api{
		endpoint: strings.TrimSuffix(endpoint, "/"),
		key:      os.Getenv(adminKeyVariable),
		http:     &http.Client{Timeout: 30 * time.Second},
	}, nil
}

// document is a JSON object as the server sent it: the command line shows fields that it does not know, too.
type document = map[string]any

// send makes one call. body may be nil; out may be nil, *document, *[]document or any other JSON target.
func (a *api) send(ctx context.Context, method, path string, body, out any) (http.Header, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.endpoint+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return a.do(req, out)
}

func (a *api) form(ctx context.Context, path string, form url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = a.do(req, out)
	return err
}

func (a *api) do(req *http.Request, out any) (http.Header, error) {
	req.Header.Set("Accept", "application/json")
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w\nIs the server running? Start it with `gatehouse serve`, or name another with --endpoint", unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, answeredNo(resp, body)
	}
	if out == nil || len(body) == 0 {
		return resp.Header, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("%s answered something that is not this API's JSON (%w): is that the admin API's address?", a.endpoint, err)
	}
	return resp.Header, nil
}

// unwrapURL leaves out the method and the address: an address may carry a token in its query.
func unwrapURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// answeredNo turns an error answer into a sentence. Both shapes of error are understood.
func answeredNo(resp *http.Response, body []byte) error {
	var flat struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	message := ""
	if json.Unmarshal(body, &flat) == nil {
		message = strings.Trim(string(flat.Error), `"`)
		if flat.Description != "" {
			message += ": " + flat.Description
		}
	}
	hint := ""
	if resp.StatusCode == http.StatusUnauthorized && resp.Request.Header.Get("Authorization") == "" {
		hint = "\nThis admin API asks for a key: put it into the environment as " + adminKeyVariable
	}
	if message == "" {
		message = "no further explanation"
	}
	return fmt.Errorf("the server answered HTTP %d: %s%s", resp.StatusCode, message, hint)
}

// nextPage reads the path of the next page from a Link header (RFC 8288), or "".
func nextPage(h http.Header) string {
	for link := range strings.SplitSeq(h.Get("Link"), ",") {
		target, params, ok := strings.Cut(link, ";")
		if !ok || !strings.Contains(params, `rel="next"`) {
			continue
		}
		u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>"))
		if err != nil {
			return ""
		}
		return u.RawQuery
	}
	return ""
}
