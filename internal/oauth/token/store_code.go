package token

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// InsertCode mints an authorization code for g and stores it through q, so that it may be one step of the transaction
// that ends an authorization request. The code is good for the configured lifespan, once.
func (i *Issuer) InsertCode(ctx context.Context, q sqldb.Q, g Grant) (code string, err error) {
	now := i.Now()
	code, digest := i.Tokens.New(string(Code))
	t := &Token{Grant: i.begun(ctx, g), Kind: Code, Digest: digest, IssuedAt: now, ExpiresAt: now.Add(i.Lifespans.AuthorizationCode)}
	if err := i.Store.insertCode(ctx, q, t); err != nil {
		return "", err
	}
	return code, nil
}

// insertCode stores a code and remembers it. Should the transaction of q fail, what is remembered does no harm: it
// spares a select, and the guarded update of the redemption decides.
func (s *Store) insertCode(ctx context.Context, q sqldb.Q, t *Token) error {
	if err := s.insertVia(ctx, q, t); err != nil {
		return err
	}
	s.codes.Set(ctx, t.Digest, t)
	return nil
}

// code finds an authorization code by its text.
func (s *Store) code(ctx context.Context, code string) (*Token, error) {
	return s.once(ctx, Code, code)
}

// refresh finds a refresh token by its text.
func (s *Store) refresh(ctx context.Context, token string) (*Token, error) {
	return s.once(ctx, Refresh, token)
}

// once finds a token that is used once.
func (s *Store) once(ctx context.Context, kind Kind, text string) (*Token, error) {
	digest, ok := s.tokens.Check(string(kind), text)
	if !ok {
		return nil, ErrUnknown
	}
	if kind == Code {
		if t, ok := s.codes.Get(ctx, digest); ok {
			return t, nil
		}
	}
	t, err := s.load(ctx, digest)
	if err == nil && t.Kind != kind {
		return nil, ErrUnknown
	}
	return t, err
}
