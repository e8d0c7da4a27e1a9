package token

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// LiveFamilies tells which of some families of the context's tenant still have a token that has not expired and was not
// revoked: what hangs on the others is history.
func (s *Store) LiveFamilies(ctx context.Context, families []string) (map[string]bool, error) {
	live := make(map[string]bool, len(families))
	for chunk := range slices.Chunk(families, rowsAtOnce) {
		found, err := sqldb.Texts(s.db.Query(ctx, `SELECT DISTINCT family FROM oauth_token
			WHERE tenant_id = :tenant AND family IN (?) AND family IS NOT NULL AND revoked_at IS NULL
			AND (expires_at IS NULL OR expires_at > ?)`, chunk, s.now()))
		if err != nil {
			return nil, err
		}
		for _, family := range found {
			live[family] = true
		}
	}
	return live, nil
}

// Close waits for what is being written and refuses what comes later.
func (s *Store) Close() {
	s.reads.Close()
	s.inserts.Close()
	s.writes.Close()
}
