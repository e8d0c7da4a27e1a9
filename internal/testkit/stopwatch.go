package testkit

import (
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	tick = 5 * time.Millisecond
	// slack is how much later than asked for a tick may be without the process having been held up.
	slack = 5 * time.Millisecond
)

// Stopwatch measures how long something takes, without the time in which the process was held up: a goroutine that sleeps
// for some milliseconds at a time notes by how much it overslept. On a machine with nothing else to do it is an ordinary
// stopwatch.
type Stopwatch struct {
	stop func()

	mu     sync.Mutex
	begun  time.Time
	ticked time.Time
	lost   time.Duration
}

// NewStopwatch starts a stopwatch. It stops with the test, if not before.
func NewStopwatch(t testing.TB) *Stopwatch {
	t.Helper()
	now := time.Now()
	w := &Stopwatch{begun: now, ticked: now}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(tick):
				w.note()
			}
		}
	}()
	w.stop = sync.OnceFunc(func() { close(end); <-ended })
	t.Cleanup(w.stop)
	return w
}

// note takes account of the time since the last tick.
func (w *Stopwatch) note() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.lost += max(0, now.Sub(w.ticked)-tick-slack)
	w.ticked = now
}

// Reset starts the stopwatch anew.
func (w *Stopwatch) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.begun, w.ticked, w.lost = now, now, 0
}

// Elapsed is the time since the start in which the process was not held up.
func (w *Stopwatch) Elapsed() time.Duration {
	w.note()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ticked.Sub(w.begun) - w.lost
}

// Stop ends the measuring.
func (w *Stopwatch) Stop() { w.stop() }

// CPUTime is how long processors have worked for this process. It bounds what computing costs; the time on the clock depends on
// what else the machine does.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
