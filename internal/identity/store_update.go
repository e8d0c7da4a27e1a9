package identity

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Update writes a changed identity in a transaction of its own; see UpdateIn. Taken tells what ErrExists is about.
func (s *Store) Update(ctx context.Context, id *Identity) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := s.UpdateIn(ctx, tx, id); err != nil {
			return err
		}
		return activity.Write(ctx, tx, id.updated())
	})
	return s.Conflict(ctx, id, err)
}

// UpdateIn writes an identity that was read and changed, and counts up its version with the commit. ErrChanged when
// somebody else wrote since, ErrExists when a new handle belongs to another identity, ErrNotFound when it is gone.
// Credentials in the map are written where they differ; those that were read and are no longer there are deleted; without
// a map they stay as they are. A transaction can update an identity once.
func (s *Store) UpdateIn(ctx context.Context, tx *sqldb.Tx, id *Identity) error {
	if id.stored == nil || id.stored.cut || !validID(id.ID) {
		return errors.New("identity: only an identity that was read, and is whole, can be updated")
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
	if len(c.written)+len(c.deleted) > 0 {
		for _, fn := range s.onChange {
			if err := fn(ctx, tx, id.ID); err != nil {
				return err
			}
		}
		c.raised = int64(len(s.onChange))
	}
	// The transaction may run again, so the identity stays as it was read until the commit.
	if id.stored.state == Active && id.State != Active {
		if err := s.endIn(ctx, tx, id.ID); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { id.committed(c) })
	return s.feed.Publish(ctx, tx, Topic, id.ID)
}

// committed makes the identity what the database holds now.
func (i *Identity) committed(c *changes) {
	i.Version, i.UpdatedAt, i.SessionEpoch = c.version, c.at, i.SessionEpoch+c.raised
	if i.Credentials != nil {
		i.Credentials = copyCredentials(c.after)
	}
	i.stored = &stored{
		schemaID: i.SchemaID, externalID: i.ExternalID, state: i.State, aal: c.aal, traits: i.Traits,
		addresses: i.addressHandles(), credentials: c.after, complete: c.complete,
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
	raised   int64 // by how much the session epoch is more
	at       time.Time
}

// changes compares what the caller holds with what was read. Where something changed on which others depend, credentials
// that were not read are read now: the guarded update that follows makes sure that they are still these.
func (s *Store) changes(ctx context.Context, tx *sqldb.Tx, id *Identity) (*changes, error) {
	c := &changes{complete: id.stored.complete, aal: id.stored.aal, version: id.Version + 1, at: s.now()}
	before := id.stored.credentials
	if c.after = copyCredentials(id.Credentials); id.Credentials == nil { // the caller does not care for them
		c.after = copyCredentials(before)
	}
	// Addresses differ from those that were read also where the schema was changed meanwhile.
	c.handles = id.stored.stale || id.stored.schemaID != id.SchemaID || id.stored.externalID != id.ExternalID ||
		!bytes.Equal(id.stored.traits, id.Traits) || !slices.Equal(id.stored.addresses, id.addressHandles())
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
	if err := id.prepared.derive(c.after, s.schemas.before(ctx, id), s.now()); err != nil {
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
	args := slices.Concat(row[2:13], []any{c.at, id.Unproven && !id.verifiedSome(), id.ID, id.Version}) // created_at never changes
	n, err := tx.Exec(ctx, `UPDATE identity SET schema_id = ?, external_id = ?, organization_id = ?, state = ?, available_aal = ?,
		traits = ?, metadata_public = ?, metadata_admin = ?, addresses = ?, version = ?, state_changed_at = ?, updated_at = ?, unproven = ?
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
