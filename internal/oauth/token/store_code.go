package token

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// InsertCodes mints one authorization code for each grant and stores them through q in one statement, so that it may be
// a step of the transaction that ends authorization requests. A code is good for the configured lifespan, once.
func (i *Issuer) InsertCodes(ctx context.Context, q sqldb.Q, grants ...Grant) (codes []string, err error) {
	now := i.Now()
	codes, tokens := make([]string, len(grants)), make([]*Token, len(grants))
	for n, g := range grants {
		code, digest := i.Tokens.New(string(Code))
		codes[n] = code
		tokens[n] = &Token{Grant: i.begun(ctx, g), Kind: Code, Digest: digest, IssuedAt: now, ExpiresAt: now.Add(i.Lifespans.AuthorizationCode)}
	}
	return codes, i.Store.insertCodes(ctx, q, tokens...)
}

// insertCodes stores codes and remembers them. Should the transaction of q fail, what is remembered does no harm: it
// spares a select, and the guarded update of the redemption decides.
func (s *Store) insertCodes(ctx context.Context, q sqldb.Q, codes ...*Token) error {
	if err := s.insertVia(ctx, q, codes...); err != nil {
		return err
	}
	for _, t := range codes {
		s.codes.Set(ctx, t.Digest, t)
	}
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
