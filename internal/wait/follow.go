package wait

import (
	"context"
	"time"
)

// followAgain is the pause after a reading that failed.
const followAgain = time.Second

// Follow reads now, and again whenever wake says that there is something new, until ctx ends, whose error it returns. A reading that
// fails is repeated a second later: what was known still counts meanwhile.
func Follow(ctx context.Context, wake <-chan struct{}, read func(ctx context.Context) error) error {
	for {
		if err := read(ctx); err != nil {
			if !For(ctx, followAgain) {
				return ctx.Err()
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
}
