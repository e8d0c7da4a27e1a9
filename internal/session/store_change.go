package session

import (
	"context"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Update stores a session that Renew changed. ErrNoSession when it was revoked, or renewed by another request, since it
// was read, or the credential was replaced since it was proven: then the new token opens nothing.
func (s *Store) Update(ctx context.Context, renewed *Session) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.UpdateIn(ctx, tx, renewed) })
}

// UpdateIn is Update in the caller's transaction. Give the token out after the commit.
func (s *Store) UpdateIn(ctx context.Context, tx *sqldb.Tx, renewed *Session) error {
	methods, devices, err := renewed.documents()
	if err != nil {
		return err
	}
	former := renewed.former
	if former == "" {
		former = renewed.digest
	}
	n, err := tx.Exec(ctx, `UPDATE session SET digest = ?, aal = ?, methods = ?, devices = ?, authenticated_at = ?, expires_at = ?
		WHERE tenant_id = :tenant AND id = ? AND digest = ? AND active = ? AND (epoch IS NULL OR epoch <= ?)`,
		renewed.digest, renewed.AAL, methods, devices, renewed.AuthenticatedAt, renewed.ExpiresAt, renewed.ID, former, true, renewed.proven)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNoSession
	}
	tx.AfterCommit(func() { renewed.former = "" })
	return s.feed.Publish(ctx, tx, Topic, renewed.ID)
}

// Revoke ends a session; ErrNotFound when there is none. Ending one that has ended already is no error.
func (s *Store) Revoke(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.RevokeIn(ctx, tx, id) })
}

// RevokeIn is Revoke in the caller's transaction.
func (s *Store) RevokeIn(ctx context.Context, tx *sqldb.Tx, id string) error {
	n, err := tx.Exec(ctx, `UPDATE session SET active = ? WHERE tenant_id = :tenant AND id = ?`, false, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	if err := ended(ctx, tx, id); err != nil {
		return err
	}
	return s.feed.Publish(ctx, tx, Topic, id)
}

// SignOut ends a session because who has it wants so; ErrNotFound when there is none.
func (s *Store) SignOut(ctx context.Context, own *Session) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE session SET active = ? WHERE tenant_id = :tenant AND id = ?`, false, own.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		who := activity.Identity(own.IdentityID)
		e := activity.Event{Action: activity.Logout, Actor: who, Subject: who, Detail: map[string]string{"session": own.ID}}
		if err := activity.Write(ctx, tx, e); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, own.ID)
	})
}

// ended writes into the activity log that sessions were ended, by their ids.
func ended(ctx context.Context, tx *sqldb.Tx, ids ...string) error {
	events := make([]activity.Event, len(ids))
	for i, id := range ids {
		events[i] = activity.Event{Action: activity.SessionRevoked, Subject: activity.Party{Kind: "session", ID: id}}
	}
	return activity.Write(ctx, tx, events...)
}

// endedOf writes into the activity log that sessions of identities, or of everybody where there is none, were ended.
func endedOf(ctx context.Context, tx *sqldb.Tx, sessions int, identities ...string) error {
	if len(identities) == 0 {
		identities = []string{""}
	}
	events := make([]activity.Event, len(identities))
	for i, id := range identities {
		e := activity.Event{Action: activity.SessionsRevoked, Detail: map[string]string{"sessions": strconv.Itoa(sessions)}}
		if id != "" {
			e.Subject = activity.Identity(id)
		}
		events[i] = e
	}
	return activity.Write(ctx, tx, events...)
}

// RevokeOwn ends a session if it belongs to the identity, and says nothing where it does not.
func (s *Store) RevokeOwn(ctx context.Context, identityID, id string) error {
	if !isID(id) { // no database need see what a form may hold
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE session SET active = ? WHERE tenant_id = :tenant AND id = ? AND identity_id = ?`, false, id, identityID)
		if err != nil || n == 0 {
			return err
		}
		if err := ended(ctx, tx, id); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, id)
	})
}

// RevokeOthers ends all sessions of the identity but one and tells how many had not been revoked before.
func (s *Store) RevokeOthers(ctx context.Context, identityID, keepID string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if n, err = s.RevokeAllIn(ctx, tx, identityID, keepID); err != nil || n == 0 {
			return err
		}
		return endedOf(ctx, tx, n, identityID)
	})
	return n, err
}

// RevokeAll ends all sessions of the identity and tells how many had not been revoked before.
func (s *Store) RevokeAll(ctx context.Context, identityID string) (int, error) {
	return s.RevokeOthers(ctx, identityID, "")
}

// RevokeAllIn ends all sessions of the identity, but for those of the ids in but, in the caller's transaction, and tells
// how many had not been revoked before. Expired ones are revoked too: one may be extended at this very moment. A login that is
// under way opens nothing any more.
func (s *Store) RevokeAllIn(ctx context.Context, tx *sqldb.Tx, identityID string, but ...string) (int, error) {
	if err := s.people.RaiseEpochIn(ctx, tx, identityID); err != nil {
		return 0, err
	}
	query := `UPDATE session SET active = ? WHERE tenant_id = :tenant AND identity_id = ? AND active = ?`
	args := []any{false, identityID, true}
	for _, id := range but {
		if id == "" {
			continue
		}
		if _, err := tx.Exec(ctx, outlive+` AND id = ?`, identityID, id); err != nil {
			return 0, err
		}
		query, args = query+` AND id <> ?`, append(args, id)
	}
	n, err := tx.Exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return int(n), s.feed.Publish(ctx, tx, Topic, identityID)
}

// outlive has sessions of an identity outlive that its epoch is counted up.
const outlive = `UPDATE session SET epoch = epoch + 1 WHERE tenant_id = :tenant AND identity_id = ?`

// Outlive keeps the sessions that an identity has when a credential is replaced, in the transaction that does that; a login that
// is under way opens nothing any more.
func (s *Store) Outlive(ctx context.Context, tx *sqldb.Tx, identityID string) error {
	if err := s.people.RaiseEpochIn(ctx, tx, identityID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, outlive, identityID)
	return err // identity.Topic tells others
}

// Forget deletes all sessions of an identity in the transaction that deletes the identity.
func (s *Store) Forget(ctx context.Context, tx *sqldb.Tx, identityID string) error {
	_, err := s.deleteAllIn(ctx, tx, identityID)
	return err
}

// DeleteAll deletes all sessions of an identity and tells how many there were.
func (s *Store) DeleteAll(ctx context.Context, identityID string) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if err = s.people.RaiseEpochIn(ctx, tx, identityID); err == nil {
			n, err = s.deleteAllIn(ctx, tx, identityID)
		}
		if err != nil || n == 0 {
			return err
		}
		return endedOf(ctx, tx, n, identityID)
	})
	return n, err
}

func (s *Store) deleteAllIn(ctx context.Context, tx *sqldb.Tx, identityID string) (int, error) {
	n, err := tx.Exec(ctx, `DELETE FROM session WHERE tenant_id = :tenant AND identity_id = ?`, identityID)
	if err != nil {
		return 0, err
	}
	return int(n), s.feed.Publish(ctx, tx, Topic, identityID)
}

// Extend gives an active session a new lifespan, unless it is too early for that, and returns it as it is then;
// ErrEnded when there is no active one.
func (s *Store) Extend(ctx context.Context, id string) (*Session, error) {
	got, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !got.Active {
		return nil, ErrEnded
	}
	if !s.extensible(got, s.now(), s.config.EarliestPossibleExtend) {
		return got, nil
	}
	return got, s.extend(ctx, got, activity.Event{Action: activity.SessionExtended, Subject: activity.Party{Kind: "session", ID: got.ID}})
}

// extend moves the end of the session, and tells the activity log where that is no consequence of its being used. Of several requests at once
// one writes; the others find it done.
func (s *Store) extend(ctx context.Context, got *Session, told ...activity.Event) error {
	end := s.until(got, s.now()).Truncate(time.Microsecond)
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE session SET expires_at = ? WHERE tenant_id = :tenant AND id = ? AND expires_at = ? AND active = ?`,
			end, got.ID, got.ExpiresAt, true)
		if err != nil || n == 0 {
			return err
		}
		if err := activity.Write(ctx, tx, told...); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, got.ID)
	})
	if err == nil {
		got.ExpiresAt = end
	}
	return err
}
