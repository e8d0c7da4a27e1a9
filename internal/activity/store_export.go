package activity

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// exported returns up to which line every export has sent the tenant's log; the greatest number where there is no export.
func (s *Store) exported(ctx context.Context, names []string) (int64, error) {
	until := int64(math.MaxInt64)
	for _, name := range names {
		var seq int64
		err := s.db.QueryRow(ctx, `SELECT seq FROM activity_export WHERE tenant_id = :tenant AND name = ?`, name).Scan(&seq)
		if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
			return 0, err
		}
		until = min(until, seq)
	}
	return until, nil
}

// claim takes an export of the tenant's log until the lease ends, unless another server has it, and returns up to which line it
// was sent.
func (s *Store) claim(ctx context.Context, name, owner string, now time.Time, lease time.Duration) (seq int64, ok bool, err error) {
	n, err := s.lease(ctx, name, owner, now, lease)
	if err == nil && n == 0 {
		_, err = s.db.Exec(ctx, `INSERT INTO activity_export (tenant_id, name, seq, owner) VALUES (:tenant, ?, ?, ?)`+
			s.db.Dialect().Upsert([]string{"tenant_id", "name"}), name, 0, "")
		if err == nil {
			n, err = s.lease(ctx, name, owner, now, lease)
		}
	}
	if err != nil || n == 0 {
		return 0, false, err
	}
	err = s.db.QueryRow(ctx, `SELECT seq FROM activity_export WHERE tenant_id = :tenant AND name = ?`, name).Scan(&seq)
	return seq, err == nil, err
}

// lease takes the export if it is free. A lease that ends later than any can was written by a clock that was wrong, and counts
// for nothing.
func (s *Store) lease(ctx context.Context, name, owner string, now time.Time, lease time.Duration) (int64, error) {
	return s.db.Exec(ctx, `UPDATE activity_export SET owner = ?, lease_until = ?
		WHERE tenant_id = :tenant AND name = ? AND (owner = ? OR lease_until IS NULL OR lease_until < ? OR lease_until > ?)`,
		owner, now.Add(lease), name, owner, now, now.Add(2*maxLease))
}

// sent notes up to which line the export was sent. It is false when another server has taken over.
func (s *Store) sent(ctx context.Context, name, owner string, seq int64, until time.Time) (bool, error) {
	n, err := s.db.Exec(ctx, `UPDATE activity_export SET seq = ?, lease_until = ? WHERE tenant_id = :tenant AND name = ? AND owner = ? AND seq <= ?`,
		seq, until, name, owner, seq)
	return n == 1, err
}

// behind returns the tenants whose logs have lines that the export has not sent: one statement.
func (s *Store) behind(ctx context.Context, name string) ([]tenant.ID, error) {
	return scanTenants(s.db.AllTenants().Query(ctx, `SELECT h.tenant_id FROM activity_head h
		LEFT JOIN activity_export e ON e.tenant_id = h.tenant_id AND e.name = ? WHERE h.seq > COALESCE(e.seq, 0) ORDER BY h.tenant_id`, name))
}
