package token

import (
	"context"
	"slices"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Sizes of the steps in which many rows are changed, so that no transaction holds locks for long.
const (
	familiesAtOnce = 64
	rowsAtOnce     = 500
)

// RevokeFamilies revokes all tokens of the families: codes, access and refresh tokens, also those that a request in
// flight is about to store. Families that do not exist are no error.
func (s *Store) RevokeFamilies(ctx context.Context, families ...string) error {
	for chunk := range slices.Chunk(families, familiesAtOnce) {
		err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.RevokeFamiliesIn(ctx, tx, chunk...) })
		if err != nil {
			return err
		}
	}
	return nil
}

// RevokeFamiliesIn does the same as a step of the caller's transaction.
func (s *Store) RevokeFamiliesIn(ctx context.Context, tx *sqldb.Tx, families ...string) error {
	families = slices.DeleteFunc(slices.Clone(families), func(family string) bool { return family == "" })
	if len(families) == 0 {
		return nil
	}
	now, found := s.now(), int64(0)
	// A redemption in flight holds the lock of the row that it spends. The first update waits for it, but need not see
	// the rows that it stored; the next one does. When an update finds nothing more, nothing more can come: whatever
	// could have been spent is revoked.
	for {
		n, err := tx.Exec(ctx, `UPDATE oauth_token SET revoked_at = ?, expires_at = COALESCE(expires_at, ?)
			WHERE tenant_id = :tenant AND family IN (?) AND family IS NOT NULL AND revoked_at IS NULL`, now, now.Add(spentKept), families)
		if err != nil {
			return err
		}
		if found += n; n == 0 {
			break
		}
	}
	if found > 0 {
		if err := tell(ctx, tx, activity.TokenFamilyRevoked, "token_family", families...); err != nil {
			return err
		}
	}
	for _, family := range families {
		if err := s.feed.Publish(ctx, tx, topic, familyChanged+family); err != nil {
			return err
		}
	}
	return nil
}

// tell writes into the activity log what became of some of a kind, by their ids.
func tell(ctx context.Context, tx *sqldb.Tx, action activity.Action, kind string, ids ...string) error {
	events := make([]activity.Event, len(ids))
	for i, id := range ids {
		events[i] = activity.Event{Action: action, Subject: activity.Party{Kind: kind, ID: id}}
	}
	return activity.Write(ctx, tx, events...)
}

// RevokeToken revokes one token by its digest. One that does not exist is no error.
func (s *Store) RevokeToken(ctx context.Context, digest string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		now := s.now()
		n, err := tx.Exec(ctx, `UPDATE oauth_token SET revoked_at = ?, expires_at = COALESCE(expires_at, ?)
			WHERE tenant_id = :tenant AND digest = ? AND revoked_at IS NULL`, now, now.Add(spentKept), digest)
		if err != nil || n == 0 {
			return err
		}
		// The digest tells nobody the token, and nobody needs to know it.
		if err := tell(ctx, tx, activity.TokenRevoked, "token", digest); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, topic, tokenChanged+digest)
	})
}

// DeleteByClient deletes all codes and tokens of a client, in steps. It ends after two steps in a row that found few:
// the second finds what a redemption stored while the first waited for the row that it spent. Waiting for a step that
// finds nothing would never end where the client goes on getting tokens.
func (s *Store) DeleteByClient(ctx context.Context, clientID string) error {
	for few := 0; few < 2; {
		var n int
		err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			digests, err := sqldb.Texts(tx.Query(ctx, `SELECT digest FROM oauth_token WHERE tenant_id = :tenant AND client_id = ? LIMIT ?`,
				clientID, rowsAtOnce))
			if n = len(digests); err != nil || n == 0 {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM oauth_token WHERE tenant_id = :tenant AND digest IN (?)`, digests); err != nil {
				return err
			}
			e := activity.Event{Action: activity.TokensDeleted, Subject: activity.Client(clientID), Detail: map[string]string{"tokens": strconv.Itoa(n)}}
			if err := activity.Write(ctx, tx, e); err != nil {
				return err
			}
			return s.feed.Publish(ctx, tx, topic, clientChanged+clientID)
		})
		switch {
		case err != nil || n == 0:
			return err
		case n < rowsAtOnce:
			few++
		default:
			few = 0
		}
	}
	return nil
}
