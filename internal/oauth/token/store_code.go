package token

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// MintCodes makes one authorization code for each grant, and the rows to insert for them, so that they may be part of
// what ends authorization requests. A code is good for the configured lifespan, once. They are remembered at once; should
// the rows never be stored, that does no harm: it spares a select, and the guarded update of the redemption decides.
func (i *Issuer) MintCodes(ctx context.Context, grants ...Grant) (codes []string, rows sqldb.Insert, err error) {
	now := i.Now()
	id, _ := tenant.From(ctx)
	codes, rows = make([]string, len(grants)), sqldb.Insert{Table: "oauth_token", Columns: columns, Rows: make([][]any, len(grants))}
	for n, g := range grants {
		code, digest := i.Tokens.New(string(Code))
		t := &Token{Grant: i.begun(ctx, g), Kind: Code, Digest: digest, IssuedAt: now, ExpiresAt: now.Add(i.Lifespans.AuthorizationCode)}
		row, err := t.row()
		if err != nil {
			return nil, rows, err
		}
		row[0] = string(id)
		codes[n], rows.Rows[n] = code, row
		i.Store.codes.Set(ctx, digest, t)
	}
	return codes, rows, nil
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
