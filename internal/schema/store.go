package schema

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// topic is where changes of schemas are told; the key is the schema's id.
const topic = "identity schema"

// Store keeps the schemas of tenants in the management database. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	feed *sqldb.Feed
}

// NewStore returns a store in the management database.
func NewStore(db *sqldb.DB, feed *sqldb.Feed) *Store { return &Store{db: db, feed: feed} }

// watch calls fn for each change, also for those of other servers.
func (s *Store) watch(fn func()) { s.feed.Subscribe(topic, func(tenant.ID, string) { fn() }) }

// now is the database's clock.
func (s *Store) now() time.Time { return s.db.Now() }

const columns = `SELECT tenant_id, id, digest, size, selectable, default_at, version, created_at, changed_at, removed_at FROM identity_schema `

func scan(rows *sqldb.Rows, err error) ([]Stored, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Stored
	for rows.Next() {
		var s Stored
		if err := rows.Scan(&s.Tenant, &s.ID, &s.Digest, &s.Size, &s.Selectable, &s.DefaultAt, &s.Version, &s.Created, &s.Changed, &s.Removed); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// load reads the schemas of all tenants: one statement.
func (s *Store) load(ctx context.Context) ([]Stored, error) {
	return scan(s.db.AllTenants().Query(ctx, columns+`ORDER BY tenant_id, id`))
}

// of reads those of the context's tenant, in the order of their ids.
func (s *Store) of(ctx context.Context) ([]Stored, error) {
	return scan(s.db.Query(ctx, columns+`WHERE tenant_id = :tenant ORDER BY id`))
}

const textsAtOnce = 500

// texts reads schemas by their digests: none for none, else one statement for every 500.
func (s *Store) texts(ctx context.Context, digests map[string]bool) (map[string][]byte, error) {
	texts := make(map[string][]byte, len(digests))
	for some := range slices.Chunk(slices.Sorted(maps.Keys(digests)), textsAtOnce) {
		if err := s.readTexts(ctx, some, texts); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func (s *Store) readTexts(ctx context.Context, digests []string, into map[string][]byte) error {
	rows, err := s.db.AllTenants().Query(ctx, `SELECT digest, document FROM identity_schema WHERE digest IN (?)`, digests)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var digest, document string
		if err := rows.Scan(&digest, &document); err != nil {
			return err
		}
		into[digest] = []byte(document)
	}
	return rows.Err()
}

// write is one change of a schema.
type write struct {
	was      *Stored // nil for a new one
	next     Stored
	document json.RawMessage // nil leaves it as it is
	event    activity.Event
}

// apply makes a change, if the schema is still what it was; false says that somebody was faster, and nothing was done.
func (s *Store) apply(ctx context.Context, w *write) (done bool, err error) {
	next := &w.next
	w.event.Subject = activity.Party{Kind: "schema", ID: next.ID}
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		var n int64
		var err error
		switch {
		case w.was == nil:
			n, err = tx.Exec(ctx, `INSERT INTO identity_schema (tenant_id, id, document, digest, size, selectable, default_at, version, created_at, changed_at)
				VALUES (:tenant, ?, ?, ?, ?, ?, ?, 1, ?, ?)`, next.ID, string(w.document), next.Digest, next.Size, next.Selectable, next.DefaultAt, next.Created, next.Changed)
		case w.document == nil:
			n, err = tx.Exec(ctx, `UPDATE identity_schema SET default_at = ?, removed_at = ?, changed_at = ?, version = version + 1
				WHERE tenant_id = :tenant AND id = ? AND version = ?`, next.DefaultAt, next.Removed, next.Changed, next.ID, next.Version)
		default:
			n, err = tx.Exec(ctx, `UPDATE identity_schema SET document = ?, digest = ?, size = ?, selectable = ?, default_at = ?, removed_at = NULL, changed_at = ?,
				version = version + 1 WHERE tenant_id = :tenant AND id = ? AND version = ?`,
				string(w.document), next.Digest, next.Size, next.Selectable, next.DefaultAt, next.Changed, next.ID, next.Version)
		}
		if done = n == 1; err != nil || !done {
			return err
		}
		if err := activity.Write(ctx, tx, w.event); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, topic, next.ID)
	})
	if errors.Is(err, sqldb.ErrDuplicate) {
		return false, nil
	}
	return done, err
}

// delete deletes the row of a schema that is as it was read.
func (s *Store) delete(ctx context.Context, one *Stored) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM identity_schema WHERE tenant_id = :tenant AND id = ? AND version = ?`, one.ID, one.Version)
		if err != nil || n == 0 {
			return err
		}
		return s.feed.Publish(ctx, tx, topic, one.ID)
	})
}
