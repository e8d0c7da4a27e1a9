package password

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the lists of stolen passwords are of SHA-1; nothing is protected by it here
	"encoding/hex"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// ErrUncheckable says that nobody could be asked whether a password was stolen, and that the configuration insists on it.
var ErrUncheckable = fault.New(fault.Unavailable, "password_check_unavailable",
	"The password could not be checked against lists of stolen ones just now. Try again in a moment.")

// Breaches knows how often passwords were found in data that was stolen elsewhere. Make it with NewBreaches; a nil *Breaches
// knows of none.
type Breaches struct {
	c     PolicyConfig
	list  *list
	fetch func(ctx context.Context, url string) ([]byte, error)
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	pause time.Duration // how long the service was left alone last
	until time.Time     // when it is asked again
}

// BreachOptions are what Breaches needs.
type BreachOptions struct {
	// Config says what is asked.
	Config PolicyConfig
	// Fetch reads what an https URL answers. It bounds time and size by itself.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Now is the clock.
	Now func() time.Time
	// Log hears that the service cannot be reached; nil hears nothing.
	Log *slog.Logger
}

// How long the service is left alone after it could not be reached.
const (
	firstPause   = 30 * time.Second
	longestPause = 10 * time.Minute
)

// NewBreaches reads the list of the configuration.
func NewBreaches(o BreachOptions) (*Breaches, error) {
	b := &Breaches{c: o.Config, fetch: o.Fetch, now: o.Now, log: o.Log}
	if o.Config.BreachedPasswordsFile != "" {
		var err error
		if b.list, err = openList(o.Config.BreachedPasswordsFile); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Close gives the list's file back.
func (b *Breaches) Close() {
	if b != nil && b.list != nil {
		b.list.close()
	}
}

// Count returns how often the password was found; ErrUncheckable when that cannot be said and has to be.
func (b *Breaches) Count(ctx context.Context, password string) (int64, error) {
	if b == nil {
		return 0, nil
	}
	sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	if b.list != nil {
		n, err := b.list.count(password, digest)
		if err != nil || n > int64(b.c.MaxBreaches) {
			return n, err
		}
	}
	if !b.c.HaveIBeenPwnedEnabled || b.fetch == nil || b.resting() {
		return 0, nil
	}
	return b.ask(ctx, digest)
}

// prefixLength is how many hexadecimal digits the service is told.
const prefixLength = 5

// ask asks the service.
func (b *Breaches) ask(ctx context.Context, digest string) (int64, error) {
	bounded, cancel := context.WithTimeout(ctx, b.c.HaveIBeenPwnedTimeout)
	defer cancel()
	answer, err := b.fetch(bounded, "https://"+b.c.HaveIBeenPwnedHost+"/range/"+digest[:prefixLength])
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	b.note(ctx, err)
	switch {
	case err == nil:
		return countIn(answer, digest[prefixLength:]), nil
	case b.c.IgnoreNetworkErrors:
		return 0, nil
	default:
		return 0, ErrUncheckable.Because(err)
	}
}

// resting reports whether the service is left alone because it could not be reached.
func (b *Breaches) resting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.c.IgnoreNetworkErrors && b.now().Before(b.until)
}

// note remembers how asking went: people should not wait for a service that is not there, each of them anew.
func (b *Breaches) note(ctx context.Context, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.pause = 0
		return
	}
	if b.pause == 0 && b.log != nil {
		b.log.WarnContext(ctx, "the service that knows stolen passwords cannot be reached", "host", b.c.HaveIBeenPwnedHost,
			"passwords_taken", b.c.IgnoreNetworkErrors, "error", err)
	}
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	b.until = b.now().Add(b.pause)
}

// countIn finds a digest in lines of its end, a colon and a count. What is not of this form is passed over: an answer
// that is not the service's says of no password that it was stolen.
func countIn(answer []byte, end string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(answer))
	for lines.Scan() {
		digest, count, found := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !found || !strings.EqualFold(digest, end) {
			continue
		}
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return 0
}
