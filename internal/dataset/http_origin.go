package dataset

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Server is the Origin that a running server is, by its admin API.
type Server struct {
	// Endpoint is the admin API's address, without a slash at the end.
	Endpoint string
	// Key is an admin key; empty where the server asks for none, or knows the client by its certificate.
	Key secret.String
	// Client must follow no redirect, and have no limit of time for a whole answer: an export takes as long as it takes.
	Client *http.Client
}

// askLimit is how long anything but an export may take. Freezing waits for other servers, and for writes that had begun.
const askLimit = time.Minute

// answerLimit bounds what is read of an answer that is no export.
const answerLimit = 1 << 20

// Overview implements Origin.
func (s *Server) Overview(ctx context.Context) (o Overview, err error) {
	err = s.ask(ctx, http.MethodGet, route, nil, &o)
	if err == nil && o.ID == "" {
		err = errors.New("the server answered something that is not this API's: is the address its admin API?")
	}
	return o, err
}

// Freeze implements Origin.
func (s *Server) Freeze(ctx context.Context, why string) error {
	return s.ask(ctx, http.MethodPost, routeFreeze, freezeBody{Why: why}, nil)
}

// Thaw implements Origin.
func (s *Server) Thaw(ctx context.Context) error {
	return s.ask(ctx, http.MethodDelete, routeFreeze, nil, nil)
}

// Read implements Origin.
func (s *Server) Read(ctx context.Context, fn func(ctx context.Context, src Source) error) error {
	resp, err := s.send(ctx, http.MethodGet, routeExport, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	src, err := NewReader(resp.Body)
	if err != nil {
		return err
	}
	return fn(ctx, src)
}

// Secrets gives the secrets that the server made for itself, as a configuration file. They are encrypted on their way, for a key that is
// made here and forgotten.
func (s *Server) Secrets(ctx context.Context) (secret.String, error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return "", err
	}
	var out secretsOut
	if err := s.ask(ctx, http.MethodPost, routeSecrets, secretsBody{Recipient: key.PublicKey().Bytes()}, &out); err != nil {
		return "", err
	}
	return openWith(key, out.Sealed)
}

func (s *Server) ask(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	resp, err := s.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil || out == nil {
		return err
	}
	if json.Unmarshal(answer, out) != nil {
		return errors.New("the server answered something that is not this API's: is the address its admin API?")
	}
	return nil
}

// send returns an answer that is 200, to be closed.
func (s *Server) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Endpoint+path, content)
	if err != nil {
		return nil, errors.New("the server's address cannot be read")
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key.Reveal())
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("ended before the server answered: %w", err)
		}
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, refused(resp)
}

// refused says what to do.
func refused(resp *http.Response) error {
	var told struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	content, _ := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	_ = json.Unmarshal(content, &told)
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the server answered %d: it wants another credential", resp.StatusCode)
	case resp.StatusCode == http.StatusNotFound:
		return errors.New("the server answered 404: this is not its admin API, or it is of an older version")
	case told.Error.Reason != "":
		return fmt.Errorf("the server answered %d: %q", resp.StatusCode, told.Error.Reason)
	default:
		return fmt.Errorf("the server answered %d", resp.StatusCode)
	}
}
