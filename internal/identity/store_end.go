package identity

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// settle is how long after an end it is worked off once more by whoever comes: longer than a request lasts that still
	// believed in the identity, and longer than the first try may take.
	settle = 15 * time.Second
	// firstTry bounds what the request that ends an identity waits for.
	firstTry = 10 * time.Second
	// endLease is how long a server has for one end before another one tries, and how long it waits after a failure.
	endLease = time.Minute
)

// End is told of an identity that was deleted or made inactive, for those who let it in elsewhere, in another database. It may
// be told more than once, and again after an error until there is none.
type End func(ctx context.Context, identityID string) error

// OnEnd has fn called when an identity has ended: at once after the commit, and again some seconds later by any server, for
// what requests in flight have done in between. The second call is kept in the transaction that ends the identity, so it comes
// also when the process dies in between or fn fails. Call OnEnd before the store is used.
func (s *Store) OnEnd(fn End) { s.onEnd = append(s.onEnd, fn) }

// endIn writes down that an identity has ended, and has what OnEnd added called after the commit.
func (s *Store) endIn(ctx context.Context, tx *sqldb.Tx, identityID string) error {
	return s.writeEnd(ctx, tx, identityID, func(context.Context, endRow) {})
}

// DisownIn has what OnEnd added called for an identity that goes on, but is somebody else's from now on: once, after the
// commit, and again only if that failed or the process died.
func (s *Store) DisownIn(ctx context.Context, tx *sqldb.Tx, identityID string) error {
	return s.writeEnd(ctx, tx, identityID, func(ctx context.Context, row endRow) {
		_ = s.forgetEnd(ctx, row) // a row that stays is worked off once more
	})
}

// endRow is a row of identity_end.
type endRow struct {
	id       string
	identity string
	due      time.Time
}

func (s *Store) writeEnd(ctx context.Context, tx *sqldb.Tx, identityID string, done func(context.Context, endRow)) error {
	id, ok := tenant.From(ctx)
	if len(s.onEnd) == 0 || !ok {
		return nil
	}
	row := endRow{id: secret.NewID(), identity: identityID, due: s.now().Add(settle)}
	tx.AfterCommit(func() {
		// A context of its own: the transaction's knows the transaction, which is over, and ends with the request.
		own := actor.WithOrigin(actor.With(tenant.With(context.Background(), id), actor.From(ctx)), actor.OriginOf(ctx))
		ctx, cancel := context.WithTimeout(own, firstTry)
		defer cancel()
		if s.end(ctx, row.identity) == nil { // else it is due again soon
			done(ctx, row)
		}
	})
	return tx.InsertLater(ctx, "identity_end", []string{"tenant_id", "id", "identity_id", "due_at"},
		[][]any{{string(id), row.id, row.identity, row.due}})
}

// end calls what OnEnd added, until one fails.
func (s *Store) end(ctx context.Context, identityID string) error {
	for _, fn := range s.onEnd {
		if err := fn(ctx, identityID); err != nil {
			return err
		}
	}
	return nil
}

// EndDue works off the ends of all tenants that are due, at most batch of them, and says how many; fewer than batch means that
// none is left. The first failure stops it: the rest waits, as the failed one does. Any number of servers may call it.
func (s *Store) EndDue(ctx context.Context, batch int) (n int, err error) {
	if len(s.onEnd) == 0 {
		return 0, nil
	}
	due, err := s.dueEnds(ctx, batch)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		if err := s.endOne(tenant.With(ctx, d.tenant), d.endRow); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

type dueEnd struct {
	endRow

	tenant tenant.ID
}

func (s *Store) dueEnds(ctx context.Context, batch int) ([]dueEnd, error) {
	rows, err := s.db.AllTenants().Query(ctx, `SELECT tenant_id, id, identity_id, due_at FROM identity_end
		WHERE due_at <= ? ORDER BY due_at LIMIT ?`, s.now(), batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var due []dueEnd
	for rows.Next() {
		var d dueEnd
		var of string
		if err := rows.Scan(&of, &d.id, &d.identity, &d.due); err != nil {
			return nil, err
		}
		d.tenant = tenant.ID(of)
		due = append(due, d)
	}
	return due, rows.Err()
}

// endOne takes a row, unless another server was faster, and works it off.
func (s *Store) endOne(ctx context.Context, row endRow) error {
	lease := s.now().Add(endLease)
	n, err := s.db.Exec(ctx, `UPDATE identity_end SET due_at = ? WHERE tenant_id = :tenant AND id = ? AND due_at = ?`, lease, row.id, row.due)
	if err != nil || n == 0 {
		return err
	}
	row.due = lease
	working, cancel := context.WithTimeout(ctx, endLease/2)
	defer cancel()
	if err := s.end(working, row.identity); err != nil {
		return err
	}
	return s.forgetEnd(ctx, row)
}

// forgetEnd deletes a row if nobody else has taken it since.
func (s *Store) forgetEnd(ctx context.Context, row endRow) error {
	_, err := s.db.Exec(ctx, `DELETE FROM identity_end WHERE tenant_id = :tenant AND id = ? AND due_at = ?`, row.id, row.due)
	return err
}
