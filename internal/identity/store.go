package identity

import (
	"context"
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
	base     string
	now      func() time.Time
	onDelete []func(ctx context.Context, tx *sqldb.Tx, identityID string) error
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
	// BaseURL is the public listener's, with a slash at its end: the schemas' URLs are made from it.
	BaseURL string
	// Now is the clock.
	Now func() time.Time
}

// NewStore returns a store of identities.
func NewStore(o StoreOptions) *Store {
	return &Store{db: o.DB, feed: o.Feed, ring: o.Ring, schemas: o.Schemas, base: o.BaseURL, now: o.Now}
}

// OnDelete has fn called in the transaction that deletes an identity, for those whose rows belong to it. Call it before
// the store is used.
func (s *Store) OnDelete(fn func(ctx context.Context, tx *sqldb.Tx, identityID string) error) {
	s.onDelete = append(s.onDelete, fn)
}

// Prepare validates the traits and puts in what follows from them: addresses, identifiers, the schema's URL. It is what
// CreateIn and UpdateIn begin with, and runs no statement. What the person got wrong is a *ui.Invalid.
func (s *Store) Prepare(ctx context.Context, id *Identity) error { return nil }

// Create stores a new identity in a transaction of its own; see CreateIn.
func (s *Store) Create(ctx context.Context, id *Identity) error { return nil }

// CreateIn stores a new identity, in three statements. It sets id, times, addresses and identifiers. Where a handle
// belongs to another identity it fails with ErrExists, and the transaction is lost.
func (s *Store) CreateIn(ctx context.Context, tx *sqldb.Tx, id *Identity) error { return nil }

// Update writes a changed identity in a transaction of its own; see UpdateIn.
func (s *Store) Update(ctx context.Context, id *Identity) error { return nil }

// UpdateIn writes an identity that was read and changed, and counts up its version. ErrChanged when somebody else wrote
// since, ErrExists when a new handle belongs to another identity. Credentials in the map are written where they differ;
// those that were read and are no longer there are deleted.
func (s *Store) UpdateIn(ctx context.Context, tx *sqldb.Tx, id *Identity) error { return nil }

// Get returns the identity without its credentials.
func (s *Store) Get(ctx context.Context, id string) (*Identity, error) { return nil, ErrNotFound }

// WithCredentials returns the identity with all its credentials, in one statement.
func (s *Store) WithCredentials(ctx context.Context, id string) (*Identity, error) {
	return nil, ErrNotFound
}

// ByIdentifier returns the identity that has the identifier for credentials of the type, with that credential if it is
// there, in one statement. The identifier is normalised as the schemas do.
func (s *Store) ByIdentifier(ctx context.Context, credType, identifier string) (*Identity, error) {
	return nil, ErrNotFound
}

// ByAddress returns the identity that has the address for the purpose, Verify or Recover, without credentials.
func (s *Store) ByAddress(ctx context.Context, purpose, via, value string) (*Identity, error) {
	return nil, ErrNotFound
}

// ByExternalID returns the identity with the operator's id, without credentials.
func (s *Store) ByExternalID(ctx context.Context, externalID string) (*Identity, error) {
	return nil, ErrNotFound
}

// SetCredential gives the identity a credential in the place of the one of its type, if its version is still that one;
// 0 is any version.
func (s *Store) SetCredential(ctx context.Context, identityID string, c Credential, version int64) error {
	return nil
}

// Rehash replaces the document of a credential that was read, in one guarded statement, and does nothing when the
// credential was changed since. It is for hashes that are made anew at a login: the identity's version stays.
func (s *Store) Rehash(ctx context.Context, identityID string, c Credential) error { return nil }

// MarkVerified notes that the address was verified, now a property of the address and not of the flow that did it.
func (s *Store) MarkVerified(ctx context.Context, identityID, via, value string, at time.Time) error {
	return nil
}

// MarkVerifiedIn is MarkVerified in the caller's transaction.
func (s *Store) MarkVerifiedIn(ctx context.Context, tx *sqldb.Tx, identityID, via, value string, at time.Time) error {
	return nil
}

// MarkSent notes that a verification was sent to the address.
func (s *Store) MarkSent(ctx context.Context, identityID, via, value string) error { return nil }

// Delete removes the identity and what was registered by OnDelete.
func (s *Store) Delete(ctx context.Context, id string) error { return nil }

// Conflict finds out which handles of id belong to another identity, after a transaction with CreateIn or UpdateIn
// failed with err; Taken then tells. Other errors are returned as they are.
func (s *Store) Conflict(ctx context.Context, id *Identity, err error) error { return err }

// Taken returns the kinds of the handles that belong to another identity ("password", "verify:email", "external_id"),
// as far as they are known.
func Taken(err error) []string { return nil }

// Columns are the columns of table identity that a Row reads, for those who join it; alias is the table's name in the
// statement.
func Columns(alias string) string { return "" }

// Row reads Columns.
type Row struct{}

// Dest returns where Scan puts Columns.
func (r *Row) Dest() []any { return nil }

// Identity returns what was read, without credentials.
func (s *Store) Identity(r *Row) (*Identity, error) { return nil, ErrNotFound }

// NormalizeAddress returns the address as it is stored and compared, and false where it is none.
func NormalizeAddress(via, value string) (string, bool) { return value, false }

// NormalizeIdentifier returns what somebody typed as it is compared with identifiers: an address is normalised as such,
// anything else is trimmed and in lower case.
func NormalizeIdentifier(typed string) string { return typed }

// AvailableAAL returns the highest assurance level that the identity's credentials can reach: AAL0 without any, AAL1
// with a first factor, AAL2 with a second one besides.
func AvailableAAL(id *Identity) string { return AAL0 }

type stored struct{}

type prepared struct{}
