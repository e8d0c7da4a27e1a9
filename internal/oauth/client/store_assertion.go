package client

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// usedAssertion is a client assertion that must not work again.
type usedAssertion struct {
	tenant  tenant.ID
	digest  string
	expires time.Time
}

// UseAssertion remembers a client assertion until it expires, and returns
// ErrInvalidClient for one that was used before: its row is there already.
func (s *Store) UseAssertion(ctx context.Context, digest string, expires time.Time) error {
	id, _ := tenant.From(ctx)
	err := s.used.Do(ctx, usedAssertion{tenant: id, digest: digest, expires: expires})
	if errors.Is(err, sqldb.ErrDuplicate) {
		return oauth.ErrInvalidClient.With("Client authentication failed: the assertion was used before; its jti must be new each time.").Because(err)
	}
	return err
}

func insertUsed(ctx context.Context, tx *sqldb.Tx, items []usedAssertion) []error {
	rows := make([][]any, len(items))
	for i, u := range items {
		rows[i] = []any{u.tenant, u.digest, u.expires}
	}
	_, err := tx.InsertRows(ctx, "oauth_client_assertion_jti", []string{"tenant_id", "digest", "expires_at"}, rows)
	errs := make([]error, len(items))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Sweep removes up to limit expired assertions of all tenants and returns how
// many they were.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.db.Sweep(ctx, sqldb.Old{Table: "oauth_client_assertion_jti", Key: "digest", Time: "expires_at", Until: now}, limit)
}
