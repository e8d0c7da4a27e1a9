package identity

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var columns = []string{
	"id", "schema_id", "external_id", "organization_id", "state", "available_aal", "traits", "metadata_public", "metadata_admin",
	"addresses", "version", "state_changed_at", "created_at", "updated_at", "session_epoch",
	"unproven",
}

// Columns are the columns of table identity that a Row reads, for those who join it; alias is the table's name in the
// statement.
func Columns(alias string) string { return alias + "." + strings.Join(columns, ", "+alias+".") }

// Row reads Columns.
type Row struct {
	id, schemaID, externalID, organizationID, state, aal string

	traits, metadataPublic, metadataAdmin, addresses string

	version, epoch                 int64
	unproven                       *bool
	stateChanged, created, updated time.Time
}

// Dest returns where Scan puts Columns.
func (r *Row) Dest() []any {
	return []any{
		&r.id, &r.schemaID, &r.externalID, &r.organizationID, &r.state, &r.aal, &r.traits, &r.metadataPublic, &r.metadataAdmin,
		&r.addresses, &r.version, &r.stateChanged, &r.created, &r.updated, &r.epoch, &r.unproven,
	}
}

// shared is a Row as servers hand it on to one another.
type shared struct {
	ID             string    `json:"id"`
	SchemaID       string    `json:"schema_id"`
	ExternalID     string    `json:"external_id,omitempty"`
	OrganizationID string    `json:"organization_id,omitempty"`
	State          string    `json:"state"`
	AAL            string    `json:"aal"`
	Traits         string    `json:"traits"`
	MetadataPublic string    `json:"metadata_public,omitempty"`
	MetadataAdmin  string    `json:"metadata_admin,omitempty"`
	Addresses      string    `json:"addresses"`
	Version        int64     `json:"version"`
	Epoch          int64     `json:"epoch"`
	Unproven       *bool     `json:"unproven,omitempty"`
	StateChanged   time.Time `json:"state_changed"`
	Created        time.Time `json:"created"`
	Updated        time.Time `json:"updated"`
}

// MarshalJSON gives all that was read.
func (r *Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(shared{
		r.id, r.schemaID, r.externalID, r.organizationID, r.state, r.aal, r.traits, r.metadataPublic, r.metadataAdmin, r.addresses,
		r.version, r.epoch, r.unproven, r.stateChanged, r.created, r.updated,
	})
}

// UnmarshalJSON reads what MarshalJSON gave.
func (r *Row) UnmarshalJSON(text []byte) error {
	var s shared
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	*r = Row{
		s.ID, s.SchemaID, s.ExternalID, s.OrganizationID, s.State, s.AAL, s.Traits, s.MetadataPublic, s.MetadataAdmin, s.Addresses,
		s.Version, s.Epoch, s.Unproven, s.StateChanged, s.Created, s.Updated,
	}
	return nil
}

// addresses is how both lists stand in their column.
type addresses struct {
	Verifiable []VerifiableAddress `json:"verifiable,omitempty"`
	Recovery   []RecoveryAddress   `json:"recovery,omitempty"`
}

// Identity returns what was read, without credentials.
func (s *Store) Identity(ctx context.Context, r *Row) (*Identity, error) {
	var known addresses
	if err := json.Unmarshal([]byte(r.addresses), &known); err != nil {
		return nil, err
	}
	id := &Identity{
		ID: r.id, ExternalID: r.externalID, SchemaID: r.schemaID, SchemaURL: s.schemaURL(ctx, r.schemaID), State: r.state,
		Traits: json.RawMessage(r.traits), MetadataPublic: document(r.metadataPublic), MetadataAdmin: document(r.metadataAdmin),
		VerifiableAddresses: known.Verifiable, RecoveryAddresses: known.Recovery,
		CreatedAt: r.created, UpdatedAt: r.updated, Version: r.version, SessionEpoch: r.epoch,
		Unproven: r.unproven != nil && *r.unproven,
	}
	if !r.stateChanged.IsZero() {
		id.StateChangedAt = &r.stateChanged
	}
	if r.organizationID != "" {
		id.OrganizationID = &r.organizationID
	}
	id.stored = &stored{schemaID: r.schemaID, externalID: r.externalID, state: r.state, aal: r.aal, traits: id.Traits, addresses: id.addressHandles()}
	return id, nil
}

// document is a column in which "" stands for nothing.
func document(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

const credentialColumns = "c.type, c.config, c.identifiers, c.version, c.revision, c.created_at, c.updated_at"

// credentialRow reads credentialColumns, all NULL where an outer join found none.
type credentialRow struct {
	kind, config, identifiers *string
	version, revision         *int64
	created, updated          time.Time
}

func (r *credentialRow) dest() []any {
	return []any{&r.kind, &r.config, &r.identifiers, &r.version, &r.revision, &r.created, &r.updated}
}

// put opens what was read and puts it into the identity's credentials.
func (s *Store) put(r *credentialRow, identityID string, into map[string]Credential) error {
	if r.kind == nil {
		return nil
	}
	c := Credential{Type: *r.kind, Version: int(*r.version), revision: *r.revision, CreatedAt: r.created, UpdatedAt: r.updated}
	var err error
	if c.Config, err = s.ring.Open(*r.config, sealedData(identityID, c.Type)); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(*r.identifiers), &c.Identifiers); err != nil {
		return err
	}
	into[c.Type] = c
	return nil
}

// Get returns the identity without its credentials, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (*Identity, error) {
	if !validID(id) {
		return nil, ErrNotFound
	}
	return s.one(ctx, s.db, `SELECT `+Columns("i")+` FROM identity i WHERE i.tenant_id = :tenant AND i.id = ?`, id)
}

// one reads an identity without credentials.
func (s *Store) one(ctx context.Context, q sqldb.Q, query string, args ...any) (*Identity, error) {
	var r Row
	err := q.QueryRow(ctx, query, args...).Scan(r.Dest()...)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.Identity(ctx, &r)
}

// WithCredentials returns the identity with all its credentials, in one statement, or ErrNotFound.
func (s *Store) WithCredentials(ctx context.Context, id string) (*Identity, error) {
	return s.withCredentials(ctx, s.db, id)
}

// WithCredentialsIn is WithCredentials in the caller's transaction.
func (s *Store) WithCredentialsIn(ctx context.Context, tx *sqldb.Tx, id string) (*Identity, error) {
	return s.withCredentials(ctx, tx, id)
}

func (s *Store) withCredentials(ctx context.Context, q sqldb.Q, id string) (*Identity, error) {
	if !validID(id) {
		return nil, ErrNotFound
	}
	found, err := s.joined(ctx, q, `SELECT `+Columns("i")+`, `+credentialColumns+` FROM identity i
		LEFT JOIN identity_credential c ON c.tenant_id = i.tenant_id AND c.identity_id = i.id
		WHERE i.tenant_id = :tenant AND i.id = ?`, id)
	if err != nil {
		return nil, err
	}
	found.stored.complete = true
	return found, nil
}

// joinedRow is an identity with one of its credentials.
type joinedRow struct {
	who        Row
	credential credentialRow
}

// joined reads an identity from rows that repeat it, each with one of its credentials.
func (s *Store) joined(ctx context.Context, q sqldb.Q, query string, args ...any) (*Identity, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []joinedRow
	for rows.Next() {
		var r joinedRow
		if err := rows.Scan(append(r.who.Dest(), r.credential.dest()...)...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return s.assemble(ctx, all)
}

// assemble makes an identity of such rows, or ErrNotFound of none.
func (s *Store) assemble(ctx context.Context, rows []joinedRow) (*Identity, error) {
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	found, err := s.Identity(ctx, &rows[0].who)
	if err != nil {
		return nil, err
	}
	found.stored.credentials = make(map[string]Credential, len(rows))
	for i := range rows {
		if err := s.put(&rows[i].credential, found.ID, found.stored.credentials); err != nil {
			return nil, err
		}
	}
	found.Credentials = copyCredentials(found.stored.credentials)
	return found, nil
}

// ByIdentifier returns the identity that has the identifier for credentials of the type, with that credential if it is
// there, or ErrNotFound. What people type is normalised as the schemas do. It is one statement, which those who ask at the
// same time share. It must not be called inside a transaction of the database.
func (s *Store) ByIdentifier(ctx context.Context, credential, identifier string) (*Identity, error) {
	if !validIdentifier(identifier) {
		return nil, ErrNotFound
	}
	found, ok, err := s.reads.Get(ctx, credential+between+identifierHandle(credential, identifier))
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNotFound
	}
	return s.assemble(ctx, []joinedRow{found}) // of a copy of the row: somebody else may have been given the same
}

// between separates the type of credentials from the identifier; neither holds it.
const between = "\x00"

// readIdentifiers reads the identities of several identifiers, by one statement for each type of credentials.
func (s *Store) readIdentifiers(ctx context.Context, q sqldb.Q, keys []string) (map[string]joinedRow, error) {
	values := make(map[string][]string, 1)
	for _, key := range keys {
		credential, value, _ := strings.Cut(key, between)
		values[credential] = append(values[credential], value)
	}
	found := make(map[string]joinedRow, len(keys))
	for credential, list := range values {
		if err := s.readHandles(ctx, q, credential, list, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) readHandles(ctx context.Context, q sqldb.Q, credential string, values []string, into map[string]joinedRow) error {
	rows, err := q.Query(ctx, `SELECT h.value, `+Columns("i")+`, `+credentialColumns+` FROM identity_handle h
		JOIN identity i ON i.tenant_id = h.tenant_id AND i.id = h.identity_id
		LEFT JOIN identity_credential c ON c.tenant_id = h.tenant_id AND c.identity_id = h.identity_id AND c.type = h.kind
		WHERE h.tenant_id = :tenant AND h.kind = ? AND h.value IN (?) AND h.owner = ''`, credential, values)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		var r joinedRow
		if err := rows.Scan(append(append([]any{&value}, r.who.Dest()...), r.credential.dest()...)...); err != nil {
			return err
		}
		into[credential+between+value] = r
	}
	return rows.Err()
}

// ByAddress returns the identity that has the address for the purpose, Verify or Recover, without credentials, or
// ErrNotFound.
func (s *Store) ByAddress(ctx context.Context, purpose, via, value string) (*Identity, error) {
	normal, ok := NormalizeAddress(via, value)
	if !ok {
		return nil, ErrNotFound
	}
	return s.byHandle(ctx, addressKind(purpose, via), handleValue(normal))
}

// ByExternalID returns the identity with the operator's id, without credentials, or ErrNotFound.
func (s *Store) ByExternalID(ctx context.Context, externalID string) (*Identity, error) {
	if !validIdentifier(externalID) {
		return nil, ErrNotFound
	}
	return s.byHandle(ctx, kindExternalID, handleValue(externalID))
}

func (s *Store) byHandle(ctx context.Context, kind, value string) (*Identity, error) {
	return s.one(ctx, s.db, `SELECT `+Columns("i")+` FROM identity_handle h
		JOIN identity i ON i.tenant_id = h.tenant_id AND i.id = h.identity_id
		WHERE h.tenant_id = :tenant AND h.kind = ? AND h.value = ? AND h.owner = ''`, kind, value)
}

func copyCredentials(from map[string]Credential) map[string]Credential {
	to := make(map[string]Credential, len(from))
	maps.Copy(to, from)
	return to
}
