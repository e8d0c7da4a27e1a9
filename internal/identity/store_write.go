package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// maxAttempts is how often a change is tried against others' changes.
const maxAttempts = 8

var (
	identityColumns   = append([]string{"tenant_id"}, columns...)
	handleColumns     = []string{"tenant_id", "kind", "value", "owner", "identity_id", "field"}
	credentialStored  = []string{"tenant_id", "identity_id", "type", "config", "identifiers", "version", "revision", "created_at", "updated_at"}
	credentialKey     = credentialStored[:3]
	credentialChanged = []string{"config", "identifiers", "version", "revision", "updated_at"}
)

// CreateIn stores a new identity, in three statements. It sets id, times, addresses and identifiers. Where a handle
// belongs to another identity it fails with ErrExists, and the transaction is lost.
func (s *Store) CreateIn(ctx context.Context, tx *sqldb.Tx, id *Identity) error {
	inserts, err := s.inserts(ctx, id)
	if err != nil {
		return err
	}
	// The handles are what can be taken, so they go first and are waited for.
	if err := insertHandles(ctx, tx, inserts[0].Rows); err != nil {
		return err
	}
	for _, in := range inserts[1:] {
		if err := tx.InsertLater(ctx, in.Table, in.Columns, in.Rows); err != nil {
			return exists(err)
		}
	}
	tx.AfterCommit(id.created)
	return nil
}

// Create stores a new identity in a transaction of its own; see CreateIn. Taken tells what ErrExists is about.
func (s *Store) Create(ctx context.Context, id *Identity) error {
	inserts, err := s.inserts(ctx, id)
	if err != nil {
		return err
	}
	if err := s.db.InsertAll(ctx, inserts...); err != nil {
		return s.Conflict(ctx, id, exists(err))
	}
	id.created()
	return nil
}

// created makes the identity what the database holds now.
func (i *Identity) created() {
	i.committed(&changes{after: i.Credentials, complete: true, aal: aalOf(i.Credentials), version: i.Version, at: i.UpdatedAt})
}

func exists(err error) error {
	if errors.Is(err, sqldb.ErrDuplicate) {
		return ErrExists.Because(err)
	}
	return err
}

// inserts prepares a new identity and turns it into rows.
func (s *Store) inserts(ctx context.Context, id *Identity) ([]sqldb.Insert, error) {
	if err := s.Prepare(ctx, id); err != nil {
		return nil, err
	}
	now := s.now()
	if id.Credentials == nil {
		id.Credentials = make(map[string]Credential)
		if err := id.prepared.derive(id.Credentials, nil, now); err != nil {
			return nil, err
		}
	}
	if id.ID == "" {
		id.ID = secret.NewID()
	}
	id.Version, id.CreatedAt, id.UpdatedAt = 1, now, now
	row, err := identityRow(ctx, id, aalOf(id.Credentials))
	if err != nil {
		return nil, err
	}
	credentials := make([][]any, 0, len(id.Credentials))
	for _, kind := range sortedNames(id.Credentials) {
		c := stampCredential(id.Credentials[kind], kind, now)
		id.Credentials[kind] = c
		row, err := s.credentialRow(ctx, id.ID, c)
		if err != nil {
			return nil, err
		}
		credentials = append(credentials, row)
	}
	return []sqldb.Insert{
		{Table: "identity_handle", Columns: handleColumns, Rows: handleRows(ctx, id, id.Credentials)},
		{Table: "identity", Columns: identityColumns, Rows: [][]any{row}},
		{Table: "identity_credential", Columns: credentialStored, Rows: credentials},
	}, nil
}

func stampCredential(c Credential, kind string, now time.Time) Credential {
	c.Type = kind
	c.revision++
	c.UpdatedAt = now
	if c.CreatedAt.IsZero() {
		c.CreatedAt = now
	}
	if c.Identifiers == nil {
		c.Identifiers = []string{}
	}
	return c
}

func identityRow(ctx context.Context, id *Identity, aal string) ([]any, error) {
	t, _ := tenant.From(ctx)
	known, err := marshal(addresses{Verifiable: id.VerifiableAddresses, Recovery: id.RecoveryAddresses})
	if err != nil {
		return nil, err
	}
	organization := ""
	if id.OrganizationID != nil {
		organization = *id.OrganizationID
	}
	return []any{
		t, id.ID, id.SchemaID, id.ExternalID, organization, id.State, aal, string(id.Traits), string(id.MetadataPublic),
		string(id.MetadataAdmin), known, id.Version, id.StateChangedAt, id.CreatedAt, id.UpdatedAt,
	}, nil
}

func handleRows(ctx context.Context, id *Identity, credentials map[string]Credential) [][]any {
	t, _ := tenant.From(ctx)
	handles := id.prepared.handles(id, credentials)
	rows := make([][]any, len(handles))
	for i, h := range handles {
		owner := id.ID
		if h.unique {
			owner = ""
		}
		rows[i] = []any{t, h.kind, h.value, owner, id.ID, h.field}
	}
	return rows
}

func (s *Store) credentialRow(ctx context.Context, identityID string, c Credential) ([]any, error) {
	t, _ := tenant.From(ctx)
	sealed, err := s.ring.Seal(c.Config, sealedData(identityID, c.Type))
	if err != nil {
		return nil, err
	}
	identifiers, err := marshal(c.Identifiers)
	if err != nil {
		return nil, err
	}
	return []any{t, identityID, c.Type, sealed, identifiers, c.Version, c.revision, c.CreatedAt, c.UpdatedAt}, nil
}

// marshal leaves < > & as they are.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

// Update writes a changed identity in a transaction of its own; see UpdateIn. Taken tells what ErrExists is about.
func (s *Store) Update(ctx context.Context, id *Identity) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.UpdateIn(ctx, tx, id) })
	return s.Conflict(ctx, id, err)
}

// UpdateIn writes an identity that was read and changed, and counts up its version with the commit. ErrChanged when
// somebody else wrote since, ErrExists when a new handle belongs to another identity, ErrNotFound when it is gone.
// Credentials in the map are written where they differ; those that were read and are no longer there are deleted. A
// transaction can update an identity once.
func (s *Store) UpdateIn(ctx context.Context, tx *sqldb.Tx, id *Identity) error {
	if id.stored == nil || !validID(id.ID) {
		return errors.New("identity: only an identity that was read can be updated")
	}
	if err := s.Prepare(ctx, id); err != nil {
		return err
	}
	c, err := s.changes(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := s.updateRow(ctx, tx, id, c); err != nil {
		return err
	}
	if c.handles {
		if err := s.replaceHandles(ctx, tx, id, c.after); err != nil {
			return err
		}
	}
	if err := s.writeCredentials(ctx, tx, id, c); err != nil {
		return err
	}
	// The transaction may run again, so the identity stays as it was read until the commit.
	tx.AfterCommit(func() { id.committed(c) })
	return s.feed.Publish(ctx, tx, Topic, id.ID)
}

// committed makes the identity what the database holds now.
func (i *Identity) committed(c *changes) {
	i.Version, i.UpdatedAt = c.version, c.at
	if i.Credentials != nil {
		i.Credentials = copyCredentials(c.after)
	}
	i.stored = &stored{
		schemaID: i.SchemaID, externalID: i.ExternalID, state: i.State, aal: c.aal, traits: i.Traits,
		credentials: c.after, complete: c.complete,
	}
}

// changes is what an update has to write besides the identity's own row.
type changes struct {
	after    map[string]Credential // what there is then, as far as known
	written  []string              // types that are new or differ
	deleted  []string
	handles  bool // those of before may no longer be right
	complete bool // all credentials are known
	aal      string
	version  int64
	at       time.Time
}

// changes compares what the caller holds with what was read. Where something changed on which others depend, credentials
// that were not read are read now: the guarded update that follows makes sure that they are still these.
func (s *Store) changes(ctx context.Context, tx *sqldb.Tx, id *Identity) (*changes, error) {
	c := &changes{complete: id.stored.complete, aal: id.stored.aal, version: id.Version + 1, at: s.now()}
	before := id.stored.credentials
	c.after = copyCredentials(id.Credentials)
	c.handles = id.stored.schemaID != id.SchemaID || id.stored.externalID != id.ExternalID || !bytes.Equal(id.stored.traits, id.Traits)
	if !c.handles && len(differing(before, c.after)) == 0 && len(missing(before, c.after)) == 0 {
		return c, nil
	}
	if !c.complete {
		all, err := s.credentials(ctx, tx, id.ID)
		if err != nil {
			return nil, err
		}
		for kind, found := range all {
			_, held := c.after[kind]
			if _, read := before[kind]; !held && !read { // neither changed nor deleted by the caller
				c.after[kind] = found
			}
		}
		before, c.complete = all, true
	}
	if err := id.prepared.derive(c.after, s.schemas.before(id), s.now()); err != nil {
		return nil, err
	}
	c.written, c.deleted = differing(before, c.after), missing(before, c.after)
	c.aal = aalOf(c.after)
	for _, kind := range slices.Concat(c.written, c.deleted) {
		c.handles = c.handles || !slices.Equal(before[kind].Identifiers, c.after[kind].Identifiers)
	}
	for kind, next := range c.after {
		if !slices.Contains(c.written, kind) {
			c.after[kind] = before[kind]
			continue
		}
		next.revision = before[kind].revision
		c.after[kind] = stampCredential(next, kind, c.at)
	}
	return c, nil
}

// differing lists the types of credentials that are not the same in after as in before.
func differing(before, after map[string]Credential) []string {
	return slices.DeleteFunc(sortedNames(after), func(kind string) bool {
		old, ok := before[kind]
		now := after[kind]
		return ok && bytes.Equal(old.Config, now.Config) && slices.Equal(old.Identifiers, now.Identifiers) && old.Version == now.Version
	})
}

// missing lists the types of credentials that are in before and not in after.
func missing(before, after map[string]Credential) []string {
	return slices.DeleteFunc(sortedNames(before), func(kind string) bool {
		_, ok := after[kind]
		return ok
	})
}

func (s *Store) credentials(ctx context.Context, q sqldb.Q, identityID string) (map[string]Credential, error) {
	rows, err := q.Query(ctx, `SELECT `+credentialColumns+` FROM identity_credential c
		WHERE c.tenant_id = :tenant AND c.identity_id = ?`, identityID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string]Credential)
	for rows.Next() {
		var r credentialRow
		if err := rows.Scan(r.dest()...); err != nil {
			return nil, err
		}
		if err := s.put(&r, identityID, all); err != nil {
			return nil, err
		}
	}
	return all, rows.Err()
}

func (s *Store) updateRow(ctx context.Context, tx *sqldb.Tx, id *Identity, c *changes) error {
	next := *id
	next.Version = c.version
	row, err := identityRow(ctx, &next, c.aal)
	if err != nil {
		return err
	}
	args := slices.Concat(row[2:13], []any{c.at, id.ID, id.Version}) // created_at never changes
	n, err := tx.Exec(ctx, `UPDATE identity SET schema_id = ?, external_id = ?, organization_id = ?, state = ?, available_aal = ?,
		traits = ?, metadata_public = ?, metadata_admin = ?, addresses = ?, version = ?, state_changed_at = ?, updated_at = ?
		WHERE tenant_id = :tenant AND id = ? AND version = ?`, args...)
	if err != nil || n == 1 {
		return err
	}
	var version int64
	err = tx.QueryRow(ctx, `SELECT version FROM identity WHERE tenant_id = :tenant AND id = ?`, id.ID).Scan(&version)
	if errors.Is(err, sqldb.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return ErrChanged
}

func (s *Store) replaceHandles(ctx context.Context, tx *sqldb.Tx, id *Identity, credentials map[string]Credential) error {
	_, err := tx.Exec(ctx, `DELETE FROM identity_handle WHERE tenant_id = :tenant AND identity_id = ?`, id.ID)
	if err != nil {
		return err
	}
	return insertHandles(ctx, tx, handleRows(ctx, id, credentials))
}

// insertHandles writes the handles of one identity in one statement, however many there are: a registration waits for it.
func insertHandles(ctx context.Context, tx *sqldb.Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	args := make([]any, 0, len(rows)*len(handleColumns))
	for _, row := range rows {
		args = append(args, row[1:]...)
	}
	_, err := tx.Exec(ctx, `INSERT INTO identity_handle (tenant_id, kind, value, owner, identity_id, field) VALUES `+
		strings.Repeat(`(:tenant, ?, ?, ?, ?, ?), `, len(rows)-1)+`(:tenant, ?, ?, ?, ?, ?)`, args...)
	return exists(err)
}

func (s *Store) writeCredentials(ctx context.Context, tx *sqldb.Tx, id *Identity, c *changes) error {
	for _, kind := range c.written {
		row, err := s.credentialRow(ctx, id.ID, c.after[kind])
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO identity_credential
			(tenant_id, identity_id, type, config, identifiers, version, revision, created_at, updated_at)
			VALUES (:tenant, ?, ?, ?, ?, ?, ?, ?, ?)`+tx.Dialect().Upsert(credentialKey, credentialChanged...), row[1:]...)
		if err != nil {
			return err
		}
	}
	if len(c.deleted) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM identity_credential WHERE tenant_id = :tenant AND identity_id = ? AND type IN (?)`, id.ID, c.deleted)
	return err
}

// Change reads the identity with its credentials, has fn change it, and writes it if nobody else wrote meanwhile; else it
// starts over, so fn may run again. What fn does slowly holds no transaction open.
func (s *Store) Change(ctx context.Context, id string, fn func(*Identity) error) (*Identity, error) {
	for range maxAttempts {
		found, err := s.WithCredentials(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := fn(found); err != nil {
			return nil, err
		}
		if err := s.Update(ctx, found); !errors.Is(err, ErrChanged) {
			return found, err
		}
	}
	return nil, ErrChanged
}

// SetCredential gives the identity a credential in the place of the one of its type, if its version is still that one;
// 0 is any version.
func (s *Store) SetCredential(ctx context.Context, identityID string, c Credential, version int64) error {
	_, err := s.Change(ctx, identityID, func(id *Identity) error {
		if version != 0 && id.Version != version {
			return ErrChanged
		}
		id.SetCredential(c)
		return nil
	})
	return err
}

// Rehash replaces the document of a credential that was read, in one guarded statement, and does nothing when the
// credential was changed since. It is for hashes that are made anew at a login: the identity's version stays.
func (s *Store) Rehash(ctx context.Context, identityID string, c Credential) error {
	sealed, err := s.ring.Seal(c.Config, sealedData(identityID, c.Type))
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `UPDATE identity_credential SET config = ?, revision = revision + 1, updated_at = ?
		WHERE tenant_id = :tenant AND identity_id = ? AND type = ? AND revision = ?`, sealed, s.now(), identityID, c.Type, c.revision)
	return err
}

// Delete removes the identity, its handles and credentials, and what OnDelete added. ErrNotFound when there is none.
func (s *Store) Delete(ctx context.Context, id string) error {
	if !validID(id) {
		return ErrNotFound
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM identity WHERE tenant_id = :tenant AND id = ?`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		if _, err := tx.Exec(ctx, `DELETE FROM identity_handle WHERE tenant_id = :tenant AND identity_id = ?`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM identity_credential WHERE tenant_id = :tenant AND identity_id = ?`, id); err != nil {
			return err
		}
		for _, fn := range s.onDelete {
			if err := fn(ctx, tx, id); err != nil {
				return err
			}
		}
		return s.feed.Publish(ctx, tx, Topic, id)
	})
}
