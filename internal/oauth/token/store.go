package token

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Store keeps tokens in the table oauth_token.
type Store struct {
	db *sqldb.DB
}

// Lookup finds an access or refresh token by its text.
func (s *Store) Lookup(ctx context.Context, token string) (*Token, error) { return nil, ErrUnknown }

// RevokeFamilies revokes all tokens of the families.
func (s *Store) RevokeFamilies(ctx context.Context, families ...string) error { return nil }

// RevokeFamiliesIn does the same as a step of the caller's transaction.
func (s *Store) RevokeFamiliesIn(ctx context.Context, tx *sqldb.Tx, families ...string) error {
	return nil
}

// RevokeToken revokes one token by its digest.
func (s *Store) RevokeToken(ctx context.Context, digest string) error { return nil }

// DeleteByClient deletes all tokens of a client.
func (s *Store) DeleteByClient(ctx context.Context, clientID string) error { return nil }

// Sweep deletes up to batch expired tokens of all tenants and says how many.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) { return 0, nil }
