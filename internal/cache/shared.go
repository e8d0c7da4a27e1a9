package cache

import (
	"bytes"
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Shared is one kind of value in a Remote. It stands between what a server remembers for itself and the database, and belongs
// to the cache in front of it: what Fetch returns is as old as what a SELECT would have returned that began when Fetch did, but
// for changes of other servers within the last second, which every cache may miss.
//
// A value lies there with the place in the change feed that its reader had passed before it read, and is believed by who knows
// all changes since that place and none of the value. So nothing need ever be deleted there for the sake of truth: a revocation
// holds whether Redis heard of it or not, and a value that was read before it and stored after it is believed by nobody.
type Shared[V any] struct {
	// Remote is where; nil is nowhere, and Fetch only reads.
	Remote *Remote
	// Feed is that of the database, with FeedOptions.Marks.
	Feed *sqldb.Feed
	// Kind names this kind of value and its form. A form with another meaning needs another name.
	Kind string
	// Encode and Decode turn a value into bytes and back. What Encode refuses is not shared.
	Encode func(V) ([]byte, error)
	Decode func(raw []byte) (V, error)
	// Subjects are what a value is true of: all topics and keys with which a change of it is published.
	Subjects func(key string, v V) []sqldb.Subject
}

// Fetch returns the value of a key of the context's tenant from the Remote, where it is there and true, and otherwise from
// read, and has that remembered. It must not be called inside a transaction.
func (s *Shared[V]) Fetch(ctx context.Context, key string, read func(ctx context.Context) (V, error)) (V, error) {
	of, ok := tenant.From(ctx)
	if s.Remote == nil || !ok {
		return read(ctx)
	}
	name := s.Remote.name(s.Kind, of, key)
	v, outcome := s.recall(ctx, name, of, key)
	s.Remote.observe(s.Kind, outcome)
	if outcome == Hit {
		return v, nil
	}
	// The place is taken before the reading: what that does not see is behind it.
	at, settled := s.Feed.Position()
	v, err := read(ctx)
	if err != nil || !settled {
		return v, err
	}
	if raw, err := s.Encode(v); err == nil {
		s.Remote.put(s.Kind, name, append([]byte(at.String()+"\n"), raw...))
	}
	return v, nil
}

// recall returns what the Remote has, if it is true.
func (s *Shared[V]) recall(ctx context.Context, name string, of tenant.ID, key string) (V, Outcome) {
	var none V
	plain, outcome := s.Remote.get(ctx, name)
	if outcome != Hit {
		return none, outcome
	}
	at, v, err := s.parse(plain)
	if err != nil {
		return none, Foreign
	}
	if !s.Feed.Unchanged(at, of, s.Subjects(key, v)...) {
		return none, Stale
	}
	return v, Hit
}

var errNoPosition = errors.New("the value has no position before it")

func (s *Shared[V]) parse(plain []byte) (at sqldb.Position, v V, err error) {
	place, raw, found := bytes.Cut(plain, []byte("\n"))
	if !found {
		return at, v, errNoPosition
	}
	if at, err = sqldb.ParsePosition(string(place)); err != nil {
		return at, v, err
	}
	v, err = s.Decode(raw)
	return at, v, err
}
