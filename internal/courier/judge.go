package courier

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// maxReason is how much of the reason for a failure is kept, in characters.
const maxReason = 500

// judge decides what becomes of a message after an attempt.
func (c *Courier) judge(m *record, err error) end {
	if err == nil {
		return end{status: Sent}
	}
	e := end{status: Abandoned, reason: m.harmless(err.Error())}
	_, hopeless := errors.AsType[*permanent](err)
	if hopeless || m.tries() > c.config.MessageRetries {
		return e
	}
	pause := jitter(backOff(c.config.Retry, m.tries()))
	if l, ok := errors.AsType[*later](err); ok {
		pause = max(pause, min(l.after, c.config.Retry.Max))
	}
	e.status, e.due = Queued, c.now().Add(pause)
	return e
}

var anyAddress = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)

// harmless makes the words of an error fit for logs: servers like to repeat whom they refuse, and templates what they could
// not work with.
func (r *record) harmless(text string) string {
	text = strings.ReplaceAll(text, r.Recipient, "[recipient]")
	if r.Document != nil {
		text = without(text, r.Document.Data)
	}
	return truncate(maxReason, anyAddress.ReplaceAllLiteralString(text, "[address]"))
}

// leastWord is the length from which a text of a template's data is taken out of errors. Shorter ones tell nothing, and
// would turn up everywhere.
const leastWord = 4

// without takes every text that is part of data out of an error.
func without(text string, data any) string {
	switch v := data.(type) {
	case string:
		if len(v) >= leastWord {
			return strings.ReplaceAll(text, v, "[data]")
		}
	case map[string]any:
		for _, one := range v {
			text = without(text, one)
		}
	case []any:
		for _, one := range v {
			text = without(text, one)
		}
	}
	return text
}

// backOff gives the pause after the attempt of that number: four times as long each time.
func backOff(r RetryConfig, attempt int) time.Duration {
	d := r.Min
	for range attempt - 1 {
		if d >= r.Max/4 {
			return r.Max
		}
		d *= 4
	}
	return min(d, r.Max)
}

// jitter gives a quarter more or less.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
