package wait_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

func TestFor(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		ctx  context.Context
		time time.Duration
		want bool
	}{
		{t.Context(), time.Microsecond, true}, {t.Context(), 0, true}, {t.Context(), -time.Hour, true},
		{ended, time.Hour, false}, {ended, 0, false},
	} {
		if got := wait.For(tc.ctx, tc.time); got != tc.want {
			t.Errorf("%s, %v: %v", tc.time, tc.ctx.Err(), got)
		}
	}
}

// Of many who ask at a time one calls, and nobody waits for longer than their own context.
// A reading that fails is repeated, and then one follows each word.
func TestFollow(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	wake, readings := make(chan struct{}), make(chan int)
	ended := make(chan error, 1)
	go func() {
		n := 0
		ended <- wait.Follow(ctx, wake, func(context.Context) error {
			n++
			readings <- n
			if n == 1 {
				return errors.New("not yet")
			}
			return nil
		})
	}()
	if first, second := <-readings, <-readings; first != 1 || second != 2 {
		t.Error(first, second)
	}
	wake <- struct{}{}
	if third := <-readings; third != 3 {
		t.Error(third)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFlight(t *testing.T) {
	var f wait.Flight[string]
	var calls atomic.Int64
	began, release := make(chan struct{}), make(chan struct{})
	call := func(ctx context.Context) (string, error) {
		if calls.Add(1) == 1 {
			close(began)
		}
		<-release
		return "answer", ctx.Err()
	}
	// Who began it gives up; the call goes on for the other.
	first, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if got, err := f.Do(first, "k", call); got != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %q, %v", got, err)
		}
	})
	<-began
	cancel()
	all.Wait()
	all.Go(func() {
		if got, err := f.Do(t.Context(), "k", call); got != "answer" || err != nil {
			t.Errorf("the second got %q, %v", got, err)
		}
	})
	if got, err := f.Do(t.Context(), "other", func(context.Context) (string, error) { return "its own", nil }); got != "its own" || err != nil {
		t.Errorf("another key got %q, %v", got, err)
	}
	close(release)
	all.Wait()
	failed := errors.New("failed")
	if got, err := f.Do(t.Context(), "k", func(context.Context) (string, error) { return "", failed }); got != "" || !errors.Is(err, failed) {
		t.Errorf("a call that fails: %q, %v", got, err)
	}
}

// A call that panics fails for who asked, and the process goes on. What was thrown is not told: it may be a secret.
func TestFlightPanics(t *testing.T) {
	var f wait.Flight[int]
	_, err := f.Do(t.Context(), "k", func(context.Context) (int, error) { panic("hush") })
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
	var list []int
	_, err = f.Do(t.Context(), "k", func(context.Context) (int, error) { return list[len(list)], nil })
	if _, ok := errors.AsType[runtime.Error](err); !ok {
		t.Errorf("got %v", err)
	}
}
