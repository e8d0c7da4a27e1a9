package backup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is when something is due: five fields, a bit for each value that fits.
type cron struct {
	minute, hour, day, month, weekday uint64
	// eitherDay says that day and weekday are both restricted: then one of them is enough, as cron has always had it.
	eitherDay bool
}

// parseCron reads minute, hour, day of the month, month and day of the week (0 or 7 is Sunday), each `*`, a number, a range, a list of
// these, or one of them with a step behind a slash.
func parseCron(text string) (c cron, err error) {
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return c, errors.New("must have five fields: minute, hour, day of the month, month, day of the week, such as 17 3 * * *")
	}
	for i, f := range []struct {
		to       *uint64
		name     string
		min, max int
	}{
		{&c.minute, "minute", 0, 59}, {&c.hour, "hour", 0, 23}, {&c.day, "day of the month", 1, 31}, {&c.month, "month", 1, 12}, {&c.weekday, "day of the week", 0, 7},
	} {
		for part := range strings.SplitSeq(fields[i], ",") {
			bits, err := cronPart(part, f.min, f.max)
			if err != nil {
				return c, fmt.Errorf("the %s %q: %w", f.name, part, err)
			}
			*f.to |= bits
		}
	}
	if c.weekday&(1<<7) != 0 {
		c.weekday |= 1
	}
	c.eitherDay = !strings.HasPrefix(fields[2], "*") && !strings.HasPrefix(fields[4], "*")
	if c.last(time.Date(2028, 12, 31, 23, 59, 0, 0, time.UTC)).IsZero() {
		return c, errors.New("there is no such day")
	}
	return c, nil
}

func cronPart(part string, low, high int) (bits uint64, err error) {
	span, step, stepped := strings.Cut(part, "/")
	every := 1
	if stepped {
		if every, err = cronNumber(step, 1, high); err != nil {
			return 0, err
		}
	}
	from, to := low, high
	if span != "*" {
		first, last, ranged := strings.Cut(span, "-")
		if from, err = cronNumber(first, low, high); err != nil {
			return 0, err
		}
		switch {
		case ranged:
			if to, err = cronNumber(last, from, high); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
	}
	for i := from; i <= to; i += every {
		bits |= 1 << i
	}
	return bits, nil
}

func cronNumber(text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || text[0] == '+' {
		return 0, fmt.Errorf("must be from %d to %d", low, high)
	}
	return n, nil
}

// cronBack is how far last looks back: a 29th of February comes every eight years at the least.
const cronBack = 9 * 366

// last gives the latest minute up to at for which the schedule holds; zero: there is none. All is UTC.
func (c cron) last(at time.Time) time.Time {
	at = at.UTC().Truncate(time.Minute)
	for range cronBack {
		if c.holds(at) {
			for hour := at.Hour(); hour >= 0; hour-- {
				for minute := at.Minute(); minute >= 0; minute-- {
					if c.hour&(1<<hour) != 0 && c.minute&(1<<minute) != 0 {
						return time.Date(at.Year(), at.Month(), at.Day(), hour, minute, 0, 0, time.UTC)
					}
				}
				at = time.Date(at.Year(), at.Month(), at.Day(), hour, 59, 0, 0, time.UTC)
			}
		}
		at = time.Date(at.Year(), at.Month(), at.Day()-1, 23, 59, 0, 0, time.UTC)
	}
	return time.Time{}
}

// holds tells whether the day fits.
func (c cron) holds(at time.Time) bool {
	day, weekday := c.day&(1<<at.Day()) != 0, c.weekday&(1<<int(at.Weekday())) != 0
	if c.month&(1<<int(at.Month())) == 0 {
		return false
	}
	if c.eitherDay {
		return day || weekday
	}
	return day && weekday
}
