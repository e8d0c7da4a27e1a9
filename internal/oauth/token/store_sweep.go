package token

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Sweep deletes tokens of all tenants whose own expiry has come, at most batch of them, those that expired first, and
// says how many it deleted: fewer than batch means that none is left. Spent and revoked tokens stay until they expire,
// because who presents one again gives a theft away. It may run in several processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	all := s.db.AllTenants()
	rows, err := all.Query(ctx, `SELECT tenant_id, digest FROM oauth_token WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`, now, batch)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	expired := map[tenant.ID][]string{}
	for rows.Next() {
		var id, digest string
		if err := rows.Scan(&id, &digest); err != nil {
			return 0, err
		}
		expired[tenant.ID(id)] = append(expired[tenant.ID(id)], digest)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for id, digests := range expired {
		ctx := tenant.With(ctx, id)
		for len(digests) > 0 {
			step := digests[:min(rowsAtOnce, len(digests))]
			digests = digests[len(step):]
			deleted, err := deleteDigests(ctx, s.db, step)
			n += int(deleted)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
