package client

import (
	"context"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	originTopic = "client_origin"
	maxOrigins  = 50_000 // of a tenant, kept in memory
)

// writeOrigins makes the origins of a client what they are now. Most clients
// have none and most changes change none, which costs no statement.
func (s *Store) writeOrigins(ctx context.Context, tx *sqldb.Tx, id string, before, now []string) error {
	if slices.Equal(before, now) {
		return nil
	}
	if len(before) > 0 {
		if err := s.dropOrigins(ctx, tx, id); err != nil {
			return err
		}
	}
	t, _ := tenant.From(ctx)
	var rows [][]any
	for i, origin := range now {
		if !slices.Contains(now[:i], origin) {
			rows = append(rows, []any{t, id, origin})
		}
	}
	if _, err := tx.InsertRows(ctx, "oauth_client_origin", []string{"tenant_id", "client_id", "origin"}, rows); err != nil {
		return err
	}
	return s.feed.Publish(ctx, tx, originTopic, "")
}

func (s *Store) dropOrigins(ctx context.Context, tx *sqldb.Tx, id string) error {
	n, err := tx.Exec(ctx, `DELETE FROM oauth_client_origin WHERE tenant_id = :tenant AND client_id = ?`, id)
	if err != nil || n == 0 {
		return err
	}
	return s.feed.Publish(ctx, tx, originTopic, "")
}

// OriginAllowed reports whether a client of the tenant lists the origin, itself
// or by a pattern such as https://*.example.com. All origins of a tenant are
// kept together, so that made-up ones cost no statement each.
func (s *Store) OriginAllowed(ctx context.Context, origin string) (bool, error) {
	set, err := s.origins.Fetch(ctx, "all", s.readOrigins)
	if err != nil {
		return false, err
	}
	return set.allows(origin), nil
}

func (s *Store) readOrigins(ctx context.Context) (*originSet, error) {
	origins, err := sqldb.Texts(s.db.Query(ctx, `SELECT DISTINCT origin FROM oauth_client_origin
		WHERE tenant_id = :tenant ORDER BY origin LIMIT ?`, maxOrigins))
	if err != nil {
		return nil, err
	}
	set := &originSet{exact: map[string]bool{}, below: map[string]bool{}}
	for _, origin := range origins {
		set.add(origin)
	}
	return set, nil
}
