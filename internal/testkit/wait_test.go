package testkit_test

import (
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// judged notes whether it failed, instead of failing.
type judged struct {
	testing.TB
	failed bool
}

func (j *judged) Errorf(string, ...any) { j.failed = true }

func TestWithin(t *testing.T) {
	for name, c := range map[string]struct {
		late   []bool // by round
		rounds int
		failed bool
	}{
		"in time":      {[]bool{false}, 1, false},
		"late once":    {[]bool{true, false}, 2, false},
		"late for all": {[]bool{true, true, true}, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			j, rounds := &judged{TB: t}, 0
			testkit.Within(j, 200*time.Millisecond, "something", func(round int) func() bool {
				if rounds++; !c.late[round] {
					return func() bool { return true }
				}
				w := testkit.NewStopwatch(t) // late by the measure of Within: what held the process up counts for neither
				return func() bool { return w.Elapsed() > 500*time.Millisecond }
			})
			if rounds != c.rounds || j.failed != c.failed {
				t.Errorf("after %d rounds it has failed: %v", rounds, j.failed)
			}
		})
	}
}

func TestStopwatch(t *testing.T) {
	begun := time.Now()
	w := testkit.NewStopwatch(t)
	for time.Since(begun) < 100*time.Millisecond {
		time.Sleep(time.Millisecond)
	}
	measured := w.Elapsed()
	if passed := time.Since(begun); measured > passed || measured <= 0 {
		t.Errorf("%s were measured, %s passed", measured, passed)
	}
	w.Reset()
	if again := w.Elapsed(); again > measured+time.Since(begun) {
		t.Errorf("%s after the reset", again)
	}
	w.Stop()
}

func TestCPUTime(t *testing.T) {
	before, sum := testkit.CPUTime(t), 0
	testkit.Eventually(t, "computing costs time", func() bool {
		for i := range 1_000_000 {
			sum += i
		}
		return testkit.CPUTime(t) > before
	})
}
