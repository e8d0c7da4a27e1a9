package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Topic is the change feed's topic for clients; the key is the client id.
const Topic = "client"

// cacheTTL bounds how long a client is kept without a word from the feed.
const cacheTTL = 10 * time.Minute

// maxAttempts is how often a change is tried against others' changes.
const maxAttempts = 8

// Store keeps clients in the oauth database. Make it with NewStore.
type Store struct {
	db      *sqldb.DB
	feed    *sqldb.Feed
	cache   *cache.Cache[*Client]
	shared  *cache.Shared[*record]
	origins *cache.Cache[*originSet]
	now     func() time.Time
	used    *sqldb.Coalescer[usedAssertion]

	slowSecrets atomic.Bool // a client with a chosen secret was seen
}

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the oauth database.
	DB *sqldb.DB
	// Feed carries changes to the other servers.
	Feed *sqldb.Feed
	// CacheSize is how many clients are kept in memory.
	CacheSize int
	// Remote is what servers share; nil is nothing.
	Remote *cache.Remote
	// Now is the clock.
	Now func() time.Time
}

// NewStore returns a store of clients.
func NewStore(o StoreOptions) *Store {
	return &Store{
		db:   o.DB,
		feed: o.Feed,
		cache: cache.New[*Client](cache.Options{
			Name: Topic, Max: o.CacheSize, TTL: cacheTTL, Feed: o.Feed, Topic: Topic, Now: o.Now,
		}),
		shared: &cache.Shared[*record]{
			Remote: o.Remote, Feed: o.Feed, Kind: sharedKind,
			Encode: func(r *record) ([]byte, error) { return json.Marshal(r) }, Decode: decodeRecord, Subjects: subjects,
		},
		origins: cache.New[*originSet](cache.Options{
			Name: originTopic, Max: 1000, TTL: cacheTTL, Feed: o.Feed, Topic: originTopic, Now: o.Now,
		}),
		now:  o.Now,
		used: sqldb.NewCoalescer(o.DB, sqldb.CoalescerOptions{}, insertUsed),
	}
}

// Close waits for what is being written. Nothing may be asked of the store after.
func (s *Store) Close() { s.used.Close() }

const columns = `client_id, document, secrets, version, created_at, updated_at`

// Get returns the client, from memory where it can. The client is shared and
// must not be changed. ErrNotFound when there is none.
func (s *Store) Get(ctx context.Context, id string) (*Client, error) {
	if c, ok := s.cache.Get(ctx, id); ok {
		return c, nil
	}
	if !ValidID(id) {
		return nil, ErrNotFound // not worth a statement, and some databases choke on what else an id may hold
	}
	return s.cache.Fetch(ctx, id, func(ctx context.Context) (*Client, error) {
		r, err := s.shared.Fetch(ctx, id, func(ctx context.Context) (*record, error) { return s.record(ctx, id) })
		if err != nil {
			return nil, err
		}
		return s.client(r)
	})
}

// read returns the client as it is in the database, for the caller alone.
func (s *Store) read(ctx context.Context, id string) (*Client, error) {
	if !ValidID(id) {
		return nil, ErrNotFound
	}
	r, err := s.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.client(r)
}

// record returns the row of a valid id.
func (s *Store) record(ctx context.Context, id string) (*record, error) {
	r := new(record)
	err := s.db.QueryRow(ctx, `SELECT `+columns+` FROM oauth_client WHERE tenant_id = :tenant AND client_id = ?`, id).Scan(r.dest()...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNotFound
	}
	return r, err
}

// client makes a client of what was read.
func (s *Store) client(r *record) (*Client, error) {
	c := new(Client)
	if err := json.Unmarshal([]byte(r.Document), c); err != nil {
		return nil, err
	}
	c.ID, c.version, c.CreatedAt, c.UpdatedAt = r.ID, r.Version, r.Created, r.Updated
	var err error
	if c.secrets, err = decodeSecrets(r.Secrets); err != nil {
		return nil, err
	}
	s.noteSlow(c)
	c.meaning()
	return c, nil
}

func (s *Store) noteSlow(c *Client) {
	for _, one := range c.secrets {
		if one.Chosen {
			s.slowSecrets.Store(true)
		}
	}
}

// Create stores a new client; ErrExists when its id is taken.
func (s *Store) Create(ctx context.Context, c *Client) error {
	document, secrets, err := encode(c)
	if err != nil {
		return err
	}
	s.noteSlow(c)
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO oauth_client
			(tenant_id, client_id, client_name, owner, document, secrets, version, created_at, updated_at)
			VALUES (:tenant, ?, ?, ?, ?, ?, 1, ?, ?)`,
			c.ID, c.Name, c.Owner, document, secrets, c.CreatedAt, c.UpdatedAt)
		if err != nil {
			return err
		}
		if err := s.writeOrigins(ctx, tx, c.ID, nil, c.AllowedCORSOrigins); err != nil {
			return err
		}
		if err := tell(ctx, tx, activity.ClientCreated, c, nil, json.RawMessage(document), len(c.secrets) > 0); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, c.ID)
	})
	if errors.Is(err, sqldb.ErrDuplicate) {
		return ErrExists.Because(err)
	}
	return err
}

// tell writes a change into the activity log. Of secrets it tells that they are others.
func tell(ctx context.Context, tx *sqldb.Tx, action activity.Action, c *Client, before, after json.RawMessage, secrets bool) error {
	e := activity.Event{Action: action, Subject: activity.Client(c.ID)}
	e.Subject.Name = c.Name
	e.Before, e.After = activity.Diff(before, after)
	if secrets {
		e.Detail = map[string]string{"secret": "changed"}
	}
	return activity.Write(ctx, tx, e)
}

func encode(c *Client) (document, secrets string, err error) {
	raw, err := marshal(c)
	if err != nil {
		return "", "", err
	}
	secrets, err = encodeSecrets(c.secrets)
	return string(raw), secrets, err
}

// marshal leaves < > & as they are, where json.Marshal would rewrite the
// operator's metadata.
func marshal(c *Client) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(c)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Change reads the client, asks fn what comes in its place (the same one changed,
// or another), and writes that if nobody else wrote meanwhile; else it starts
// over, so fn may run again. What fn does slowly (a hash, a fetch) holds no
// transaction open. It returns the client as written.
func (s *Store) Change(ctx context.Context, id string, fn func(*Client) (*Client, error)) (*Client, error) {
	for range maxAttempts {
		old, err := s.read(ctx, id)
		if err != nil {
			return nil, err
		}
		version, origins := old.version, slices.Clone(old.AllowedCORSOrigins)
		before, secrets, err := encode(old)
		if err != nil {
			return nil, err
		}
		next, err := fn(old)
		if err != nil {
			return nil, err
		}
		next.ID, next.version, next.UpdatedAt = id, version, s.now()
		written, err := s.update(ctx, next, former{origins, json.RawMessage(before), secrets})
		if err != nil {
			return nil, err
		}
		if written {
			return next, nil
		}
	}
	return nil, ErrChanged
}

// former is what of a client is compared with what comes in its place.
type former struct {
	origins  []string
	document json.RawMessage
	secrets  string
}

func (s *Store) update(ctx context.Context, c *Client, was former) (written bool, err error) {
	document, secrets, err := encode(c)
	if err != nil {
		return false, err
	}
	s.noteSlow(c)
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE oauth_client
			SET client_name = ?, owner = ?, document = ?, secrets = ?, version = version + 1, updated_at = ?
			WHERE tenant_id = :tenant AND client_id = ? AND version = ?`,
			c.Name, c.Owner, document, secrets, c.UpdatedAt, c.ID, c.version)
		if written = n == 1; err != nil || !written {
			return err
		}
		if err := s.writeOrigins(ctx, tx, c.ID, was.origins, c.AllowedCORSOrigins); err != nil {
			return err
		}
		if err := tell(ctx, tx, activity.ClientUpdated, c, was.document, json.RawMessage(document), secrets != was.secrets); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, c.ID)
	})
	return written, err
}

// Delete removes the client; ErrNotFound when there is none. What was issued to
// it is for the caller to end.
func (s *Store) Delete(ctx context.Context, id string) error {
	if !ValidID(id) {
		return ErrNotFound
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM oauth_client WHERE tenant_id = :tenant AND client_id = ?`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		if err := s.dropOrigins(ctx, tx, id); err != nil {
			return err
		}
		if err := activity.Write(ctx, tx, activity.Event{Action: activity.ClientDeleted, Subject: activity.Client(id)}); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, id)
	})
}

// Filter says which clients a list holds.
type Filter struct {
	// Name and Owner are compared exactly; empty is any.
	Name, Owner string
	// After is the client id after which the list begins; empty begins at the first.
	After string
	// Limit is how many clients at most.
	Limit int
}

// List returns clients in the order of their ids.
func (s *Store) List(ctx context.Context, f Filter) ([]*Client, error) {
	query := `SELECT ` + columns + ` FROM oauth_client WHERE tenant_id = :tenant AND client_id > ?`
	args := []any{f.After}
	if f.Name != "" {
		query, args = query+` AND client_name = ?`, append(args, f.Name)
	}
	if f.Owner != "" {
		query, args = query+` AND owner = ?`, append(args, f.Owner)
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY client_id LIMIT ?`, append(args, f.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []*Client{}
	for rows.Next() {
		var r record
		if err := rows.Scan(r.dest()...); err != nil {
			return nil, err
		}
		c, err := s.client(&r)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
