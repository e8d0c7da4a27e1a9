package dataset

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Server is the Origin that a running server is, by its admin API.
type Server struct {
	// API is its admin listener. What reaches it must have no limit of time for a whole answer: an export takes as long as it takes.
	API *apiclient.Server
}

// askLimit is how long anything but an export may take. Freezing waits for other servers, and for writes that had begun.
const askLimit = time.Minute

var errForeign = errors.New("the server answered something that is not this API's: is the address its admin API?")

// Overview implements Origin.
func (s *Server) Overview(ctx context.Context) (o Overview, err error) {
	err = s.ask(ctx, http.MethodGet, route, nil, &o)
	if err == nil && o.ID == "" {
		err = errForeign
	}
	return o, err
}

// Freeze implements Origin.
func (s *Server) Freeze(ctx context.Context, why string) (state State, err error) {
	return state, s.ask(ctx, http.MethodPost, routeFreeze, freezeBody{Why: why}, &state)
}

// Thaw implements Origin.
func (s *Server) Thaw(ctx context.Context) error {
	return s.ask(ctx, http.MethodDelete, routeFreeze, nil, nil)
}

// Read implements Origin.
func (s *Server) Read(ctx context.Context, fn func(ctx context.Context, src Source) error) error {
	resp, err := s.API.Open(ctx, apiclient.Call{Method: http.MethodGet, Path: routeExport})
	if err != nil {
		return advised(ctx, err)
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

func (s *Server) ask(ctx context.Context, method, path string, in, out any) error {
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, err := s.API.Do(limited, apiclient.Call{Method: method, Path: path, Body: in}, out)
	return advised(ctx, err)
}

// advised says what to do about an error of a call.
func advised(ctx context.Context, err error) error {
	no, refused := errors.AsType[*apiclient.Refusal](err)
	_, unreached := errors.AsType[*apiclient.Unreached](err)
	switch {
	case errors.Is(err, apiclient.ErrForeign):
		return errForeign
	case unreached && errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("ended before the server answered: %w", err)
	case !refused:
		return err
	case no.Status == http.StatusUnauthorized || no.Status == http.StatusForbidden:
		return fmt.Errorf("the server answered %d: it wants another credential", no.Status)
	case no.Status == http.StatusNotFound:
		return errors.New("the server answered 404: this is not its admin API, or it is of an older version")
	case no.Reason != "":
		return fmt.Errorf("the server answered %d: %q", no.Status, no.Reason)
	default:
		return fmt.Errorf("the server answered %d", no.Status)
	}
}
