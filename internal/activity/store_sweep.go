package activity

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// sweep deletes the beginning of one tenant's log and moves the head's checkpoint behind it, in one transaction.
func (s *Store) sweep(ctx context.Context, before time.Time, exports []string, batch int) (int, error) {
	until, err := s.exported(ctx, exports)
	if err != nil || until == 0 {
		return 0, err
	}
	deleted := 0
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		deleted = 0
		h, key, err := s.lockHead(ctx, tx)
		if err != nil {
			return err
		}
		last, hash, err := lastOld(ctx, tx, h.first, min(until, h.first+int64(batch)-1), before)
		if err != nil || last < h.first {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM activity WHERE tenant_id = :tenant AND seq <= ?`, last)
		if err != nil {
			return err
		}
		after := h
		after.first, after.anchor = last+1, hash
		after.mac = after.sum(key)
		deleted = int(n)
		return moveHead(ctx, tx, h, after)
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// lastOld finds the last of the lines from first to until that has only old ones before it; 0 where the first is not old. The
// times of lines need not rise, so it ends before the first that is not old.
func lastOld(ctx context.Context, tx *sqldb.Tx, first, until int64, before time.Time) (seq int64, hash string, err error) {
	young := until + 1
	err = tx.QueryRow(ctx, `SELECT seq FROM activity WHERE tenant_id = :tenant AND seq >= ? AND seq <= ? AND happened_at >= ? ORDER BY seq LIMIT 1`,
		first, until, before).Scan(&young)
	if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return 0, "", err
	}
	err = tx.QueryRow(ctx, `SELECT seq, hash FROM activity WHERE tenant_id = :tenant AND seq >= ? AND seq < ? ORDER BY seq DESC LIMIT 1`,
		first, young).Scan(&seq, &hash)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, "", nil
	}
	return seq, hash, err
}
