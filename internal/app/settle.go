package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// collectLess lets the heap grow to five times what is live before it is collected, where the operator's GOGC does not say
// otherwise. A request's garbage is small and what is live is a few megabytes, so the default would collect dozens of
// times a second under load to save some tens of megabytes. While the server starts, the default holds: starting makes
// several times as much garbage as it keeps, and what is kept would lie scattered in it.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// ballast counts as live and is never touched, so it takes no memory: with it a server of a few megabytes fills some 80 more before
// the heap is collected. A collection takes a core for about ten milliseconds, and whoever asks meanwhile waits for one: one and
// a half of them a second reach into the slowest hundredth of all answers, one in two seconds does not.
func ballast() []byte {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return make([]byte, 16<<20)
}

// settleAfter is how long the start lasts once there are keys to sign with. The ones that come next are made meanwhile, and
// the first sweep ends.
const settleAfter = 3 * time.Second

// settle ends the start: it gives back what only starting needed, which is more than serving does.
func (a *App) settle(ctx context.Context) error {
	if present := a.tenants.List().Present(); len(present) > 0 {
		_ = a.features.keys.Ensure(tenant.With(ctx, present[0])) // it waits for the keys' own task, which tells what fails
	}
	if !wait.For(ctx, settleAfter) {
		return ctx.Err()
	}
	runtime.GC() // empties the pools, and what was in them is garbage the next time
	debug.FreeOSMemory()
	if err := unmapProgram(); err != nil {
		a.log.DebugContext(ctx, "what starting read of the program stays mapped", "error", err)
	}
	return nil
}
