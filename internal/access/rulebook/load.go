package rulebook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
)

// load brings what the sources have into force: all that is new if that is possible, else what s has, and then what the others
// have, each if it fits to what is in force. What was prepared for that is
// not compiled anew; it may be nil. The lock is held.
func (b *Book) load(ctx context.Context, s *tracked, p *engine.Prepared) {
	everything, complete := b.compose(func(*tracked) bool { return true })
	if !complete {
		return // rules are only good together: one that refuses may be in what is missing
	}
	_, err := b.engine.Enforce(ctx, p, everything...)
	if err == nil {
		b.settle(ctx, func(*tracked) bool { return true })
		return
	}
	for _, one := range b.pending(s) {
		alone, complete := b.compose(func(other *tracked) bool { return other == one })
		if !complete {
			break // the first time, it is all or nothing
		}
		_, wrong := b.engine.Enforce(ctx, p, alone...)
		switch {
		case wrong == nil:
			b.settle(ctx, func(other *tracked) bool { return other == one })
		case one == s:
			err = wrong
		default:
			b.refuse(ctx, one, wrong)
		}
	}
	if !s.inForce && s.fallback != nil {
		others := func(other *tracked) bool { return other != s }
		if rest, complete := b.compose(others); complete {
			if _, wrong := b.engine.Load(ctx, rest...); wrong == nil {
				b.settle(ctx, others)
			}
		}
	}
	if s.fresh {
		b.blame(ctx, s, err)
	}
}

// settle notes what was loaded: the newest rules of those that newest names, of the others what compose takes.
func (b *Book) settle(ctx context.Context, newest func(*tracked) bool) {
	for _, s := range b.sources {
		if newest(s) {
			b.accept(ctx, s)
		}
		b.resume(ctx, s)
	}
}

// pending gives s and the other sources that have rules which are not in force; nothing where s is the only one, whose rules have
// been tried already.
func (b *Book) pending(s *tracked) []*tracked {
	list := []*tracked{s}
	for _, one := range b.sources {
		if one != s && one.fresh {
			list = append(list, one)
		}
	}
	if len(list) == 1 {
		return nil
	}
	return list
}

// compose puts together the rules of all sources: the newest of those that newest names, of the others what is in force, else
// what was kept of them. It says whether every source has some.
func (b *Book) compose(newest func(*tracked) bool) (lists [][]access.Rule, complete bool) {
	for _, s := range b.sources {
		switch {
		case newest(s) && s.fresh:
			lists = append(lists, s.offered)
		case s.inForce:
			lists = append(lists, s.accepted)
		case s.fallback != nil:
			lists = append(lists, s.fallback.rules)
		default:
			return nil, false
		}
	}
	return lists, true
}

// accept notes that what a source offered is in force.
func (b *Book) accept(ctx context.Context, s *tracked) {
	if !s.fresh {
		return
	}
	before := len(s.accepted)
	s.accepted, s.inForce, s.offered, s.fresh, s.wrong, s.changed = s.offered, true, nil, false, nil, b.now()
	s.unkept, s.said, s.fallback, s.keptAt = s.said, nil, nil, time.Time{}
	b.log.Log(ctx, engine.NewsOf(before, len(s.accepted)), "access rules loaded", "source", s.name, "rules", len(s.accepted))
}

// blame tells the sources why their rules could not be loaded: each what is wrong with its own. s changed last; it is told
// everything where nobody else is to blame.
func (b *Book) blame(ctx context.Context, s *tracked, err error) {
	faults, ok := errors.AsType[access.Faults](err)
	if !ok {
		b.refuse(ctx, s, err)
		return
	}
	known := false
	for _, one := range b.sources {
		if one == s || !one.fresh || one.inForce {
			continue
		}
		if own := one.own(faults); len(own) > 0 {
			b.refuse(ctx, one, own)
			known = true
		}
	}
	if !known || len(s.own(faults)) > 0 {
		b.refuse(ctx, s, err)
	}
}

// own gives the faults of the source's own rules.
func (s *tracked) own(f access.Faults) (own access.Faults) {
	for _, one := range f {
		for i := range s.offered {
			if r := &s.offered[i]; r.Source == one.Source && r.Tenant == one.Tenant && r.ID == one.Rule {
				own = append(own, one)
				break
			}
		}
	}
	return own
}

// refuse notes why what a source has is not in force. The log is told once.
func (b *Book) refuse(ctx context.Context, s *tracked, why error) {
	again := s.wrong != nil && s.wrong.Error() == why.Error()
	s.wrong = why
	if again {
		return
	}
	s.refusals++
	if faults, ok := errors.AsType[access.Faults](why); ok && len(faults) > faultsInLog {
		why = fmt.Errorf("%w\nand %d more", faults[:faultsInLog], len(faults)-faultsInLog)
	}
	b.log.ErrorContext(ctx, "access rules refused: those that were there stay in force", "source", s.name, "in_force", len(s.accepted), "error", why)
}

// faultsInLog is how many faults of a set the log is told; the admin API tells all.
const faultsInLog = 10

// miss notes that a source could not be read. The log is told once.
func (b *Book) miss(ctx context.Context, s *tracked, err error) {
	if s.silent == nil {
		b.log.WarnContext(ctx, "access rules could not be read: those that were there stay in force", "source", s.name, "in_force", len(s.accepted), "error", err)
	}
	s.silent = err
}

// hear notes that a source could be read.
func (b *Book) hear(ctx context.Context, s *tracked) {
	if s.silent != nil {
		b.log.InfoContext(ctx, "access rules can be read again", "source", s.name)
	}
	s.silent = nil
}
