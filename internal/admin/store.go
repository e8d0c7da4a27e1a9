package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// topic names this table's events in the change feed. Their tenant is All, whatever the key's is: who looks a key up does not
	// know it yet.
	topic = "admin_key"
	// kind is the word in the text of keys.
	kind = "admin"
	// keptFor bounds how long a key is believed without a word from the feed.
	keptFor = time.Minute
	keptMax = 1000
)

// Store keeps admin keys in the management database. Make it with NewStore.
type Store struct {
	db     *sqldb.DB
	feed   *sqldb.Feed
	tokens *secret.Tokens
	now    func() time.Time
	cache  *cache.Cache[*Key]
}

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the management database, Feed its change feed.
	DB   *sqldb.DB
	Feed *sqldb.Feed
	// Tokens makes and recognizes the texts of keys. Give it a ring of its own purpose.
	Tokens *secret.Tokens
	// Now is the clock.
	Now func() time.Time
}

// NewStore returns a store of admin keys.
func NewStore(o StoreOptions) *Store {
	s := &Store{
		db: o.DB, feed: o.Feed, tokens: o.Tokens, now: o.Now,
		cache: cache.New[*Key](cache.Options{Name: topic, Max: keptMax, TTL: keptFor, Feed: o.Feed, Topic: topic, Now: o.Now}),
	}
	o.Feed.Subscribe(topic, s.forget)
	return s
}

// forget has nothing believed any more where everything of a tenant has changed: it was deleted, and its keys with it. Keys are
// remembered for All, so the cache does not hear of that by itself.
func (s *Store) forget(_ tenant.ID, key string) {
	if key == "" {
		s.cache.Drop(All, "")
	}
}

var (
	columns  = []string{"tenant_id", "id", "digest", "name", "role", "areas", "created_at", "expires_at", "used_at", "revoked_at", "replaced_by"}
	selected = `SELECT ` + strings.Join(columns, ", ") + ` FROM admin_key WHERE `
)

// scan reads a row of the columns.
func (s *Store) scan(scan func(...any) error) (*Key, error) {
	k := &Key{}
	var of, role, areas string
	if err := scan(&of, &k.ID, &k.digest, &k.Name, &role, &areas, &k.CreatedAt, &k.ExpiresAt, &k.UsedAt, &k.RevokedAt, &k.ReplacedBy); err != nil {
		return nil, err
	}
	k.Tenant, k.Role, k.Only = tenant.ID(of), actor.Role(role), strings.Fields(areas)
	k.State = k.at(s.now())
	if !k.UsedAt.IsZero() {
		k.noted.Store(k.UsedAt.UnixMicro())
	}
	return k, nil
}

// shaped tells whether a text has the form of a key, genuine or not.
func (s *Store) shaped(text string) bool { return s.tokens.Kind(text) == kind }

// find returns the key with a text, in whatever state it is: without a statement where it is remembered, and where the text was
// made up. Then it is ErrNotFound.
func (s *Store) find(ctx context.Context, text string) (*Key, error) {
	digest, ok := s.tokens.Check(kind, text)
	if !ok {
		return nil, ErrNotFound
	}
	return s.cache.Fetch(tenant.With(ctx, All), digest, func(ctx context.Context) (*Key, error) {
		return s.one(ctx, s.db, `digest = ?`, digest)
	})
}

// one reads the key of a condition.
func (s *Store) one(ctx context.Context, db *sqldb.DB, where string, args ...any) (*Key, error) {
	k, err := s.scan(db.AllTenants().QueryRow(ctx, selected+where, args...).Scan)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNotFound
	}
	return k, err
}

// Get returns a key. within is the tenant to which whoever asks is confined, or All.
func (s *Store) Get(ctx context.Context, id string, within tenant.ID) (*Key, error) {
	return s.one(ctx, s.db, `id = ? AND (tenant_id = ? OR ? = '*')`, id, string(within), string(within))
}

// Filter says which keys a list holds.
type Filter struct {
	// Tenant is whose keys; All is everybody's.
	Tenant tenant.ID
	// After is the id behind which the list goes on; keys that were made later have greater ones.
	After string
	// Limit is how many at most.
	Limit int
}

// List returns keys, the oldest first.
func (s *Store) List(ctx context.Context, f Filter) ([]*Key, error) {
	rows, err := s.db.AllTenants().Query(ctx, selected+`id > ? AND (tenant_id = ? OR ? = '*') ORDER BY id LIMIT ?`,
		f.After, string(f.Tenant), string(f.Tenant), f.Limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []*Key{}
	for rows.Next() {
		k, err := s.scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// Any tells whether there is a key that opens something.
func (s *Store) Any(ctx context.Context) (bool, error) {
	ids, err := sqldb.Texts(s.db.AllTenants().Query(ctx, `SELECT id FROM admin_key
		WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) LIMIT 1`, s.now()))
	return len(ids) > 0, err
}

// mint makes a key and its text; nothing is stored.
func (s *Store) mint(n New) (Made, error) {
	now := s.now()
	if err := n.check(now); err != nil {
		return Made{}, err
	}
	text, digest := s.tokens.New(kind)
	only := slices.Clone(n.Only)
	slices.Sort(only)
	return Made{Text: text, Key: &Key{
		ID: secret.NewID(), Tenant: n.Tenant, Name: n.Name, Role: n.Role, Only: slices.Compact(only), State: Active,
		CreatedAt: now, ExpiresAt: n.Expires, digest: digest,
	}}, nil
}

// insert writes a new key.
func (s *Store) insert(ctx context.Context, tx *sqldb.Tx, k *Key) error {
	_, err := tx.InsertRows(ctx, "admin_key", columns, [][]any{{
		string(k.Tenant), k.ID, k.digest, k.Name, string(k.Role), strings.Join(k.Only, " "), k.CreatedAt, orNull(k.ExpiresAt), nil, nil, "",
	}})
	return err
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
