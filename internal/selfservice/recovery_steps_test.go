package selfservice

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswersComeOnABeat(t *testing.T) {
	for _, tc := range []struct {
		even       bool
		work, want time.Duration
	}{
		{false, 30 * time.Millisecond, 30 * time.Millisecond},
		{true, 0, 100 * time.Millisecond},
		{true, 3 * time.Millisecond, 100 * time.Millisecond},
		{true, 99 * time.Millisecond, 100 * time.Millisecond},
		{true, 230 * time.Millisecond, 300 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &Handler{Now: time.Now}
			f := &Flow{began: h.Now()}
			if tc.even {
				f.OnBeat()
			}
			time.Sleep(tc.work)
			h.keepBeat(t.Context(), f)
			if took := h.Now().Sub(f.began); took != tc.want {
				t.Errorf("%v: the answer came after %s", tc, took)
			}
		})
	}
}
