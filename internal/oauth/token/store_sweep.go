package token

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Sweep deletes tokens of all tenants whose own expiry has come, at most batch of them, those that expired first, and
// says how many it deleted: fewer than batch means that none is left. Spent and revoked tokens stay until they expire,
// because who presents one again gives a theft away. It may run in several processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	return s.db.Sweep(ctx, sqldb.Old{Table: "oauth_token", Key: "digest", Time: "expires_at", Until: now}, batch)
}
