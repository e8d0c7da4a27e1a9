package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

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
	told, err := activity.Insert(ctx, s.db, activity.Event{
		Action: activity.IdentityCreated, Subject: activity.Identity(id.ID), Detail: map[string]string{"schema": id.SchemaID},
	})
	if err != nil {
		return err
	}
	if err := s.db.InsertAll(ctx, append(inserts, told)...); err != nil {
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
	id.Version, id.SessionEpoch, id.CreatedAt, id.UpdatedAt = 1, 0, now, now
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
		string(id.MetadataAdmin), known, id.Version, id.StateChangedAt, id.CreatedAt, id.UpdatedAt, id.SessionEpoch,
		id.Unproven && !id.verifiedSome(),
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
