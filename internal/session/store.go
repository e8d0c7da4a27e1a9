package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Topic is the change feed's topic for sessions. The key is the id of the session, or that of the identity whose sessions
// changed.
const Topic = "session"

// keptFor bounds how long a session is kept without a word from the feed.
const keptFor = 10 * time.Minute

// Store keeps sessions in the management database. Make it with NewStore.
type Store struct {
	db      *sqldb.DB
	feed    *sqldb.Feed
	people  *identity.Store
	tokens  *secret.Tokens
	config  Config
	now     func() time.Time
	inserts *sqldb.Inserter
	reads   *sqldb.Reader[*record]
	cache   *cache.Cache[*kept]
	shared  *cache.Shared[*record]
	changes *changes
	joined  string // reads sessions with their identities, up to its condition
}

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the management database.
	DB *sqldb.DB
	// Feed carries changes to and from the other servers.
	Feed *sqldb.Feed
	// Identities reads the identity of a session out of the row that is joined to it.
	Identities *identity.Store
	// Tokens makes and checks session tokens. Give it a ring of its own purpose.
	Tokens *secret.Tokens
	// Config is the `session` part of the configuration.
	Config Config
	// Remote is what servers share; nil is nothing.
	Remote *cache.Remote
	// Now is the clock.
	Now func() time.Time
}

// NewStore returns a store of sessions. Close it before its database.
func NewStore(o StoreOptions) *Store {
	s := &Store{
		db: o.DB, feed: o.Feed, people: o.Identities, tokens: o.Tokens, config: o.Config, now: o.Now,
		inserts: sqldb.NewInserter(o.DB, "session", columnList()...),
		// No topic: what a change makes void is told by changes, which knows the identity too.
		cache:   cache.New[*kept](cache.Options{Name: Topic, Max: o.Config.CacheSize, TTL: keptFor, Now: o.Now}),
		changes: newChanges(),
		joined: `SELECT ` + selected + `, ` + identity.Columns("i") + ` FROM session s
			JOIN identity i ON i.tenant_id = s.tenant_id AND i.id = s.identity_id WHERE s.tenant_id = :tenant AND `,
	}
	s.reads = sqldb.NewReader(o.DB, s.readDigests)
	s.shared = &cache.Shared[*record]{
		Remote: o.Remote, Feed: o.Feed, Kind: sharedKind + secret.Digest(s.joined)[:8],
		Encode: func(r *record) ([]byte, error) { return json.Marshal(r) }, Decode: decode, Subjects: subjects,
	}
	o.Feed.Subscribe(Topic, s.changes.note)
	o.Feed.Subscribe(identity.Topic, s.changes.note)
	return s
}

// Close waits for what is being written and read. Nothing may be asked of the store after.
func (s *Store) Close() {
	s.inserts.Close()
	s.reads.Close()
}

// columnList names the columns of table session in the order of row, tenant_id first.
func columnList() []string {
	return []string{
		"tenant_id", "id", "identity_id", "digest", "active", "aal", "methods", "devices", "issued_at", "authenticated_at", "expires_at",
		"epoch",
	}
}

func row(id tenant.ID, s *Session) ([]any, error) {
	methods, devices, err := s.documents()
	if err != nil {
		return nil, err
	}
	return []any{
		string(id), s.ID, s.IdentityID, s.digest, true, s.AAL, methods, devices, s.IssuedAt, s.AuthenticatedAt, s.ExpiresAt,
		s.epoch,
	}, nil
}

// documents returns the columns that are JSON.
func (s *Session) documents() (methods, devices json.RawMessage, err error) {
	if methods, err = json.Marshal(s.Methods); err != nil {
		return nil, nil, err
	}
	devices, err = json.Marshal(s.Devices)
	return methods, devices, err
}

// Insert stores a session that New made. Sessions of concurrent requests share a statement.
func (s *Store) Insert(ctx context.Context, made *Session) error {
	values, err := row("", made)
	if err != nil {
		return err
	}
	return s.inserts.Insert(ctx, values)
}

// InsertIn stores a session that New made, in the caller's transaction; that it failed may show with a later statement or
// with the commit. Give the token out after that.
func (s *Store) InsertIn(ctx context.Context, tx *sqldb.Tx, made *Session) error {
	id, _ := tenant.From(ctx)
	values, err := row(id, made)
	if err != nil {
		return err
	}
	return tx.InsertLater(ctx, "session", columnList(), [][]any{values})
}

// selected are the columns of a session in a SELECT, as scan reads them.
const selected = `s.id, s.identity_id, s.digest, s.active, s.aal, s.methods, s.devices, s.issued_at, s.authenticated_at, s.expires_at,
	s.epoch`

// alone reads sessions without their identities, up to its condition.
const alone = `SELECT ` + selected + ` FROM session s WHERE s.tenant_id = :tenant AND `

// scan reads a row of Store.joined, or of alone where people are not asked for.
func (s *Store) scan(ctx context.Context, scan func(...any) error, people bool) (*Session, error) {
	var r record
	if err := scan(r.dest(people)...); err != nil {
		return nil, err
	}
	return s.session(ctx, &r, people)
}

// session makes a session of what was read.
func (s *Store) session(ctx context.Context, r *record, people bool) (*Session, error) {
	got := &Session{
		ID: r.ID, IdentityID: r.IdentityID, digest: r.Digest, AAL: r.AAL, IssuedAt: r.Issued, AuthenticatedAt: r.Authenticated,
		ExpiresAt: r.Expires, epoch: r.Epoch,
	}
	if err := errors.Join(json.Unmarshal([]byte(r.Methods), &got.Methods), json.Unmarshal([]byte(r.Devices), &got.Devices)); err != nil {
		return nil, err
	}
	if people {
		var err error
		if got.Identity, err = s.people.Identity(ctx, &r.Who); err != nil {
			return nil, err
		}
	}
	got.revoked = !r.Active || got.overtaken()
	got.Active = got.live(s.now())
	return got, nil
}

// readDigests reads the sessions of several tokens by one statement.
func (s *Store) readDigests(ctx context.Context, q sqldb.Q, digests []string) (map[string]*record, error) {
	rows, err := q.Query(ctx, s.joined+`s.digest IN (?)`, digests)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]*record, len(digests))
	for rows.Next() {
		one := new(record)
		if err := rows.Scan(one.dest(true)...); err != nil {
			return nil, err
		}
		found[one.Digest] = one
	}
	return found, rows.Err()
}

// ByToken returns the active session of a token, with its identity; ErrNoSession where there is none. One that is kept
// costs no statement, and so does a token that is not ours. It must not be called inside a transaction of the database.
func (s *Store) ByToken(ctx context.Context, token string) (*Session, error) {
	k, err := s.keptByToken(ctx, token)
	if err != nil {
		return nil, err
	}
	return k.session.own(), nil
}

// keptByToken returns the active session of a token as it is kept, shared by all who ask.
func (s *Store) keptByToken(ctx context.Context, token string) (*kept, error) {
	digest, ok := s.tokens.Check(tokenKind, token)
	if !ok {
		return nil, ErrNoSession
	}
	k, err := s.lookup(ctx, digest)
	if err != nil {
		return nil, err
	}
	if !k.session.live(s.now()) {
		return nil, ErrNoSession
	}
	return k, nil
}

// lookup returns the session of a digest, live or not, from memory where that can be believed; ErrNoSession where there
// is none.
func (s *Store) lookup(ctx context.Context, digest string) (*kept, error) {
	id, _ := tenant.From(ctx)
	if k, ok := s.cache.Get(ctx, digest); ok && s.feed.Healthy() && s.changes.fresh(id, k.since, k.session.ID, k.session.IdentityID) {
		return k, nil
	}
	// The order matters: what is said from here on makes what is read void.
	k := &kept{since: s.changes.now()}
	heard := s.feed.Healthy()
	found, err := s.shared.Fetch(ctx, digest, func(ctx context.Context) (*record, error) {
		r, ok, err := s.reads.Get(ctx, digest)
		if err == nil && !ok {
			err = ErrNoSession
		}
		return r, err
	})
	if err != nil {
		return nil, err
	}
	if k.session, err = s.session(ctx, found, true); err != nil {
		return nil, err
	}
	if heard && s.feed.Healthy() {
		s.cache.Set(ctx, digest, k)
	}
	return k, nil
}

// own returns a copy for a caller who may change it. Only the identity is shared.
func (s *Session) own() *Session {
	c := *s
	c.Active = true
	return &c
}
