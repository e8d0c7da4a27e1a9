package session

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// rowsAtOnce bounds one DELETE.
const rowsAtOnce = 500

// Sweep deletes sessions of all tenants that ended KeepEnded ago, and exchanges whose codes have expired, at most batch of
// each, and says how many it deleted. It may run in several processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	n, err := s.sweep(ctx, `SELECT tenant_id, id FROM session WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`,
		`DELETE FROM session WHERE tenant_id = :tenant AND id IN (?) AND expires_at <= ?`, now.Add(-s.config.KeepEnded), batch)
	if err != nil {
		return n, err
	}
	m, err := s.sweep(ctx, `SELECT tenant_id, init_digest FROM session_exchange WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`,
		`DELETE FROM session_exchange WHERE tenant_id = :tenant AND init_digest IN (?) AND expires_at <= ?`, now, batch)
	return n + m, err
}

// sweep deletes what find finds. The end is asked for again: a session may have been extended in between.
func (s *Store) sweep(ctx context.Context, find, remove string, end time.Time, batch int) (n int, err error) {
	rows, err := s.db.AllTenants().Query(ctx, find, end, batch)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	ended := map[tenant.ID][]string{}
	for rows.Next() {
		var id, key string
		if err := rows.Scan(&id, &key); err != nil {
			return 0, err
		}
		ended[tenant.ID(id)] = append(ended[tenant.ID(id)], key)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for id, keys := range ended {
		ctx := tenant.With(ctx, id)
		for len(keys) > 0 {
			step := keys[:min(rowsAtOnce, len(keys))]
			keys = keys[len(step):]
			gone, err := s.db.Exec(ctx, remove, step, end)
			n += int(gone)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
