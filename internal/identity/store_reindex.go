package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// MaxReindex is how many identities one call of Reindex looks at, at most.
const MaxReindex = 1000

// Reindexed is what a call of Reindex came to.
type Reindexed struct {
	// Checked is how many identities were looked at, Changed how many of them were, or would be, written anew.
	Checked, Changed int
	// Failed are those that could not be brought up to date, in the order of their ids.
	Failed []ReindexFailure
	// Last is the id that the next call goes on after; Done says that there is none behind it.
	Last string
	Done bool
}

// ReindexFailure is an identity that stays as it was.
type ReindexFailure struct {
	ID string
	// Err is why: its traits no longer fit the schema (*ui.Invalid), the schema is gone (ErrInvalid), or what it would be found by
	// is another identity's now (ErrExists).
	Err error
}

// Reindex looks at the identities after an id, at most limit of them, and writes anew what follows from the traits of those for
// which the schema says something else than it did when they were written: addresses, identifiers, what they are searched by.
// With dry it only looks. Where everything is right it writes nothing, so that it may be called again and by several at once.
func (s *Store) Reindex(ctx context.Context, after string, limit int, dry bool) (*Reindexed, error) {
	limit = min(max(limit, 1), MaxReindex)
	list, err := s.List(ctx, Filter{After: after, Limit: limit, Credentials: true})
	if err != nil {
		return nil, err
	}
	out := &Reindexed{Checked: len(list), Last: after, Done: len(list) < limit}
	if len(list) == 0 {
		return out, nil
	}
	out.Last = list[len(list)-1].ID
	known, err := s.knownHandles(ctx, list)
	if err != nil {
		return nil, err
	}
	for _, id := range list {
		stale, err := s.stale(ctx, id, known[id.ID])
		if err == nil && stale && !dry {
			err = s.reindex(ctx, id.ID)
		}
		switch {
		case err != nil && !theirs(err):
			return nil, err
		case err != nil:
			out.Failed = append(out.Failed, ReindexFailure{id.ID, err})
		case stale:
			out.Changed++
		}
	}
	return out, nil
}

// theirs tells whether an error is about one identity, and not about the database.
func theirs(err error) bool {
	_, invalid := errors.AsType[*ui.Invalid](err)
	return invalid || errors.Is(err, ErrInvalid) || errors.Is(err, ErrExists)
}

// knownHandles reads what finds the identities, in one statement.
func (s *Store) knownHandles(ctx context.Context, list []*Identity) (map[string][]string, error) {
	ids := make([]string, len(list))
	for i, id := range list {
		ids[i] = id.ID
	}
	rows, err := s.db.Query(ctx, `SELECT identity_id, kind, value, owner, field FROM identity_handle
		WHERE tenant_id = :tenant AND identity_id IN (?)`, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := make(map[string][]string, len(list))
	for rows.Next() {
		var id, kind, value, owner, field string
		if err := rows.Scan(&id, &kind, &value, &owner, &field); err != nil {
			return nil, err
		}
		known[id] = append(known[id], handleText(kind, value, owner, field))
	}
	return known, rows.Err()
}

// handleText is a handle's row, to be compared.
func handleText(of ...any) string { return fmt.Sprintf("%q", of) }

// stale tells whether the handles are other than what follows from the traits today.
func (s *Store) stale(ctx context.Context, id *Identity, known []string) (bool, error) {
	now := id.Clone()
	if err := s.Prepare(ctx, now); err != nil {
		return false, err
	}
	var wanted []string
	for _, row := range handleRows(ctx, now, now.Credentials) {
		wanted = append(wanted, handleText(row[1], row[2], row[3], row[5]))
	}
	slices.Sort(wanted)
	slices.Sort(known)
	return !slices.Equal(wanted, known), nil
}

// reindex writes one identity anew, as it is by now. One that is gone needs nothing.
func (s *Store) reindex(ctx context.Context, id string) error {
	_, err := s.Change(ctx, id, func(id *Identity) error {
		read := *id.stored
		read.stale = true
		id.stored = &read
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// CountAfter returns how many identities there are behind an id. It reads the index.
func (s *Store) CountAfter(ctx context.Context, after string) (n int64, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM identity WHERE tenant_id = :tenant AND id > ?`, after).Scan(&n)
	return n, err
}
