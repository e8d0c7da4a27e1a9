package backup

import (
	"testing"
	"time"
)

func TestCron(t *testing.T) {
	for _, c := range []struct{ schedule, at, want string }{
		{"* * * * *", "2026-03-01 12:34", "2026-03-01 12:34"},
		{"17 3 * * *", "2026-03-01 12:34", "2026-03-01 03:17"},
		{"17 3 * * *", "2026-03-01 03:17", "2026-03-01 03:17"},
		{"17 3 * * *", "2026-03-01 03:16", "2026-02-28 03:17"},
		{"*/15 * * * *", "2026-03-01 12:34", "2026-03-01 12:30"},
		{"5/20 8-17 * * 1-5", "2026-03-01 12:34", "2026-02-27 17:45"}, // a Sunday
		{"0 0 * * 7", "2026-03-04 00:00", "2026-03-01 00:00"},
		{"0 0 * * 0", "2026-03-04 00:00", "2026-03-01 00:00"},
		{"0 0 13 * 5", "2026-03-12 00:00", "2026-03-06 00:00"}, // the 13th or a Friday
		{"0 0 29 2 *", "2026-03-01 12:34", "2024-02-29 00:00"},
		{"59 23 31 12 *", "2026-03-01 00:00", "2025-12-31 23:59"},
		{"0,30 1,2 1,15 * *", "2026-03-14 00:00", "2026-03-01 02:30"},
	} {
		parsed, err := parseCron(c.schedule)
		if err != nil {
			t.Errorf("%s: %v", c.schedule, err)
			continue
		}
		at, err := time.Parse("2006-01-02 15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.last(at.Add(59 * time.Second)).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("%s before %s is %s, not %s", c.schedule, c.at, got, c.want)
		}
	}
	for _, bad := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "+5 * * * *", "a * * * *", "1,, * * * *", "* * 31 2 *"} {
		if _, err := parseCron(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("*/15 0-5,7 1,2 * 1-5/2")
	at := time.Date(2026, 3, 1, 12, 34, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCron(text)
		if err != nil {
			return
		}
		if got := c.last(at); got.IsZero() || got.After(at) || !c.last(got).Equal(got) {
			t.Errorf("%q: %s", text, got)
		}
	})
}
