package session

import (
	"context"
	"sync/atomic"
	"time"
)

// Shown is a live session as the doors to applications see it. It is shared by all who ask, for as long as it is kept.
type Shown struct {
	// ID is the session's id.
	ID string
	// Expires is when it ends by itself.
	Expires time.Time
	// Document is what whoami answers. Nobody changes it.
	Document []byte
	// Seen keeps what a reader outside of this wing made of it: the doors, which see it in their own words.
	Seen atomic.Pointer[any]
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
	return k.shown()
}

// OpenCookie returns the token in the value of a session cookie, and false where it is none of ours.
func (h *Handler) OpenCookie(value string) (token string, ok bool) {
	c, ok := h.open(value)
	return c.token, ok
}
