package identity

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Topic is the change feed's topic for identities; the key is the identity's id.
const Topic = "identity"

// Store keeps identities in the management database. Make it with NewStore.
type Store struct {
	db       *sqldb.DB
	feed     *sqldb.Feed
	ring     *secret.Ring
	schemas  *Schemas
	base     func(ctx context.Context) string
	now      func() time.Time
	reads    *sqldb.Reader[joinedRow]
	onDelete []func(ctx context.Context, tx *sqldb.Tx, identityID string) error
	onChange []func(ctx context.Context, tx *sqldb.Tx, identityID string) error
	onEnd    []End
}

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the management database.
	DB *sqldb.DB
	// Feed carries changes to the other servers.
	Feed *sqldb.Feed
	// Ring seals credentials. Give it a ring of its own purpose.
	Ring *secret.Ring
	// Schemas are the identity schemas.
	Schemas *Schemas
	// BaseURL is the public listener's for the context's tenant, with a slash at its end: the schemas' URLs are made from it. Nil is
	// that of no address.
	BaseURL func(ctx context.Context) string
	// Now is the clock.
	Now func() time.Time
}

// NewStore returns a store of identities.
func NewStore(o StoreOptions) *Store {
	s := &Store{db: o.DB, feed: o.Feed, ring: o.Ring, schemas: o.Schemas, base: o.BaseURL, now: o.Now}
	if s.base == nil {
		s.base = func(context.Context) string { return "" }
	}
	s.reads = sqldb.NewReader(o.DB, s.readIdentifiers)
	return s
}

// Schemas returns the schemas of the store.
func (s *Store) Schemas() *Schemas { return s.schemas }

// OnDelete has fn called in the transaction that deletes an identity, for those whose rows belong to it. Call it before
// the store is used.
func (s *Store) OnDelete(fn func(ctx context.Context, tx *sqldb.Tx, identityID string) error) {
	s.onDelete = append(s.onDelete, fn)
}

// OnCredentials has fn called in the transaction that changes or removes credentials, for those who must let nobody in any more
// who is about to come in with one from before: each fn counts up the session epoch (RaiseEpochIn). A hash that Rehash makes anew
// is the same credential. Call it before the store is used.
func (s *Store) OnCredentials(fn func(ctx context.Context, tx *sqldb.Tx, identityID string) error) {
	s.onChange = append(s.onChange, fn)
}

// RaiseEpochIn counts up the session epoch of identities, in the caller's transaction.
func (s *Store) RaiseEpochIn(ctx context.Context, tx *sqldb.Tx, identityIDs ...string) error {
	_, err := tx.Exec(ctx, `UPDATE identity SET session_epoch = session_epoch + 1 WHERE tenant_id = :tenant AND id IN (?)`, identityIDs)
	return err
}

// Prepare validates the traits and puts in what follows from them: addresses, identifiers, the schema's URL. It is what
// CreateIn and UpdateIn begin with, and runs no statement. What a person got wrong is a *ui.Invalid, what the caller did
// is ErrInvalid.
func (s *Store) Prepare(ctx context.Context, id *Identity) error {
	if err := s.schemas.prepare(ctx, id, s.now()); err != nil {
		return err
	}
	id.SchemaURL = s.schemaURL(ctx, id.SchemaID)
	if id.Credentials == nil {
		return nil
	}
	return id.prepared.derive(id.Credentials, s.schemas.before(ctx, id), s.now())
}

// schemaURL is where a schema is published. Its id is encoded as Ory does, for it may hold anything.
func (s *Store) schemaURL(ctx context.Context, id string) string {
	return s.base(ctx) + "schemas/" + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// Sealed says where credentials are kept; the ring is StoreOptions.Ring.
func Sealed(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "management", Table: "identity_credential", Name: "config", Key: []string{"tenant_id", "identity_id", "type"}, Ring: ring,
		Binding: func(key []string) []byte { return sealedData(key[1], key[2]) },
	}
}

// sealedData says where a sealed document belongs.
func sealedData(identityID, credential string) []byte {
	return []byte("identity_credential\x00" + identityID + "\x00" + credential)
}
