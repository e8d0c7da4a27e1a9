package selfservice

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/limit"
)

// remind sends another verification to the addresses of somebody whose credential is right but waits for it. Who typed it is told
// nothing: they may have registered another person's address to find out whether it was free. It returns err, or its own.
func (h *Handler) remind(ctx context.Context, f *Flow, in *Submission, err error) error {
	var u *Unproven
	if !errors.As(err, &u) {
		return err
	}
	w := Writes{}
	for _, a := range u.Who.VerifiableAddresses {
		next, _, made := h.verificationMade(ctx, f, u.Who, a, in)
		if errors.Is(made, ErrUnreachable) || next == nil && made == nil {
			continue
		}
		if made != nil {
			return made
		}
		// It is counted apart from what people ask to be sent: how much may still be sent to an address must not tell either.
		if h.Limits.Allow(ctx, string(KindLogin), limit.To+"unproven:"+a.Value) == nil {
			w.More = append(w.More, next)
		}
	}
	if len(w.More) > 0 {
		if failed := h.Store.Finish(ctx, w); failed != nil {
			return failed
		}
	}
	return u.Said
}
