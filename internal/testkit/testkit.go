package testkit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Context returns the test's context bound to the default tenant.
func Context(t testing.TB) context.Context {
	t.Helper()
	return tenant.With(t.Context(), tenant.Default)
}

// Ring returns a key ring of one known secret: equal in every test, so that what one sealed another opens.
func Ring(t testing.TB) *secret.Ring {
	t.Helper()
	ring, err := secret.NewRing([]secret.String{"a secret that tests alone may know"})
	if err != nil {
		t.Fatalf("testkit: key ring: %v", err)
	}
	return ring
}

// Clock is a time that moves only when it is told to. The zero Clock is ready; its Now is what packages take as their clock.
type Clock struct {
	mu    sync.Mutex
	moved time.Duration
}

// epoch is the time that a new Clock shows. It has microseconds, so that a store which loses them is noticed.
var epoch = time.Date(2026, time.March, 4, 5, 6, 7, 89_012_000, time.UTC)

// Now returns the time the clock shows, in UTC and whole microseconds as every clock of Gatehouse.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return epoch.Add(c.moved)
}

// Advance moves the clock by d, backwards when d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d.Truncate(time.Microsecond)
}

// Set makes the clock show now, cut to microseconds.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = now.UTC().Truncate(time.Microsecond).Sub(epoch)
}
