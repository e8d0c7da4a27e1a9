package token

import (
	"context"
	"strings"
)

// LiveFamilies tells which of some families of the context's tenant still have a token that has not expired and was not
// revoked: what hangs on the others is history.
func (s *Store) LiveFamilies(ctx context.Context, families []string) (map[string]bool, error) {
	live := make(map[string]bool, len(families))
	if len(families) == 0 {
		return live, nil
	}
	args := make([]any, 0, len(families)+1)
	for _, f := range families {
		args = append(args, f)
	}
	rows, err := s.db.Query(ctx, `SELECT DISTINCT family FROM oauth_token WHERE tenant_id = :tenant AND family IN (?`+
		strings.Repeat(", ?", len(families)-1)+`) AND revoked_at IS NULL AND expires_at > ?`, append(args, s.now())...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var family string
		if err := rows.Scan(&family); err != nil {
			return nil, err
		}
		live[family] = true
	}
	return live, rows.Err()
}

// Close waits for what is being written and refuses what comes later.
func (s *Store) Close() { s.writes.Close() }
