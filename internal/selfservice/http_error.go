package selfservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// errorLifespan is how long an error waits for its page.
const errorLifespan = time.Hour

// FlowError is an error that waits for the error page.
type FlowError struct {
	ID string `json:"id"`
	// Error is the error object as scripts get it: code, status, id, reason, message.
	Error     json.RawMessage `json:"error"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// keepError stores what may be said about an error and returns its id.
func (h *Handler) keepError(ctx context.Context, e *fault.Error, request string) (string, error) {
	status := e.Kind.Status()
	raw, err := json.Marshal(refusalError{
		ID: e.Code, Code: status, Status: http.StatusText(status), Request: request, Reason: e.Message, Message: e.Message,
		Details: e.Details,
	})
	if err != nil {
		return "", err
	}
	now := h.Now()
	f := &Flow{ID: secret.NewID(), Kind: KindError, IssuedAt: now, ExpiresAt: now.Add(errorLifespan), Error: raw}
	return f.ID, h.Store.Insert(ctx, f)
}

// ShowError returns an error for the error page.
func (h *Handler) ShowError(ctx context.Context, id string) (*FlowError, error) {
	if code, ok := strings.CutPrefix(id, "stub:"); ok {
		return stub(code), nil
	}
	if wait, ok := strings.CutPrefix(id, limitedPrefix); ok {
		return limited(wait)
	}
	f, err := h.Store.Get(ctx, KindError, id)
	if errors.Is(err, ErrNoFlow) || err == nil && !h.Now().Before(f.ExpiresAt) {
		return nil, errNoError
	}
	if err != nil {
		return nil, err
	}
	return &FlowError{ID: f.ID, Error: f.Error, CreatedAt: f.IssuedAt, UpdatedAt: f.IssuedAt}, nil
}

// stub is an error to try an error page with: ?id=stub:500.
func stub(code string) *FlowError {
	status := http.StatusInternalServerError
	if code == "404" {
		status = http.StatusNotFound
	}
	return &FlowError{ID: "00000000-0000-0000-0000-000000000000", Error: fmt.Appendf(nil,
		`{"code":%d,"status":%q,"reason":"This is a stub error.","message":"This is a stub error."}`, status, http.StatusText(status))}
}

// limitedPrefix begins the ids of errors that are kept nowhere: somebody asked too often, and has to wait for so many seconds.
const limitedPrefix = "wait:"

func limited(wait string) (*FlowError, error) {
	n, err := strconv.Atoi(wait)
	if err != nil || n < 0 || n > int((24*time.Hour).Seconds()) {
		return nil, errNoError
	}
	const status = http.StatusTooManyRequests
	raw, err := json.Marshal(refusalError{
		ID: "too_many_requests", Code: status, Status: http.StatusText(status),
		Reason:  ui.TooManyAttempts(time.Duration(n) * time.Second).Text,
		Message: "Too many requests were sent in a short time", Details: map[string]any{"retry_after": n},
	})
	return &FlowError{ID: limitedPrefix + wait, Error: raw}, err
}

func (h *Handler) errorShow(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	e, err := h.ShowError(r.Context(), r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, e)
}
