package authn

import (
	"fmt"
	"time"
)

// CacheSettings say whether and how long answers are kept, never longer than the token is good.
type CacheSettings struct {
	// Enabled keeps answers. A token that is revoked meanwhile is accepted until then.
	Enabled bool `json:"enabled"`
	// TTL is the longest time. Default: until the token expires, a minute where it does not say.
	TTL string `json:"ttl"`
	// MaxCost and MaxTokens are Oathkeeper's bounds of its memory. Here one bound holds for all handlers together, which the
	// configuration sets.
	MaxCost   int `json:"max_cost"`
	MaxTokens int `json:"max_tokens"`
}

// keepUntold is how long an answer is kept that does not say when the token expires, where the settings do not either.
const keepUntold = time.Minute

func (c *CacheSettings) ttl() (time.Duration, error) {
	if c.TTL == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.TTL)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("cache.ttl: %q is no duration, such as 5s", c.TTL)
	}
	return d, nil
}

// life is how long something may be kept that expires then.
func life(ttl time.Duration, expires, now time.Time) time.Duration {
	switch {
	case expires.IsZero() && ttl == 0:
		return keepUntold
	case expires.IsZero():
		return ttl
	case ttl == 0:
		return expires.Sub(now)
	}
	return min(ttl, expires.Sub(now))
}
