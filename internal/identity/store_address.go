package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// MarkVerified notes that the person has shown that the address is theirs. ErrNotFound when the identity is gone or no
// longer has the address.
func (s *Store) MarkVerified(ctx context.Context, identityID, via, value string, at time.Time) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		return s.MarkVerifiedIn(ctx, tx, identityID, via, value, at)
	})
}

// MarkVerifiedIn is MarkVerified in the caller's transaction.
func (s *Store) MarkVerifiedIn(ctx context.Context, tx *sqldb.Tx, identityID, via, value string, at time.Time) error {
	return s.changeAddress(ctx, tx, identityID, via, value, func(a *VerifiableAddress) bool {
		if a.Verified {
			return false
		}
		a.Verified, a.Status, a.VerifiedAt = true, AddressCompleted, &at
		return true
	})
}

// MarkSent notes that a verification was sent to the address.
func (s *Store) MarkSent(ctx context.Context, identityID, via, value string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		return s.MarkSentIn(ctx, tx, identityID, via, value)
	})
}

// MarkSentIn is MarkSent in the caller's transaction.
func (s *Store) MarkSentIn(ctx context.Context, tx *sqldb.Tx, identityID, via, value string) error {
	return s.changeAddress(ctx, tx, identityID, via, value, func(a *VerifiableAddress) bool {
		if a.Status != AddressPending {
			return false
		}
		a.Status = AddressSent
		return true
	})
}

// changeAddress changes the state of one address, under a lock on the identity's row. fn says whether it changed anything.
func (s *Store) changeAddress(ctx context.Context, tx *sqldb.Tx, identityID, via, value string, fn func(*VerifiableAddress) bool) error {
	if !validID(identityID) {
		return ErrNotFound
	}
	id, err := s.one(ctx, tx, `SELECT `+Columns("i")+` FROM identity i WHERE i.tenant_id = :tenant AND i.id = ?`+tx.Dialect().ForUpdate(), identityID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(id.VerifiableAddresses, func(a VerifiableAddress) bool {
		return Address{Value: a.Value, Via: a.Via}.is(via, value)
	})
	if at < 0 {
		return ErrNotFound
	}
	if !fn(&id.VerifiableAddresses[at]) {
		return nil
	}
	now := s.now()
	id.VerifiableAddresses[at].UpdatedAt = now
	known, err := marshal(addresses{Verifiable: id.VerifiableAddresses, Recovery: id.RecoveryAddresses})
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE identity SET addresses = ?, unproven = ?, version = version + 1, updated_at = ?
		WHERE tenant_id = :tenant AND id = ? AND version = ?`, known, id.Unproven && !id.verifiedSome(), now, identityID, id.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrChanged
	}
	return s.feed.Publish(ctx, tx, Topic, identityID)
}

// taken is the cause of an ErrExists that tells which handles are another's.
type taken struct{ kinds []string }

func (t *taken) Error() string { return "handles belong to another identity" }

// Taken returns the kinds of the handles that belong to another identity ("password", "verify:email", "external_id"),
// as far as they are known.
func Taken(err error) []string {
	if t, ok := errors.AsType[*taken](err); ok {
		return t.kinds
	}
	return nil
}

// Conflict finds out which handles of id belong to another identity, after a transaction with CreateIn or UpdateIn
// failed with err; Taken then tells. Other errors are returned as they are.
func (s *Store) Conflict(ctx context.Context, id *Identity, err error) error {
	if err == nil || id.prepared == nil || !errors.Is(err, ErrExists) && !errors.Is(err, sqldb.ErrDuplicate) {
		return err
	}
	owners, readErr := s.owners(ctx, s.db, wanted(id))
	if readErr != nil {
		return ErrExists.Because(errors.Join(err, readErr))
	}
	var kinds []string
	for h, owner := range owners {
		if owner != id.ID && !slices.Contains(kinds, h.kind) {
			kinds = append(kinds, h.kind)
		}
	}
	slices.Sort(kinds)
	return ErrExists.Because(&taken{kinds})
}

// unique is what can belong to one identity alone.
type unique struct{ kind, value string }

// wanted lists the unique handles of an identity that was prepared.
func wanted(id *Identity) []unique {
	var all []unique
	for _, h := range id.prepared.handles(id, id.Credentials) {
		if h.unique {
			all = append(all, unique{h.kind, h.value})
		}
	}
	return all
}

// owners returns whose the handles are, of those that are somebody's.
func (s *Store) owners(ctx context.Context, q sqldb.Q, handles []unique) (map[unique]string, error) {
	asked := make(map[unique]bool, len(handles))
	values := make(map[string][]string) // by kind
	for _, h := range handles {
		if !asked[h] {
			asked[h] = true
			values[h.kind] = append(values[h.kind], h.value)
		}
	}
	found := make(map[unique]string)
	for _, kind := range sortedNames(values) {
		if err := s.ownersOf(ctx, q, kind, values[kind], found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) ownersOf(ctx context.Context, q sqldb.Q, kind string, values []string, found map[unique]string) error {
	rows, err := q.Query(ctx, `SELECT value, identity_id FROM identity_handle
		WHERE tenant_id = :tenant AND kind = ? AND value IN (?) AND owner = ''`, kind, values)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var value, owner string
		if err := rows.Scan(&value, &owner); err != nil {
			return err
		}
		found[unique{kind, value}] = owner
	}
	return rows.Err()
}
