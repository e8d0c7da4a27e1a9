package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeepConfig says which backups prune keeps. What either setting keeps stays.
type KeepConfig struct {
	// Last is how many of the newest backups are kept. Default: 14.
	Last int `yaml:"last" default:"14" min:"1"`
	// For is how long every backup is kept. Unit: duration. Default: 720h, 30 days.
	For time.Duration `yaml:"for" default:"720h" min:"0s"`
}

// expendable gives the ids that a destination can do without, of those that it has, the newest first: neither among the last nor
// young, and nothing that one which is kept builds on. Backups with a fault do not count among the last, so the last good one stays;
// those whose manifest is not ours are nobody's to remove.
func expendable(list []Backup, in string, keep KeepConfig, now time.Time) (ids []string) {
	needed, good := map[string]bool{}, 0
	for _, one := range list { // the newest first, so what one builds on comes later
		whole := slices.Contains(one.Destinations, in)
		if whole && good < keep.Last || now.Sub(one.CreatedAt) < keep.For {
			needed[one.ID] = true
		}
		if whole {
			good++
		}
		if needed[one.ID] && one.Parent != "" {
			needed[one.Parent] = true
		}
		if !needed[one.ID] && one.ours() {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

// leftover is how old files without a manifest are when they count as left behind and not as on their way.
const leftover = 48 * time.Hour

// Pruned is what Prune removed, or would.
type Pruned struct {
	Destination string `json:"destination"`
	ID          string `json:"id"`
}

// Prune removes the backups that KeepConfig does not keep, and what backups that were never finished left, from every destination by
// itself. With dry it only says which. Destinations that cannot be reached are left out, and named by the error.
func (b *Backups) Prune(ctx context.Context, dry bool) (done []Pruned, err error) {
	list, err := b.List(ctx)
	failed, ok := errors.AsType[Unreachable](err)
	if err != nil && !ok {
		return nil, err
	}
	if failed == nil {
		failed = Unreachable{}
	}
	for _, d := range b.Destinations {
		if failed[d.Name()] != nil {
			continue
		}
		removed, err := b.pruneOne(ctx, d, list, dry)
		for _, id := range removed {
			done = append(done, Pruned{d.Name(), id})
		}
		if err != nil {
			failed[d.Name()] = err
		}
	}
	return done, failed.or()
}

// pruneOne removes from one destination. The manifest goes first, so what is removed in part is no backup.
func (b *Backups) pruneOne(ctx context.Context, d Destination, list []Backup, dry bool) (removed []string, err error) {
	names, err := d.List(ctx)
	if err != nil {
		return nil, err
	}
	useless := expendable(list, d.Name(), b.Config.Keep, b.Now())
	for _, name := range names {
		id, _, ok := taken(strings.TrimSuffix(name, partial))
		unfinished := ok && !slices.Contains(names, prefix+id+manifestSuffix) && b.Now().Sub(timeOf(id)) > leftover
		if unfinished && !slices.Contains(useless, id) {
			useless = append(useless, id)
		}
	}
	for _, id := range useless {
		there := false
		for _, suffix := range []string{manifestSuffix, dataSuffix, indexSuffix, dataSuffix + partial, indexSuffix + partial, manifestSuffix + partial, drillSuffix + partial} {
			name := prefix + id + suffix
			if !slices.Contains(names, name) {
				continue
			}
			there = true
			if dry {
				continue
			}
			if err := d.Remove(ctx, name); err != nil {
				return removed, fmt.Errorf("%s: %w", name, err)
			}
		}
		if there {
			removed = append(removed, id)
		}
	}
	past, err := b.pastDrills(ctx, d, names)
	for _, name := range past {
		if err == nil && !dry {
			err = d.Remove(ctx, name)
		}
	}
	return removed, err
}
