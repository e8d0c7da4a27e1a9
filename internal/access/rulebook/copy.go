package rulebook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// fallback is what was kept of a source, of which nothing is in force yet.
type fallback struct {
	rules []access.Rule
	read  time.Time
}

const (
	// copyTimeout bounds what the database may take to keep or give back what a source said.
	copyTimeout = 10 * time.Second
	// copyPause is how long it is left alone when it did not.
	copyPause = time.Minute
)

// copyName is the source's name among the copies: a digest, as a URL may hold a key.
func copyName(c source.Config) string {
	sum := sha256.Sum256([]byte(c.URL))
	return hex.EncodeToString(sum[:])
}

// lacks reports whether a source wants its copy: nothing of it was ever in force here, and what it says now, if anything, cannot
// be. Whoever calls holds the source's reading lock.
func (b *Book) lacks(s *tracked) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	wrong := s.wrong != nil
	if errors.Is(s.wrong, errWaits) { // for a source that is still being read, or because the newest of all do not go together?
		wrong = !slices.ContainsFunc(b.sources, func(one *tracked) bool { return one.checked.IsZero() })
	}
	return s.copyName != "" && b.store != nil && !s.inForce && !s.recalled && !b.now().Before(s.again) && (wrong || s.silent != nil)
}

// recall loads what was kept of a source that cannot be had. Whoever calls holds the source's reading lock.
func (b *Book) recall(ctx context.Context, s *tracked) {
	limited, cancel := context.WithTimeout(tenant.With(ctx, s.tenant), copyTimeout)
	defer cancel()
	d, err := b.store.copyOf(limited, s.copyName, s.maxBytes)
	b.mu.Lock()
	if s.recalled = err == nil || errors.Is(err, errNoCopy); !s.recalled {
		s.again = b.now().Add(copyPause)
	}
	b.mu.Unlock()
	var rules []access.Rule
	if err == nil {
		rules, err = source.Parse(d.Text, s.name)
	}
	if err != nil {
		if !errors.Is(err, errNoCopy) {
			b.log.WarnContext(ctx, "what was kept of a source of access rules cannot be used", "source", s.name, "error", err)
		}
		return
	}
	for i := range rules {
		rules[i].Tenant = s.tenant
	}
	if r, ok := s.reader.(source.Remembering); ok {
		r.Resume(d)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.fallback = &fallback{access.Compact(rules), d.Read}
	b.load(ctx, s, nil)
}

// resume notes that what was kept of a source is in force.
func (b *Book) resume(ctx context.Context, s *tracked) {
	if s.inForce || s.fallback == nil {
		return
	}
	s.accepted, s.inForce, s.changed, s.keptAt, s.fallback = s.fallback.rules, true, b.now(), s.fallback.read, nil
	b.log.WarnContext(ctx, "access rules are those that were kept when their source was read last", "source", s.name, "rules", len(s.accepted), "read_at", s.keptAt)
}

// keep writes down what came into force. What the database does not take now it is given again later: the source will not say it twice.
func (b *Book) keep(ctx context.Context) {
	for _, s := range b.sources {
		b.mu.Lock()
		d := s.unkept
		if b.now().Before(s.again) {
			d = nil
		}
		if d != nil {
			s.unkept = nil
		}
		b.mu.Unlock()
		if d == nil || b.store == nil {
			continue
		}
		limited, cancel := context.WithTimeout(tenant.With(ctx, s.tenant), copyTimeout)
		err := b.store.keepCopy(limited, s.copyName, d)
		cancel()
		if err == nil {
			continue
		}
		b.log.WarnContext(ctx, "access rules cannot be kept for a start without their source", "source", s.name, "error", err)
		if !errors.Is(err, errLargeCopy) {
			b.keepLater(s, d)
		}
	}
}

// keepLater has the database asked again to keep what a source said, unless it has said something newer.
func (b *Book) keepLater(s *tracked, d *source.Document) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.again = b.now().Add(copyPause)
	if s.unkept == nil {
		s.unkept = d
	}
}
