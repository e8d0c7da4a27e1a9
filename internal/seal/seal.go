package seal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Seals keeps the secrets of a server in order. Set Columns before Begin is called; Begin before anything is sealed.
type Seals struct {
	Store *Store
	// System and Cookie are the rings of the configured secrets themselves.
	System, Cookie *secret.Ring
	// Columns are where sealed values are, and Digests where keyed digests are.
	Columns []secret.Column
	Digests []secret.Digests
	// Purposes are those of System whose values live long and cannot be made anew: what a retired secret authenticated for them
	// stays recognized.
	Purposes []string
	// Server names this server among all that run, for people to read and unlike all others.
	Server string
	Now    func() time.Time
	Log    *slog.Logger

	agreeing sync.Mutex // one agreement at a time, however long the database takes
	makes    string     // the id of the key that this server told others it makes values with
	since    time.Time  // when it told them so first

	mu    sync.Mutex // of what follows, which only who agrees writes
	began bool
	fault error // what is wrong now; nil: nothing
}

// sealed gives the column of this package in a database.
func (s *Seals) sealed(database string) secret.Column {
	return secret.Column{
		Database: database, Table: database + "_seal_key", Name: "estate", Key: []string{"key_id"}, Ring: s.System.For(estates),
		Binding: func(key []string) []byte { return binding(key[0]) },
	}
}

const estates = "estates of retired secrets"

func binding(id string) []byte { return []byte("seal_key " + id) }

// Sealed gives all columns that hold sealed values: Columns, and those of this package.
func (s *Seals) Sealed() []secret.Column {
	all := slices.Clone(s.Columns)
	for _, database := range s.Store.databases() {
		all = append(all, s.sealed(database))
	}
	return all
}

// Inherit has System recognize what retired secrets authenticated that are not configured any more. Call it before rings of
// purposes are derived.
func (s *Seals) Inherit(ctx context.Context) error {
	have := s.System.KeyIDs()
	for _, database := range s.Store.databases() {
		records, err := s.Store.records(ctx, database)
		if err != nil {
			return err
		}
		if err := s.lacks(database, records); err != nil {
			return err
		}
		for _, r := range records {
			if r.estate == "" || slices.Contains(have, r.id) {
				continue
			}
			have = append(have, r.id)
			left, err := s.sealed(database).Ring.Open(r.estate, binding(r.id))
			if err == nil {
				err = s.System.Inherit(left)
			}
			if err != nil {
				return fmt.Errorf("what the retired seal key %s left in database %s: %w", r.id, database, err)
			}
		}
	}
	return nil
}

// lacks refuses a database with a key in use that is not configured.
func (s *Seals) lacks(database string, records []record) error {
	ids := missing(records, s.System.Knows)
	if len(ids) == 0 {
		return nil
	}
	return ErrLacks.With(fmt.Sprintf("Database %s holds data that was sealed with the key %s, and secrets.system, which has %s, lacks it: put that secret back at the end of the list. Where nobody has taken a secret away, this database belongs to an installation with other secrets.",
		database, strings.Join(ids, ", "), strings.Join(s.System.KeyIDs(), ", ")))
}

// Fits tells whether servers with the secrets of a ring could open what a database holds that they do not have yet: ids are those
// of the keys in use there, by their fingerprints. It fails with ErrLacks.
func Fits(system *secret.Ring, database string, ids map[string]string) error {
	var lacking []string
	for fingerprint, id := range ids {
		if !system.Knows(fingerprint) {
			lacking = append(lacking, id)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	slices.Sort(lacking)
	return ErrLacks.With(fmt.Sprintf("Database %s was sealed with the key %s, and secrets.system, which has %s, lacks it: put that secret at the end of the list.",
		database, strings.Join(lacking, ", "), strings.Join(system.KeyIDs(), ", ")))
}

// Begin finds out which of its secrets this server may make new values with, and has it so. It fails where the server must not
// run: a secret is missing, another server has secrets that this one lacks, or the secret was retired.
func (s *Seals) Begin(ctx context.Context) error {
	s.agreeing.Lock()
	defer s.agreeing.Unlock()
	err := s.agree(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
	s.began = s.began || err == nil
	return err
}

// agree is Begin, and what is done with every beat. The order matters: a server says what it is going to make before it looks at
// what others know, and looks once more when it has written down that it makes it. So of two servers that start at the same time
// at least one sees the other.
func (s *Seals) agree(ctx context.Context) error {
	making, cookie, err := s.elect(ctx)
	for range 3 {
		if err != nil {
			return err
		}
		for _, database := range s.Store.databases() {
			if err := s.note(ctx, database, making); err != nil {
				return err
			}
		}
		if making == s.System.Making() && s.began {
			s.Cookie.Lead(cookie)
			return nil
		}
		noted := making
		if making, cookie, err = s.elect(ctx); err == nil && making == noted {
			s.Log.InfoContext(ctx, "new values are sealed with this key from now on", "key", making)
			s.System.Lead(making)
			s.Cookie.Lead(cookie)
			return nil
		}
	}
	return ErrNotBegun // servers come and go faster than this one can look
}

// elect chooses the keys to make values with, and tells the others.
func (s *Seals) elect(ctx context.Context) (making, cookie string, err error) {
	if s.Store.alone() {
		return s.System.KeyIDs()[0], s.Cookie.KeyIDs()[0], nil
	}
	if s.makes == "" {
		s.makes = s.System.Making()
	}
	me := server{name: s.Server, makes: s.makes, opens: slices.Concat(s.System.KeyIDs(), s.Cookie.KeyIDs())}
	for range 2 {
		me.seen = s.Now()
		if s.since.IsZero() {
			s.since = me.seen
			if err := s.Leave(ctx); err != nil { // the rows of servers that were killed long ago go
				return "", "", err
			}
		}
		me.since = s.since
		if err := s.Store.register(ctx, me); err != nil {
			return "", "", err
		}
		all, err := s.Store.servers(ctx)
		if err != nil {
			return "", "", err
		}
		rest := others(all, s.Server, s.Now())
		if making, err = s.agreed("secrets.system", s.System, rest); err != nil {
			return "", "", err
		}
		if cookie, err = s.agreed("secrets.cookie", s.Cookie, rest); err != nil {
			return "", "", err
		}
		if making == me.makes {
			break
		}
		me.makes, s.makes, s.since = making, making, s.Now()
	}
	return making, cookie, nil
}

func (s *Seals) agreed(list string, ring *secret.Ring, rest []server) (string, error) {
	ids := ring.KeyIDs()
	id, ok := choose(ids, rest)
	if !ok {
		return "", ErrStrangers.With(fmt.Sprintf("No secret of %s (%s) is known to all servers on this database: %s cannot open what this one makes. Give all of them the same secrets.",
			list, strings.Join(ids, ", "), lacking(ids[len(ids)-1], rest)))
	}
	return id, nil
}

// note writes down that values of the database are sealed with the key, and refuses where they must not be.
func (s *Seals) note(ctx context.Context, database, making string) error {
	for {
		records, err := s.Store.records(ctx, database)
		if err != nil {
			return err
		}
		if err := s.lacks(database, records); err != nil {
			return err
		}
		if known, found := find(records, making); found {
			if known.retired.IsZero() {
				return nil
			}
			return ErrRetired.With(fmt.Sprintf("The key %s stands first in secrets.system and was retired at %s: put a secret that was never used in front of it, or take it out.",
				making, known.retired.Format(time.RFC3339)))
		}
		fresh, err := s.fresh(ctx, database, making, records)
		if err != nil {
			return err
		}
		if first, err := s.Store.add(ctx, database, fresh); first || err != nil {
			return err
		}
	}
}

// fresh gives the records that a database lacks: of the key that is to make values, and where there are no records yet, as after
// an upgrade, of those that have made the values which are there.
func (s *Seals) fresh(ctx context.Context, database, making string, records []record) ([]record, error) {
	ids := []string{making}
	if len(records) == 0 {
		used, err := s.used(ctx, database)
		if err != nil {
			return nil, err
		}
		for _, id := range s.System.KeyIDs() {
			if id != making && used[id] > 0 {
				ids = append([]string{id}, ids...) // the later ones of the list are the older ones
			}
		}
	}
	last := int64(0)
	if n := len(records); n > 0 {
		last = records[n-1].ordinal
	}
	fresh := make([]record, len(ids))
	for i, id := range ids {
		fingerprint, _ := s.System.FingerprintOf(id)
		fresh[i] = record{ordinal: last + 1 + int64(i), id: id, fingerprint: fingerprint, since: s.Now()}
	}
	return fresh, nil
}

// used counts the values of a database by the ids of the secrets, and refuses where there are values of others.
func (s *Seals) used(ctx context.Context, database string) (map[string]int64, error) {
	total := map[string]int64{}
	for _, c := range s.Sealed() {
		if c.Database != database {
			continue
		}
		counts, err := s.Store.count(ctx, c)
		if err != nil {
			return nil, err
		}
		for id, n := range counts {
			root, ok := s.root(c, id)
			if !ok {
				return nil, ErrLacks.With(fmt.Sprintf("%d values of %s were sealed with a key that comes of no secret in secrets.system, which has %s: put the secret back at the end of the list. Where nobody has taken a secret away, this database belongs to an installation with other secrets.",
					n, c, strings.Join(s.System.KeyIDs(), ", ")))
			}
			total[root] += n
		}
	}
	return total, nil
}

// root gives the id of the secret of which the key with the id comes, in the ring of a column.
func (s *Seals) root(c secret.Column, id string) (string, bool) {
	i := slices.Index(c.Ring.KeyIDs(), id)
	if i < 0 {
		return "", false
	}
	return s.System.KeyIDs()[i], true
}

// Run says again and again that this server runs, and follows what the others know, until ctx ends.
func (s *Seals) Run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if s.Store.alone() && s.Ready() == nil {
			continue // nobody is there to agree with
		}
		before := s.wrong()
		if err := s.Begin(ctx); err != nil && ctx.Err() == nil && (before == nil || before.Error() != err.Error()) {
			s.Log.ErrorContext(ctx, "this server could not agree with others on a secret; it tries again and again", "error", err)
		}
	}
}

// Leave tells the other servers that this one is gone. Call it when nothing is written any more.
func (s *Seals) Leave(ctx context.Context) error {
	if s.Store.alone() {
		return nil
	}
	return s.Store.leave(ctx, s.Server, s.Now().Add(-time.Hour))
}

// Ready says why this server should get no requests: it has not begun, or a secret came up that it lacks. A database that stopped
// answering is not its business, and is not waited for.
func (s *Seals) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(s.fault, ErrLacks) || errors.Is(s.fault, ErrStrangers) || errors.Is(s.fault, ErrRetired):
		return s.fault
	case !s.began:
		return ErrNotBegun
	}
	return nil
}

func (s *Seals) wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}
