package authorize

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// flowGrace is how long an expired flow is kept, so that who comes late is told how to start again.
const flowGrace = time.Hour

// sweepStep is how many rows one statement deletes.
const sweepStep = 200

// Sweep deletes what has expired, of all tenants: flows an hour after their end, login sessions, and consents that
// nobody needs. It handles at most batch rows of each and says how many it deleted. It may run in several
// processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	for _, sweep := range [...]struct {
		table string
		until time.Time
	}{
		{"oauth_flow", now.Add(-flowGrace)},
		{"oauth_login_session", now},
	} {
		deleted, err := s.sweepTable(ctx, sweep.table, sweep.until, batch)
		n += deleted
		if err != nil {
			return n, err
		}
	}
	deleted, err := s.sweepConsents(ctx, now, batch)
	return n + deleted, err
}

// sweepTable deletes rows by their own expiry. All rows of a flow have the same.
func (s *Store) sweepTable(ctx context.Context, table string, until time.Time, batch int) (n int, err error) {
	expired, err := byTenant(s.db.AllTenants().Query(ctx, `SELECT tenant_id, id FROM `+table+` WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`, until, batch))
	if err != nil {
		return 0, err
	}
	err = inSteps(ctx, expired, func(ctx context.Context, ids []string) error {
		deleted, err := s.db.Exec(ctx, `DELETE FROM `+table+` WHERE tenant_id = :tenant AND id IN (?) AND expires_at <= ?`, ids, until)
		n += int(deleted)
		return err
	})
	return n, err
}

// sweepConsents deletes consents that answer for nothing any more and of which no token is left, and puts off the
// others.
func (s *Store) sweepConsents(ctx context.Context, now time.Time, batch int) (n int, err error) {
	if s.o.LiveFamilies == nil {
		return 0, nil
	}
	due, err := byTenant(s.db.AllTenants().Query(ctx, `SELECT tenant_id, id FROM oauth_consent WHERE review_at <= ? ORDER BY review_at LIMIT ?`, now, batch))
	if err != nil {
		return 0, err
	}
	err = inSteps(ctx, due, func(ctx context.Context, ids []string) error {
		live, err := s.o.LiveFamilies(ctx, ids)
		if err != nil {
			return err
		}
		var dead, kept []string
		for _, id := range ids {
			if live[id] {
				kept = append(kept, id)
			} else {
				dead = append(dead, id)
			}
		}
		if len(kept) > 0 {
			_, err = s.db.Exec(ctx, `UPDATE oauth_consent SET review_at = ? WHERE tenant_id = :tenant AND id IN (?)`, now.Add(reviewAfter), kept)
		}
		if err != nil || len(dead) == 0 {
			return err
		}
		deleted, err := s.db.Exec(ctx, `DELETE FROM oauth_consent WHERE tenant_id = :tenant AND id IN (?) AND review_at <= ?`, dead, now)
		n += int(deleted)
		return err
	})
	return n, err
}

// byTenant reads rows of tenant and id; an id that comes several times is one.
func byTenant(rows *sqldb.Rows, err error) (map[tenant.ID][]string, error) {
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
		ids := out[tenant.ID(t)]
		if len(ids) > 0 && ids[len(ids)-1] == id {
			continue
		}
		out[tenant.ID(t)] = append(ids, id)
	}
	return out, rows.Err()
}

// inSteps calls fn with a few ids of one tenant at a time.
func inSteps(ctx context.Context, all map[tenant.ID][]string, fn func(ctx context.Context, ids []string) error) error {
	for t, ids := range all {
		ctx := tenant.With(ctx, t)
		for len(ids) > 0 {
			step := ids[:min(sweepStep, len(ids))]
			ids = ids[len(step):]
			if err := fn(ctx, step); err != nil {
				return err
			}
		}
	}
	return nil
}
