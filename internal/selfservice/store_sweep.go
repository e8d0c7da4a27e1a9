package selfservice

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Flows are kept for a while after they have expired, so that who comes late is told how to go on.
const flowGrace = time.Hour

// Sweep deletes flows that expired an hour ago, of all tenants, at most batch of them, and says how many. It may run in several
// processes at once. Flows with events that are not in the activity log yet stay.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	return s.db.Sweep(ctx, sqldb.Old{Table: "selfservice_flow", Key: "id", Time: "expires_at", Until: now.Add(-flowGrace), Unless: "activity_at"}, batch)
}
