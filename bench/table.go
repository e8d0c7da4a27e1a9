package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func table(ctx context.Context, o options, t targets, conns int) error {
	yardstick := workload{name: "bare net/http handler", prepare: bare}
	base, err := o.full(ctx, yardstick, t.bare, conns)
	if err != nil {
		return err
	}
	rows, err := commits(ctx, t.usual.database, conns, o.duration)
	if err != nil {
		return err
	}
	single := measured{result: rows}
	fmt.Printf("\n%s, %d connections, %s each\n\n", t.usual.database.name, conns, o.duration)
	fmt.Println("| workload | per second | p50 | p99 | p99 at half load | bare handler's at that rate | errors | statements each | server CPU each | of bare handler | of single-row commits |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	beside := yardsticks{bare: t.bare, base: base, single: single}
	beside.row(yardstick.name, base, nil)
	beside.row("single-row commits", single, nil)
	for _, w := range workloads {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		if err := o.line(ctx, w, t.of(w), conns, beside); err != nil {
			return err
		}
	}
	// At the end, and at half load too: what the machine and the generator give without a server of ours.
	yardstick.name += ", once more"
	return o.line(ctx, yardstick, t.bare, conns, beside)
}

// yardsticks are what rows are held against.
type yardsticks struct {
	bare         *target
	base, single measured // the bare handler and single-row commits, at full load
}

// of is the server on which a workload runs.
func (t targets) of(w workload) *target {
	switch {
	case w.cheap:
		return t.cheap
	case w.rules > 0:
		return t.open[w.rules]
	default:
		return t.usual
	}
}

// line measures a workload at full and at half load, and the bare handler at the same rate, and prints its row.
func (o options) line(ctx context.Context, w workload, t *target, conns int, beside yardsticks) error {
	full, err := o.full(ctx, w, t, conns)
	if err != nil {
		return err
	}
	jobs, err := w.prepare(ctx, t, conns)
	if err != nil {
		return err
	}
	nothing, err := bare(ctx, beside.bare, conns)
	if err != nil {
		return err
	}
	half, err := halfLoad(ctx, w.name, jobs, nothing, o.duration)
	if err != nil {
		return err
	}
	beside.row(w.name, full, &half)
	return nil
}

// tails are the p99 at a rate, of a workload and of the bare handler.
type tails struct{ ours, bare time.Duration }

// halfLoad measures a workload at half of its full load, and the bare handler at the same rate: medians of five rounds. A hundredth is a
// matter of milliseconds, which is the time that the kernel lets one process wait for another on a shared core, so one measurement
// can be twice as long as the next; and where others use the machine, what is full load changes by half from one second to another.
// So each round finds out anew what it is, and measures both right behind that.
func halfLoad(ctx context.Context, name string, jobs, nothing []job, d time.Duration) (tails, error) {
	const rounds = 5
	ours, theirs := make([]time.Duration, rounds), make([]time.Duration, rounds)
	for i := range rounds {
		full := closedLoop(ctx, jobs, d/5)
		if err := full.check(name); err != nil {
			return tails{}, err
		}
		half := openLoop(ctx, jobs, full.PerSecond/2, d)
		yardstick := openLoop(ctx, nothing, full.PerSecond/2, d)
		if err := cmp.Or(half.check(name+" at half load"), yardstick.check("the bare handler at half the load of "+name)); err != nil {
			return tails{}, err
		}
		ours[i], theirs[i] = half.P99, yardstick.P99
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	return tails{ours[rounds/2], theirs[rounds/2]}, nil
}

// full warms a workload up and measures it with every connection busy.
func (o options) full(ctx context.Context, w workload, t *target, conns int) (measured, error) {
	jobs, err := w.prepare(ctx, t, conns)
	if err != nil {
		return measured{}, fmt.Errorf("%s: %w", w.name, err)
	}
	closedLoop(ctx, jobs, o.warmup)
	if err := t.database.settle(ctx); err != nil {
		return measured{}, err
	}
	before, err := t.usage()
	if err != nil {
		return measured{}, err
	}
	r := closedLoop(ctx, jobs, o.duration)
	after, err := t.usage()
	if err != nil {
		return measured{}, err
	}
	return measured{r, after.minus(before)}, cmp.Or(ctx.Err(), r.check(w.name))
}

// measured is a result with what it took.
type measured struct {
	result
	usage
}

func (y yardsticks) row(name string, r measured, half *tails) {
	statements, processor, ours, theirs := "", "", "", ""
	if r.statements > 0 || half != nil {
		statements = fmt.Sprintf("%.2f", r.statements/float64(r.Done))
	}
	if half != nil {
		ours, theirs = half.ours.Round(10*time.Microsecond).String(), half.bare.Round(10*time.Microsecond).String()
	}
	if r.processor > 0 {
		processor = fmt.Sprintf("%d µs", (r.processor / time.Duration(r.Done)).Microseconds())
	}
	fmt.Printf("| %s | %.0f | %s | %s | %s | %s | %d | %s | %s | %.1f %% | %.2f× |\n", name, r.PerSecond,
		r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond), ours, theirs, r.Errors, statements, processor,
		100*r.PerSecond/y.base.PerSecond, r.PerSecond/y.single.PerSecond)
}
