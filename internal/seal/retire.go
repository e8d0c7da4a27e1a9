package seal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Retire makes sure that nothing depends on a secret any more, and marks it: no server may make anything with it again, and it
// can be taken out of secrets.system. What it authenticated for Purposes stays recognized. It fails with ErrInUse, saying what
// stands against it, with ErrEarly, or with ErrNotFound. Retiring a retired one changes nothing.
func (s *Seals) Retire(ctx context.Context, id string) (Key, error) {
	known, err := s.known(ctx)
	if err != nil {
		return Key{}, err
	}
	r, used := known[id]
	configured := slices.Contains(s.System.KeyIDs(), id)
	switch {
	case !used && !configured:
		return Key{}, ErrNotFound
	case used && !r.retired.IsZero():
		return s.describe(id, r, configured), nil
	case !configured:
		return Key{}, ErrLacks.With(fmt.Sprintf("This server lacks the key %s, without which what it sealed cannot be sealed anew: put that secret back.", id))
	case !used && id != s.System.Making():
		return Key{}, ErrInUse.With(fmt.Sprintf("The key %s has never sealed anything: take it out of secrets.system if you do not want it.", id))
	}
	if err := s.unused(ctx, id); err != nil {
		return Key{}, err
	}
	if err := s.unsealed(ctx, id); err != nil {
		return Key{}, err
	}
	at := s.Now()
	if err := s.mark(ctx, id, at); err != nil {
		return Key{}, s.unmark(ctx, id, at, err)
	}
	s.Log.InfoContext(ctx, "a seal key was retired", "key", id)
	r.retired = at
	return s.describe(id, r, configured), nil
}

// unused makes sure that no server makes anything with the key, or has done so a moment ago.
func (s *Seals) unused(ctx context.Context, id string) error {
	if id == s.System.Making() {
		return ErrInUse.With(fmt.Sprintf("New values are sealed with the key %s: put another secret in front of it first.", id))
	}
	if s.Store.alone() {
		return nil
	}
	all, err := s.Store.servers(ctx)
	if err != nil {
		return err
	}
	now := s.Now()
	running := others(all, "", now)
	if names := using(id, running); names != "" {
		return ErrInUse.With(fmt.Sprintf("Servers still seal new values with the key %s: %s. Put another secret in front of it there too.", id, names))
	}
	if unsettled(running, now) {
		return ErrEarly
	}
	return nil
}

// unsealed makes sure that no value is left which the key has sealed.
func (s *Seals) unsealed(ctx context.Context, id string) error {
	status, err := s.Status(ctx)
	if err != nil {
		return err
	}
	var left []string
	for _, c := range status.Values {
		if c.Key == id && !c.Digest {
			left = append(left, fmt.Sprintf("%d in %s", c.Values, c.Column))
		}
	}
	if len(left) == 0 {
		return nil
	}
	return ErrInUse.With(fmt.Sprintf("The key %s still seals values: %s. Run `gatehouse keys seal reseal` first.", id, strings.Join(left, ", ")))
}

// mark retires the key in each database, with what it leaves: in the home database last, where its event is written in the same
// transaction. One mark is enough to keep a server from using the key, and all are needed for it to count as retired, so whoever was
// killed between them runs it again.
func (s *Seals) mark(ctx context.Context, id string, at time.Time) error {
	left, err := s.System.Bequeath(id, s.Purposes...)
	if err != nil {
		return err
	}
	defer clear(left)
	for _, database := range s.Store.abroad() {
		if err := s.markIn(ctx, database, id, left, at); err != nil {
			return err
		}
	}
	// Who began to use it meanwhile has either seen a mark and stopped, or is seen now.
	if err := s.unused(ctx, id); err != nil {
		return err
	}
	return s.markIn(ctx, home, id, left, at)
}

func (s *Seals) markIn(ctx context.Context, database, id string, left []byte, at time.Time) error {
	estate, err := s.sealed(database).Ring.Seal(left, binding(id))
	if err != nil {
		return err
	}
	return s.Store.retire(ctx, database, id, estate, at)
}

// unmark takes mark back as far as it came, and gives the reason for it.
func (s *Seals) unmark(ctx context.Context, id string, at time.Time, reason error) error {
	for _, database := range s.Store.abroad() {
		if err := s.Store.revive(ctx, database, id, at); err != nil {
			return fmt.Errorf("%w; the seal key %s is marked as retired in database %s, and no server may begin to use it until this was run again", reason, id, database)
		}
	}
	return reason
}
