package session

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Filter says which sessions a list holds.
type Filter struct {
	// IdentityID is whose; empty is anybody's.
	IdentityID string
	// Active keeps those that are active, or those that are not; nil keeps all.
	Active *bool
	// Except leaves one out.
	Except string
	// After is the id after which the list goes on; empty begins at the newest.
	After string
	// Limit is how many at most.
	Limit int
	// People and Devices read these along; without them the fields are nil.
	People, Devices bool
}

// where returns the conditions of the filter but for After, with their arguments.
func (f Filter) where(s *Store) (text string, args []any) {
	text = `1 = 1`
	and := func(condition string, more ...any) { text, args = text+` AND `+condition, append(args, more...) }
	if f.IdentityID != "" {
		and(`s.identity_id = ?`, f.IdentityID)
	}
	switch {
	case f.Active == nil:
	case *f.Active:
		and(`s.active = ? AND s.expires_at > ?`, true, s.now())
	default:
		and(`(s.active = ? OR s.expires_at <= ?)`, false, s.now())
	}
	if f.Except != "" {
		and(`s.id <> ?`, f.Except)
	}
	return text, args
}

// List returns sessions, newest first: ids grow with time.
func (s *Store) List(ctx context.Context, f Filter) ([]*Session, error) {
	query, people := alone, f.People
	if people {
		query = s.joined
	}
	where, args := f.where(s)
	if f.After != "" {
		where, args = where+` AND s.id < ?`, append(args, f.After)
	}
	rows, err := s.db.Query(ctx, query+where+` ORDER BY s.id DESC LIMIT ?`, append(args, f.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []*Session{}
	for rows.Next() {
		one, err := s.scan(ctx, rows.Scan, people)
		if err != nil {
			return nil, err
		}
		if !f.Devices {
			one.Devices = nil
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// Count returns how many sessions the filter holds, wherever its page begins.
func (s *Store) Count(ctx context.Context, f Filter) (n int64, err error) {
	where, args := f.where(s)
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM session s WHERE s.tenant_id = :tenant AND `+where, args...).Scan(&n)
	return n, err
}

// Get returns a session with its identity, active or not; ErrNotFound when there is none.
func (s *Store) Get(ctx context.Context, id string) (*Session, error) {
	got, err := s.scan(ctx, s.db.QueryRow(ctx, s.joined+`s.id = ?`, id).Scan, true)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNotFound
	}
	return got, err
}
