package token

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// InsertCode mints an authorization code for g and stores it through q, so that it may be one step of the transaction
// that ends an authorization request. The code is good for the configured lifespan, once.
func (i *Issuer) InsertCode(ctx context.Context, q sqldb.Q, g Grant) (code string, err error) {
	return "", nil
}
