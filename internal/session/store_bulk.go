package session

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// bulkLimit is how many sessions one call about everybody's touches at most.
const bulkLimit = 5000

// Bulk says which sessions an administrator means: of identities, by id, or everybody's.
type Bulk struct {
	// Identities or Sessions are ids; one of the two.
	Identities, Sessions []string
	// Everybody means all sessions of the tenant, some thousands at a time.
	Everybody bool
	// Delete removes the rows; else the sessions end and stay for a while.
	Delete bool
}

// Manage ends or deletes many sessions and tells how many. more says that there may be others: call it again.
func (s *Store) Manage(ctx context.Context, b Bulk) (n int, more bool, err error) {
	if b.Everybody {
		ids, err := s.anyIDs(ctx, b.Delete)
		if err != nil || len(ids) == 0 {
			return 0, false, err
		}
		b.Sessions = ids
	}
	column, ids := `id`, b.Sessions
	if len(b.Identities) > 0 {
		column, ids = `identity_id`, b.Identities
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if len(b.Identities) > 0 {
			if err := s.people.RaiseEpochIn(ctx, tx, ids...); err != nil {
				return err
			}
		}
		done, err := s.manageIn(ctx, tx, column, ids, b.Delete)
		n = int(done)
		if err != nil || done == 0 && len(b.Identities) == 0 {
			return err
		}
		if err := b.tell(ctx, tx, n); err != nil {
			return err
		}
		if b.Everybody {
			return s.feed.Publish(ctx, tx, Topic, "")
		}
		for _, id := range ids {
			if err := s.feed.Publish(ctx, tx, Topic, id); err != nil {
				return err
			}
		}
		return nil
	})
	return n, b.Everybody && len(b.Sessions) == bulkLimit, err
}

// tell writes into the activity log what was done, and to how many sessions in all.
func (b Bulk) tell(ctx context.Context, tx *sqldb.Tx, n int) error {
	if n > 0 && len(b.Identities) == 0 && !b.Everybody {
		return ended(ctx, tx, b.Sessions...)
	}
	if n == 0 {
		return nil
	}
	return endedOf(ctx, tx, n, b.Identities...)
}

func (s *Store) manageIn(ctx context.Context, tx *sqldb.Tx, column string, ids []string, remove bool) (int64, error) {
	if remove {
		return tx.Exec(ctx, `DELETE FROM session WHERE tenant_id = :tenant AND `+column+` IN (?)`, ids)
	}
	return tx.Exec(ctx, `UPDATE session SET active = ? WHERE tenant_id = :tenant AND active = ? AND `+column+` IN (?)`, false, true, ids)
}

// anyIDs returns ids of the tenant's sessions; of active ones where they are not to be deleted.
func (s *Store) anyIDs(ctx context.Context, all bool) ([]string, error) {
	query, args := `SELECT id FROM session WHERE tenant_id = :tenant`, []any{}
	if !all {
		query, args = query+` AND active = ?`, append(args, true)
	}
	return sqldb.Texts(s.db.Query(ctx, query+` ORDER BY id LIMIT ?`, append(args, bulkLimit)...))
}
