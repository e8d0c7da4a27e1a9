//go:build !linux

package selfservice

import "time"

// nap sleeps as exactly as the runtime can.
func nap(d time.Duration) { time.Sleep(d) }
