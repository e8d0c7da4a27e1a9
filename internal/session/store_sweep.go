package session

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Sweep deletes sessions of all tenants that ended KeepEnded ago, and exchanges whose codes have expired, at most batch of
// each, and says how many it deleted. It may run in several processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	n, err := s.db.Sweep(ctx, sqldb.Old{Table: "session", Key: "id", Time: "expires_at", Until: now.Add(-s.config.KeepEnded)}, batch)
	if err != nil {
		return n, err
	}
	m, err := s.db.Sweep(ctx, sqldb.Old{Table: "session_exchange", Key: "init_digest", Time: "expires_at", Until: now}, batch)
	return n + m, err
}
