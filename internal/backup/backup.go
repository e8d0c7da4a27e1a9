package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Backups makes backups, and reads them.
type Backups struct {
	Config Config
	// Destinations are those of Config, opened.
	Destinations []Destination
	// Ring is the system secrets' for backups: it says which manifests are ours.
	Ring *secret.Ring
	// Version is this Gatehouse's.
	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

// Backup is one that is there.
type Backup struct {
	Manifest
	// Destinations have it, and all that it builds on. Where it is empty, it cannot be restored.
	Destinations []string `json:"destinations"`
	// Fault is what is wrong with it; empty: nothing that its manifest shows.
	Fault string `json:"fault,omitempty"`

	whole []Destination
}

// ours tells whether its manifest is this installation's. Others may say whatever they like.
func (b Backup) ours() bool { return b.Digest != "" }

// maxManifest bounds a manifest's file. Unit: bytes.
const maxManifest = 4 << 20

// Unreachable are destinations that could not be read, by their names.
type Unreachable map[string]error

// Error names them.
func (u Unreachable) Error() string {
	var all []string
	for name, err := range u {
		all = append(all, fmt.Sprintf("destination %s: %v", name, err))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// or is nil where there are none, so that it can be returned as an error.
func (u Unreachable) or() error {
	if len(u) == 0 {
		return nil
	}
	return u
}

// List returns the backups of all destinations, the newest first. Beside an error, which is Unreachable, are those that could be read.
func (b *Backups) List(ctx context.Context) ([]Backup, error) {
	all, failed := map[string]*Backup{}, Unreachable{}
	for _, d := range b.Destinations {
		if err := b.listOne(ctx, d, all); err != nil {
			failed[d.Name()] = err
		}
	}
	list := make([]Backup, 0, len(all))
	for _, one := range all {
		for _, d := range one.whole {
			if _, ok := chain(all, one.ID, d); ok && one.Fault == "" {
				one.Destinations = append(one.Destinations, d.Name())
			}
		}
		if len(one.Destinations) == 0 && one.Fault == "" {
			one.Fault = "what it builds on is not there"
		}
	}
	for _, one := range all {
		one.whole = slices.DeleteFunc(one.whole, func(d Destination) bool { return !slices.Contains(one.Destinations, d.Name()) })
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b Backup) int { return strings.Compare(b.ID, a.ID) })
	return list, failed.or()
}

// listOne adds what one destination has.
func (b *Backups) listOne(ctx context.Context, d Destination, all map[string]*Backup) error {
	names, err := d.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, suffix, ok := taken(name)
		if !ok || suffix != manifestSuffix || !slices.Contains(names, prefix+id+dataSuffix) {
			continue
		}
		file, err := readFile(ctx, d, name, maxManifest)
		if err != nil && !errors.Is(err, errLarge) { // what is too large is no manifest, and no reason to look at nothing else
			return fmt.Errorf("%s: %w", name, err)
		}
		m, err := decode(id, file)
		if err == nil {
			err = m.authentic(b.Ring)
		}
		known := all[id]
		switch {
		case err != nil && known == nil:
			all[id] = &Backup{Manifest: Manifest{ID: id, CreatedAt: timeOf(id)}, Fault: fmt.Sprintf("destination %s: %v", d.Name(), err)}
		case err != nil: // another destination has it unharmed, or it is known to be broken
		case known == nil || known.Fault != "":
			all[id] = &Backup{Manifest: *m, whole: []Destination{d}}
		case known.Digest == m.Digest:
			known.whole = append(known.whole, d)
		}
	}
	return nil
}

// timeOf is the time in an id.
func timeOf(id string) time.Time {
	text, _, _ := strings.Cut(id, "-")
	at, err := time.Parse(idTime, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// chain gives a backup and all that it builds on, the full one last, as far as a destination has them.
func chain(all map[string]*Backup, id string, d Destination) (ids []string, whole bool) {
	for {
		one := all[id]
		if one == nil || !slices.Contains(one.whole, d) {
			return ids, false
		}
		ids = append(ids, id)
		if one.Parent == "" {
			return ids, true
		}
		id = one.Parent // ids of parents are smaller, so this ends
	}
}

// ErrNone says that there is no such backup.
var ErrNone = errors.New("there is no such backup; `gatehouse backup list` shows those that there are")

// Wanted says which backup is meant: the newest that can be restored where nothing else is said.
type Wanted struct {
	// ID names one.
	ID string
	// Before asks for the newest that was begun at that time or earlier.
	Before time.Time
	// Destination is where to read; empty: the first that has all of it.
	Destination string
}

// find gives a backup with all that it builds on, the full one last, and where to read them.
func (b *Backups) find(ctx context.Context, w Wanted) ([]Manifest, Destination, error) {
	var names []string
	for _, d := range b.Destinations {
		names = append(names, d.Name())
	}
	if w.Destination != "" && !slices.Contains(names, w.Destination) {
		return nil, nil, fmt.Errorf("there is no destination %s%s", w.Destination, spell.Meant(w.Destination, names))
	}
	list, unreachable := b.List(ctx)
	all := map[string]*Backup{}
	for i := range list {
		all[list[i].ID] = &list[i]
	}
	var passed error // over the newest of those that are meant
	for _, one := range list {
		if w.ID != "" && one.ID != w.ID || !w.Before.IsZero() && one.CreatedAt.After(w.Before) {
			continue
		}
		if one.Fault != "" && passed == nil {
			passed = fmt.Errorf("backup %s: %s", one.ID, one.Fault)
		}
		for _, d := range one.whole {
			if w.Destination != "" && d.Name() != w.Destination {
				continue
			}
			ids, _ := chain(all, one.ID, d)
			manifests := make([]Manifest, len(ids))
			for i, id := range ids {
				manifests[i] = all[id].Manifest
			}
			return manifests, d, nil
		}
	}
	if unreachable != nil || passed != nil {
		return nil, nil, errors.Join(passed, unreachable)
	}
	return nil, nil, ErrNone
}
