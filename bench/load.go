package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A job is one unit of a workload (a request, or a whole flow), done by one worker with a connection of its own.
type job func(ctx context.Context) error

// result is what one measurement saw.
type result struct {
	PerSecond float64
	P50, P99  time.Duration
	Done      int64
	Errors    int64
	// FirstError is kept so that a failing run says what went wrong and not only that it did.
	FirstError error
}

const histogramMax = int64(time.Minute / time.Microsecond)

// tally collects the latencies of one worker; workers do not share a histogram, so they do not wait for each other.
type tally struct {
	latencies *hdrhistogram.Histogram
	errors    int64
	first     error
}

func newTally() *tally { return &tally{latencies: hdrhistogram.New(1, histogramMax, 3)} }

func (t *tally) record(took time.Duration, err error) {
	if err != nil {
		t.errors++
		if t.first == nil {
			t.first = err
		}
		return
	}
	// A value beyond the range is kept as the range's end: dropping it would flatter the tail.
	_ = t.latencies.RecordValue(min(max(took.Microseconds(), 1), histogramMax))
}

func merge(tallies []*tally, elapsed time.Duration) result {
	all := hdrhistogram.New(1, histogramMax, 3)
	var r result
	for _, t := range tallies {
		all.Merge(t.latencies)
		r.Errors += t.errors
		if r.FirstError == nil {
			r.FirstError = t.first
		}
	}
	r.Done = all.TotalCount()
	r.PerSecond = float64(r.Done) / elapsed.Seconds()
	r.P50 = time.Duration(all.ValueAtQuantile(50)) * time.Microsecond
	r.P99 = time.Duration(all.ValueAtQuantile(99)) * time.Microsecond
	return r
}

// closedLoop keeps every worker busy for the given time: the rate that comes out is the full load.
func closedLoop(ctx context.Context, jobs []job, d time.Duration) result {
	tallies := make([]*tally, len(jobs))
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(d)
	for i, do := range jobs {
		tallies[i] = newTally()
		wg.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if !began.Before(end) {
					return
				}
				err := do(ctx)
				tallies[i].record(time.Since(began), err)
			}
		})
	}
	wg.Wait()
	return merge(tallies, time.Since(start))
}

// openLoop sends at a fixed rate whatever the server does, and measures each request from the moment it was due: where every
// worker was busy then, the wait for one is the server's doing and counts. A worker that had been free and was woken late by
// its own timer (on two shared cores up to some milliseconds) measures from when it sent: no client would have waited for that.
func openLoop(ctx context.Context, jobs []job, perSecond float64, d time.Duration) result {
	tallies := make([]*tally, len(jobs))
	interval := time.Duration(float64(time.Second) / perSecond)
	total := int64(d / interval)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for i, do := range jobs {
		tallies[i] = newTally()
		wg.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= total {
					return
				}
				due := start.Add(time.Duration(n) * interval)
				if wait := time.Until(due); wait > 0 {
					time.Sleep(wait)
					due = time.Now()
				}
				err := do(ctx)
				tallies[i].record(time.Since(due), err)
			}
		})
	}
	wg.Wait()
	return merge(tallies, time.Since(start))
}

// check turns a measurement with too many errors into one: a fast stream of failures is no throughput.
func (r result) check(name string) error {
	if r.Done == 0 {
		return fmt.Errorf("%s: nothing succeeded: %w", name, errors.Join(r.FirstError, errors.New("no request was answered")))
	}
	if r.Errors*1000 > r.Done {
		return fmt.Errorf("%s: %d of %d failed, first: %w", name, r.Errors, r.Errors+r.Done, r.FirstError)
	}
	return nil
}
