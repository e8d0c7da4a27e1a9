package session

import (
	"context"
	"time"
)

// Shown is a live session as the doors to applications see it.
type Shown struct {
	// ID is the session's id.
	ID string
	// Expires is when it ends by itself.
	Expires time.Time
	// Document is what whoami answers. Nobody changes it.
	Document []byte
}

// Show returns the live session of a token, with no statement where it is kept. ErrNoSession where there is none, and ErrAAL
// where whoami would ask for a second factor.
func (h *Handler) Show(ctx context.Context, token string) (*Shown, error) {
	k, err := h.Store.keptByToken(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := h.Satisfied(ctx, k.session, h.Config.Whoami.RequiredAAL); err != nil {
		return nil, err
	}
	document, err := k.document()
	if err != nil {
		return nil, err
	}
	return &Shown{ID: k.session.ID, Expires: k.session.ExpiresAt, Document: document}, nil
}

// OpenCookie returns the token in the value of a session cookie, and false where it is none of ours.
func (h *Handler) OpenCookie(value string) (token string, ok bool) {
	c, ok := h.open(value)
	return c.token, ok
}
