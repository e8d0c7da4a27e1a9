package identity

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// maxAttempts is how often a change is tried against others' changes.
const maxAttempts = 8

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
		if err := s.endIn(ctx, tx, id); err != nil {
			return err
		}
		if err := activity.Write(ctx, tx, activity.Event{Action: activity.IdentityDeleted, Subject: activity.Identity(id)}); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, id)
	})
}
