package wait

import (
	"context"
	"time"
)

// For waits for a time, and reports whether it has passed: false says that ctx ended first. It does not wait for a time that is
// not positive, and then says whether ctx still goes on.
func For(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
