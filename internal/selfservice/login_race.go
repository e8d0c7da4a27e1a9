package selfservice

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

var errOutdated = fault.New(fault.Unauthenticated, "session_inactive",
	"The account was changed while you signed in, and what you signed in with is no longer good. Sign in again.")

// stillGood says errOutdated of a session that opens nothing, because the credential was replaced while the login was under way,
// or all sessions ended: who keeps on signing in with a stolen password would otherwise have one that remains, and applications
// be let in by it. The session opens nothing wherever it is shown; this is to tell the person, and to tell applications nothing.
// The session is kept for the request that comes next, which reads it anyway.
func (h *Handler) stillGood(ctx context.Context, s *session.Session, token string) error {
	_, err := h.SessionStore.ByToken(ctx, token)
	if !errors.Is(err, session.ErrNoSession) {
		return err
	}
	if err := h.SessionStore.Revoke(ctx, s.ID); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return errOutdated
}
