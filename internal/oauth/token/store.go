package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// topic names this table's events in the change feed.
const topic = "oauth_token"

// codeHints bounds how many codes of this process wait in memory for their redemption.
const codeHints = 10_000

// Verifier checks the signature of a JWT that this server signed. Package keys has the real one.
type Verifier interface {
	Verify(ctx context.Context, set, token, typ string) (claims []byte, err error)
}

// StoreOptions is what a Store needs.
type StoreOptions struct {
	DB     *sqldb.DB
	Feed   *sqldb.Feed
	Tokens *secret.Tokens
	Keys   Verifier
	Config Config
	Remote *cache.Remote // what servers share; nil is nothing
	// Closed tells whether no token of the context's tenant counts for now; nil says no.
	Closed func(ctx context.Context) bool
	Now    func() time.Time
}

// Store keeps tokens in the table oauth_token, and the state of access tokens that are asked for often in memory.
// Several processes may share the table: what one revokes, the others see through the change feed.
type Store struct {
	db     *sqldb.DB
	feed   *sqldb.Feed
	tokens *secret.Tokens
	keys   Verifier
	now    func() time.Time
	closed func(ctx context.Context) bool
	grace  time.Duration

	reads   *sqldb.Reader[stored]
	inserts *sqldb.Inserter // tokens of which nothing is asked before
	writes  *sqldb.Coalescer[*write]
	shared  *cache.Shared[*Token]
	access  *cache.Cache[*entry] // access tokens, by the digest of their text
	codes   *cache.Cache[*Token] // codes of this process that nobody redeemed yet: spares their redemption a select
	epochs  epochs
}

// entry is a cached token together with what would make it stale.
type entry struct {
	token *Token
	stamp stamp
}

// NewStore makes a Store.
func NewStore(o StoreOptions) *Store {
	s := &Store{epochs: epochs{seed: maphash.MakeSeed()}, db: o.DB, feed: o.Feed, tokens: o.Tokens, keys: o.Keys, now: o.Now, closed: o.Closed, grace: o.Config.Refresh.GracePeriod}
	s.reads = sqldb.NewReader(o.DB, readTokens)
	s.inserts = sqldb.NewInserter(o.DB, "oauth_token", columns...)
	s.writes = sqldb.NewCoalescer(o.DB, sqldb.CoalescerOptions{}, s.flush)
	s.access = cache.New[*entry](cache.Options{
		Name: "oauth_token", Max: o.Config.TokenCache.Size, TTL: o.Config.TokenCache.TTL,
		Feed: o.Feed, Topic: topic, Now: o.Now,
	})
	s.shared = &cache.Shared[*Token]{
		Remote: o.Remote, Feed: o.Feed, Kind: sharedKind, Encode: encodeShared, Decode: decodeShared, Subjects: subjects,
	}
	s.codes = cache.New[*Token](cache.Options{Name: "oauth_code", Max: codeHints, TTL: time.Minute, Now: o.Now})
	if o.Feed != nil {
		o.Feed.Subscribe(topic, s.epochs.advance)
	}
	return s
}

// Lookup finds an access or refresh token by its text, in whatever state it is. What was not minted here is ErrUnknown
// without a statement; so are codes, which are no tokens to anybody but the token endpoint. The state of access tokens
// may come from memory.
func (s *Store) Lookup(ctx context.Context, token string) (*Token, error) {
	if s.closed != nil && s.closed(ctx) {
		return nil, ErrUnknown
	}
	switch s.tokens.Kind(token) {
	case string(Access):
		digest, ok := s.tokens.Check(string(Access), token)
		if !ok {
			return nil, ErrUnknown
		}
		return s.cached(ctx, digest, digest)
	case string(Refresh):
		digest, ok := s.tokens.Check(string(Refresh), token)
		if !ok {
			return nil, ErrUnknown
		}
		// Not cached: a refresh token changes its state with every use, and each would have to be told to all.
		return s.load(ctx, digest)
	case "":
		return s.lookupJWT(ctx, token)
	}
	return nil, ErrUnknown
}

// lookupJWT finds a JWT access token. Its row is under its jti; the cache is asked with the digest of the whole text,
// so that the signature of a token that comes often is checked once.
func (s *Store) lookupJWT(ctx context.Context, token string) (*Token, error) {
	if !jwtShaped(token) {
		return nil, ErrUnknown
	}
	key := secret.Digest(token)
	if e, ok := s.access.Get(ctx, key); ok && s.epochs.current(e.stamp) {
		return e.token, nil
	}
	claims, err := s.keys.Verify(ctx, keys.AccessToken, token, accessTokenType)
	if err != nil {
		return nil, errors.Join(ErrUnknown, err)
	}
	var named struct {
		ID string `json:"jti"`
	}
	if err := json.Unmarshal(claims, &named); err != nil || named.ID == "" {
		return nil, ErrUnknown
	}
	return s.cached(ctx, key, secret.Digest(named.ID))
}

// cached finds an access token in memory under key, or else in the database under digest.
func (s *Store) cached(ctx context.Context, key, digest string) (*Token, error) {
	if e, ok := s.access.Get(ctx, key); ok && s.epochs.current(e.stamp) {
		return e.token, nil
	}
	before := s.epochs.now()
	t, err := s.shared.Fetch(ctx, digest, func(ctx context.Context) (*Token, error) { return s.load(ctx, digest) })
	if err != nil {
		return nil, err
	}
	if t.Kind != Access {
		return nil, ErrUnknown
	}
	// The stamp is of the epochs before the row was read: had it been revoked since, the entry is born stale.
	if stamp, ok := s.epochs.stamp(ctx, t, before); ok {
		s.access.Set(ctx, key, &entry{token: t, stamp: stamp})
	}
	return t, nil
}

// load reads a token of any kind.
func (s *Store) load(ctx context.Context, digest string) (*Token, error) {
	t, found, err := s.reads.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrUnknown
	}
	if t.unread != nil {
		return nil, t.unread
	}
	return t.Token, nil
}

// stored is a token as it was read. One that cannot be understood is an error for who asked, and for nobody else.
type stored struct {
	*Token
	unread error
}

// readTokens reads tokens of any kind.
func readTokens(ctx context.Context, q sqldb.Q, digests []string) (map[string]stored, error) {
	rows, err := q.Query(ctx, `SELECT digest, kind, grant_json, issued_at, expires_at, spent_at, revoked_at
		FROM oauth_token WHERE tenant_id = :tenant AND digest IN (?)`, digests)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]stored, len(digests))
	for rows.Next() {
		t := &Token{}
		var payload []byte
		if err := rows.Scan(&t.Digest, &t.Kind, &payload, &t.IssuedAt, &t.ExpiresAt, &t.SpentAt, &t.RevokedAt); err != nil {
			return nil, err
		}
		var unread error
		if err := json.Unmarshal(payload, &t.Grant); err != nil {
			unread = fmt.Errorf("token: the grant of a stored token cannot be read: %w", err)
		}
		found[t.Digest] = stored{t, unread}
	}
	return found, rows.Err()
}

// row turns a token into the values of its columns.
func (t *Token) row() ([]any, error) {
	payload, err := t.Grant.stored()
	if err != nil {
		return nil, fmt.Errorf("token: the grant cannot be stored: %w", err)
	}
	var family any // NULL where there is none
	if t.Family != "" {
		family = t.Family
	}
	return []any{nil, t.Digest, string(t.Kind), family, t.ClientID, payload, t.IssuedAt, t.ExpiresAt}, nil
}

// columns are the columns of a new row, in the order that Token.row gives them; tenant_id is filled in on insertion.
var columns = []string{"tenant_id", "digest", "kind", "family", "client_id", "grant_json", "issued_at", "expires_at"}
