package selfservice

import (
	"bytes"
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

var errOutdated = fault.New(fault.Unauthenticated, "session_inactive",
	"The account was changed while you signed in, and what you signed in with is no longer good. Sign in again.")

// stillGood takes a session away again whose credential was replaced or removed while the login was under way: it was stored after
// the account's sessions had ended, and who keeps on signing in with a stolen password would always have one that remains. It
// costs nothing where nobody has changed the identity meanwhile.
func (h *Handler) stillGood(ctx context.Context, in *Submission, who *Identified, s *session.Session) error {
	if h.SessionStore.Unchanged(ctx, in.moment, who.Identity.ID) {
		return nil
	}
	now, err := h.Identities.WithCredentials(ctx, who.Identity.ID)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	if err == nil && sameCredentials(who.Identity, now) {
		return nil
	}
	if err := h.SessionStore.Revoke(ctx, s.ID); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return errOutdated
}

// sameCredentials reports whether the credentials that came with who, those that were used, are those of now.
func sameCredentials(who, now *identity.Identity) bool {
	for kind, used := range who.Credentials {
		if c, ok := now.Credentials[kind]; !ok || !bytes.Equal(c.Config, used.Config) {
			return false
		}
	}
	return true
}
