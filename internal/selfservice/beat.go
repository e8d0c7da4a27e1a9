package selfservice

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// beat is the grid of answers that must not tell by their time. The work takes a few milliseconds; where a busy database makes
// it longer than a beat, the answer comes at the next one.
const beat = 100 * time.Millisecond

// napping is the end of a wait that the kernel keeps. The timers of an idle process go off up to a millisecond late, and how
// late depends on the fraction of a millisecond at which they were set: which is what the answer must not tell.
const napping = 3 * time.Millisecond

// OnBeat has the answer to this submission come on a beat, where the flow goes on or has hidden something: so that how long it
// took tells nobody whether the identifier or address that was typed is somebody's.
func (f *Flow) OnBeat() { f.even = true }

// keepBeat waits until a whole number of beats has passed since the submission came, once, where the flow asked for it.
func (h *Handler) keepBeat(ctx context.Context, f *Flow) {
	if !f.even {
		return
	}
	f.even = false
	now := h.Now()
	rest := beat - max(now.Sub(f.began), 0)%beat
	due := now.Add(rest)
	if wait.For(ctx, rest-napping) {
		nap(min(due.Sub(h.Now()), napping))
		wait.For(ctx, min(due.Sub(h.Now()), napping)) // where a nap is shorter, or the clock is not the kernel's
	}
}
