package authorize

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// flowGrace is how long an expired flow is kept, so that who comes late is told how to start again.
const flowGrace = time.Hour

// Sweep deletes what has expired, of all tenants: flows an hour after their end, login sessions, and consents that
// nobody needs. It handles at most batch rows of each and says how many it deleted. It may run in several
// processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	for _, old := range [...]sqldb.Old{
		{Table: "oauth_flow", Key: "id", Time: "expires_at", Until: now.Add(-flowGrace)}, // all rows of a flow have one expiry
		{Table: "oauth_login_session", Key: "id", Time: "expires_at", Until: now},
	} {
		deleted, err := s.db.Sweep(ctx, old, batch)
		n += deleted
		if err != nil {
			return n, err
		}
	}
	deleted, err := s.sweepConsents(ctx, now, batch)
	return n + deleted, err
}

// sweepConsents deletes consents that answer for nothing any more and of which no token is left, and puts off the
// others.
func (s *Store) sweepConsents(ctx context.Context, now time.Time, batch int) (int, error) {
	if s.o.LiveFamilies == nil {
		return 0, nil
	}
	due, err := s.db.Keys(ctx, `SELECT tenant_id, id FROM oauth_consent WHERE review_at <= ? ORDER BY review_at LIMIT ?`, now, batch)
	if err != nil {
		return 0, err
	}
	return due.Each(ctx, func(ctx context.Context, ids []string) (int64, error) {
		live, err := s.o.LiveFamilies(ctx, ids)
		if err != nil {
			return 0, err
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
			return 0, err
		}
		return s.db.Exec(ctx, `DELETE FROM oauth_consent WHERE tenant_id = :tenant AND id IN (?) AND review_at <= ?`, dead, now)
	})
}
