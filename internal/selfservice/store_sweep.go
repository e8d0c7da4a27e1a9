package selfservice

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Flows are kept for a while after they have expired, so that who comes late is told how to go on.
const flowGrace = time.Hour

// sweepStep is how many rows one statement deletes.
const sweepStep = 200

// Sweep deletes flows that expired an hour ago, of all tenants, at most batch of them, and says how many. It may run in several
// processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	until := now.Add(-flowGrace)
	expired, err := s.expired(ctx, until, batch)
	if err != nil {
		return 0, err
	}
	for t, ids := range expired {
		ctx := tenant.With(ctx, t)
		for len(ids) > 0 {
			step := ids[:min(sweepStep, len(ids))]
			ids = ids[len(step):]
			deleted, err := s.db.Exec(ctx, `DELETE FROM selfservice_flow WHERE tenant_id = :tenant AND id IN (?) AND expires_at <= ?`, step, until)
			n += int(deleted)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (s *Store) expired(ctx context.Context, until time.Time, batch int) (map[tenant.ID][]string, error) {
	rows, err := s.db.AllTenants().Query(ctx, `SELECT tenant_id, id FROM selfservice_flow WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`, until, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[tenant.ID][]string{}
	for rows.Next() {
		var t, id string
		if err := rows.Scan(&t, &id); err != nil {
			return nil, err
		}
		out[tenant.ID(t)] = append(out[tenant.ID(t)], id)
	}
	return out, rows.Err()
}
