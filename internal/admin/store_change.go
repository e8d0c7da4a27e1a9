package admin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// logOf is the tenant whose activity log tells of a key. What concerns all is in the default tenant's, as is all that concerns the
// installation.
func logOf(of tenant.ID) tenant.ID {
	if of == All {
		return tenant.Default
	}
	return of
}

// Create makes a key.
func (s *Store) Create(ctx context.Context, n New) (Made, error) {
	made, err := s.mint(n)
	if err != nil {
		return Made{}, err
	}
	ctx = tenant.With(ctx, n.Tenant)
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := s.insert(ctx, tx, made.Key); err != nil {
			return err
		}
		return tell(ctx, tx, made.Key, activity.AdminKeyCreated, nil, made.facts())
	})
	return made, err
}

// Revoke ends a key at once. Revoking a revoked one changes nothing. within is the tenant to which whoever asks is confined, or All.
func (s *Store) Revoke(ctx context.Context, id string, within tenant.ID) error {
	k, err := s.Get(ctx, id, within)
	if err != nil || k.State == Revoked {
		return err
	}
	return s.db.InTx(tenant.With(ctx, k.Tenant), func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE admin_key SET revoked_at = ? WHERE tenant_id = :tenant AND id = ? AND revoked_at IS NULL`, s.now(), id)
		if err != nil || n == 0 {
			return err
		}
		if err := tell(ctx, tx, k, activity.AdminKeyRevoked, nil, nil); err != nil {
			return err
		}
		return s.publish(ctx, tx, k)
	})
}

// Rotate makes the successor of a key: another text, and all else alike. The old one goes on for grace at most. expires is when the
// new one ends; where given is false it lives as long as the old one was made for. Of several who rotate a key at once one succeeds.
func (s *Store) Rotate(ctx context.Context, id string, within tenant.ID, grace time.Duration, expires time.Time, given bool) (Made, error) {
	k, err := s.Get(ctx, id, within)
	switch {
	case err != nil:
		return Made{}, err
	case k.State != Active:
		return Made{}, ErrOver
	}
	now := s.now()
	if !given && !k.ExpiresAt.IsZero() {
		expires = now.Add(k.ExpiresAt.Sub(k.CreatedAt))
	}
	made, err := s.mint(New{Tenant: k.Tenant, Name: k.Name, Role: k.Role, Only: k.Only, Expires: expires})
	if err != nil {
		return Made{}, err
	}
	end := now.Add(grace)
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(end) {
		end = k.ExpiresAt
	}
	err = s.db.InTx(tenant.With(ctx, k.Tenant), func(ctx context.Context, tx *sqldb.Tx) error { return s.replace(ctx, tx, k, made.Key, end) })
	return made, err
}

// replace puts a key in the place of another, which is the one that it still is.
func (s *Store) replace(ctx context.Context, tx *sqldb.Tx, old, fresh *Key, end time.Time) error {
	n, err := tx.Exec(ctx, `UPDATE admin_key SET expires_at = ?, replaced_by = ?
		WHERE tenant_id = :tenant AND id = ? AND revoked_at IS NULL AND replaced_by = ''`, end, fresh.ID, old.ID)
	if err == nil && n == 0 {
		err = ErrOver
	}
	if err == nil {
		err = s.insert(ctx, tx, fresh)
	}
	if err == nil {
		err = tell(ctx, tx, fresh, activity.AdminKeyCreated, nil, fresh.facts())
	}
	if err != nil {
		return err
	}
	after := old.facts()
	after["expires_at"], after["replaced_by"] = end, fresh.ID
	if err := tell(ctx, tx, old, activity.AdminKeyChanged, old.facts(), after); err != nil {
		return err
	}
	return s.publish(ctx, tx, old)
}

// keptOver is how long keys that have expired or were revoked are kept for administrators to look at.
const keptOver = 90 * 24 * time.Hour

// Sweep deletes keys that have been over for ninety days, at most batch of them for each reason, and says how many.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	for _, reason := range []string{"expires_at", "revoked_at"} { // without an index: there are few keys
		m, err := s.db.Sweep(ctx, sqldb.Old{Table: "admin_key", Key: "id", Time: reason, Until: now.Add(-keptOver)}, batch)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// publish has every server forget what it knows of a key.
func (s *Store) publish(ctx context.Context, tx *sqldb.Tx, k *Key) error {
	return s.feed.Publish(tenant.With(ctx, All), tx, topic, k.digest)
}

// facts are what the activity log says of a key.
func (k *Key) facts() map[string]any {
	facts := map[string]any{"name": k.Name, "tenant": k.Tenant, "role": k.Role}
	if len(k.Only) > 0 {
		facts["only"] = k.Only
	}
	if !k.ExpiresAt.IsZero() {
		facts["expires_at"] = k.ExpiresAt
	}
	return facts
}

// tell writes what became of a key into the activity log.
func tell(ctx context.Context, tx *sqldb.Tx, k *Key, action activity.Action, before, after map[string]any) error {
	e := activity.Event{Action: action, Subject: activity.Party{Kind: string(actor.AdminKey), ID: k.ID, Name: k.Name}}
	e.Before, e.After = activity.Diff(before, after)
	return activity.Write(tenant.With(ctx, logOf(k.Tenant)), tx, e)
}

// useEvery is how often it is written that a key is in use.
const useEvery = time.Hour

// used writes down that a key was used, where that was last written long ago; of requests at the same time one writes. The first use
// of all is told in the activity log: from where, and when.
func (s *Store) used(ctx context.Context, k *Key) error {
	now := s.now()
	last := k.noted.Load()
	if last != 0 && now.Sub(time.UnixMicro(last)) < useEvery || !k.noted.CompareAndSwap(last, now.UnixMicro()) {
		return nil
	}
	where, args := []string{`tenant_id = :tenant`, `id = ?`}, []any{now, k.ID}
	if last == 0 {
		where = append(where, `used_at IS NULL`)
	} else {
		where, args = append(where, `used_at < ?`), append(args, now.Add(-useEvery))
	}
	err := s.db.InTx(tenant.With(ctx, k.Tenant), func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE admin_key SET used_at = ? WHERE `+strings.Join(where, " AND "), args...)
		if err != nil || n == 0 || last != 0 {
			return err
		}
		return tell(ctx, tx, k, activity.AdminKeyUsed, nil, nil)
	})
	if errors.Is(err, sqldb.ErrFrozen) {
		return nil // it is not worth an error that it can be written down later only
	}
	return err
}

// record writes events of which there is no other change.
func (s *Store) record(ctx context.Context, e activity.Event) error {
	if _, ok := tenant.From(ctx); !ok {
		ctx = tenant.With(ctx, tenant.Default)
	}
	return activity.Record(ctx, s.db, e)
}
