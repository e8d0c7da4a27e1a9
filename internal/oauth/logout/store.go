package logout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// state is how far a logout has come.
type state string

const (
	asked    state = "asked"
	accepted state = "accepted"
	rejected state = "rejected"
	done     state = "done"
)

// kept is how long an expired logout is kept, so that who comes late is told how to start again.
const kept = time.Hour

var errUnknown = errors.New("logout: no such request")

// Store keeps logout requests in the table oauth_logout.
type Store struct {
	DB *sqldb.DB
}

func (s *Store) insert(ctx context.Context, r *Request) error {
	document, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("logout: the request cannot be stored: %w", err)
	}
	_, err = s.DB.Exec(ctx, `INSERT INTO oauth_logout (tenant_id, id, state, document, expires_at) VALUES (:tenant, ?, ?, ?, ?)`,
		r.ID, string(r.State), string(document), r.ExpiresAt)
	return err
}

func (s *Store) load(ctx context.Context, id string) (*Request, error) {
	var document []byte
	var at string
	r := &Request{ID: id}
	err := s.DB.QueryRow(ctx, `SELECT state, document, expires_at FROM oauth_logout WHERE tenant_id = :tenant AND id = ?`, id).
		Scan(&at, &document, &r.ExpiresAt)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, errUnknown
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(document, r); err != nil {
		return nil, fmt.Errorf("logout: a stored request cannot be read: %w", err)
	}
	r.State = state(at)
	return r, nil
}

// move changes the state if it is still the expected one; false says that another was first.
func (s *Store) move(ctx context.Context, id string, from, to state) (bool, error) {
	return move(ctx, s.DB, id, from, to)
}

func move(ctx context.Context, q sqldb.Q, id string, from, to state) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE oauth_logout SET state = ? WHERE tenant_id = :tenant AND id = ? AND state = ?`, string(to), id, string(from))
	return n == 1, err
}

// finish marks an accepted logout as done and ends its session, both or neither.
func (s *Store) finish(ctx context.Context, r *Request, sessions *authorize.Store) (won bool, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if won, err = move(ctx, tx, r.ID, accepted, done); err != nil || !won {
			return err
		}
		return sessions.EndSessionIn(ctx, tx, r.SessionID)
	})
	return won, err
}

// Sweep deletes logouts of all tenants an hour after they expired, at most batch of them, and says how many.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	return s.DB.Sweep(ctx, sqldb.Old{Table: "oauth_logout", Key: "id", Time: "expires_at", Until: now.Add(-kept)}, batch)
}
