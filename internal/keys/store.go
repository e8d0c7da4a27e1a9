package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Topic is the change feed's topic of this package. The key of a change is the name of the set.
const Topic = "keys"

// Store keeps the sets in the oauth database, with the keys sealed.
type Store struct {
	db   *sqldb.DB
	feed *sqldb.Feed
	ring *secret.Ring
}

// NewStore returns a store that seals with the ring, which is the operator's for the purpose "keys".
func NewStore(db *sqldb.DB, feed *sqldb.Feed, ring *secret.Ring) *Store {
	return &Store{db: db, feed: feed, ring: ring}
}

// fresh reports whether changes made by other servers are being heard of.
func (s *Store) fresh() bool { return s.feed.Healthy() }

// watch calls fn for each change of a set, also for those of other servers.
func (s *Store) watch(fn func(id tenant.ID, set string)) { s.feed.Subscribe(Topic, fn) }

const keyColumns = `kid, algorithm, key_use, state, origin, ordinal, sealed_jwk, created_at, activated_at, retired_at, remove_at`

// Load reads a set with its keys: one statement. A set that does not exist is empty.
func (s *Store) Load(ctx context.Context, set string) (Set, error) {
	return s.keys(ctx, s.db, set)
}

func (s *Store) keys(ctx context.Context, q sqldb.Q, set string) (Set, error) {
	out := Set{Name: set}
	rows, err := q.Query(ctx, `SELECT `+keyColumns+` FROM signing_key WHERE tenant_id = :tenant AND set_name = ?`, set)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	for rows.Next() {
		var k Key
		err := rows.Scan(&k.ID, &k.Algorithm, &k.Use, &k.State, &k.Origin, &k.Ordinal, &k.sealed,
			&k.CreatedAt, &k.ActivatedAt, &k.RetiredAt, &k.RemoveAt)
		if err != nil {
			return out, err
		}
		out.Keys = append(out.Keys, k)
	}
	if err := rows.Err(); err != nil {
		return out, err
	}
	for i := range out.Keys {
		if err := s.open(ctx, set, &out.Keys[i]); err != nil {
			return out, err
		}
	}
	out.sort()
	return out, nil
}

// Sets reads what is known of every key of the tenant, without the material: one statement.
func (s *Store) Sets(ctx context.Context) ([]Set, error) {
	rows, err := s.db.Query(ctx, `SELECT set_name, kid, algorithm, key_use, state, origin, ordinal,
		created_at, activated_at, retired_at, remove_at
		FROM signing_key WHERE tenant_id = :tenant ORDER BY set_name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var sets []Set
	for rows.Next() {
		var name string
		var k Key
		err := rows.Scan(&name, &k.ID, &k.Algorithm, &k.Use, &k.State, &k.Origin, &k.Ordinal,
			&k.CreatedAt, &k.ActivatedAt, &k.RetiredAt, &k.RemoveAt)
		if err != nil {
			return nil, err
		}
		if len(sets) == 0 || sets[len(sets)-1].Name != name {
			sets = append(sets, Set{Name: name})
		}
		last := &sets[len(sets)-1]
		last.Keys = append(last.Keys, k)
	}
	for i := range sets {
		sets[i].sort()
	}
	return sets, rows.Err()
}

// place is a set of some tenant.
type place struct {
	tenant tenant.ID
	set    string
}

// task is a set that may have something to do.
type task struct {
	place
	due time.Time // zero: nothing, as far as the store knows
}

// maxDue is how many sets one pass of the schedule takes on; the rest is for the next.
const maxDue = 1000

// due lists the sets of all tenants with something to do at the time now, the longest waiting first: one statement.
func (s *Store) due(ctx context.Context, now time.Time) ([]task, error) {
	return s.tasks(ctx, `SELECT tenant_id, set_name, due_at FROM signing_set WHERE due_at <= ? ORDER BY due_at LIMIT ?`, now, maxDue)
}

// all lists every set of all tenants: one statement.
func (s *Store) all(ctx context.Context) ([]task, error) {
	return s.tasks(ctx, `SELECT tenant_id, set_name, due_at FROM signing_set`)
}

func (s *Store) tasks(ctx context.Context, query string, args ...any) ([]task, error) {
	rows, err := s.db.AllTenants().Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []task
	for rows.Next() {
		var t task
		if err := rows.Scan(&t.tenant, &t.set, &t.due); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// change runs fn on the set and writes what it changed, in one transaction that holds the set: of many servers one at
// a time gets to decide, on what the one before has written. fn may run again and must not keep anything.
func (s *Store) change(ctx context.Context, set string, p policy, now time.Time, fn func(*Set) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := hold(ctx, tx, set); err != nil {
			return err
		}
		before, err := s.keys(ctx, tx, set)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT algorithm, configured FROM signing_set WHERE tenant_id = :tenant AND set_name = ?`, set).
			Scan(&before.Algorithm, &before.Configured)
		if err != nil {
			return err
		}
		after := before.clone()
		for i := range after.Keys {
			if k := &after.Keys[i]; s.ring.Stale(k.sealed) {
				k.sealed = "" // so that it is sealed anew, and the secret before can go
			}
		}
		if err := fn(&after); err != nil {
			return err
		}
		changed, err := s.write(ctx, tx, &before, &after)
		if err != nil {
			return err
		}
		if len(after.Keys) == 0 && !p.managed {
			_, err = tx.Exec(ctx, `DELETE FROM signing_set WHERE tenant_id = :tenant AND set_name = ?`, set)
		} else {
			_, err = tx.Exec(ctx, `UPDATE signing_set SET algorithm = ?, configured = ?, due_at = ? WHERE tenant_id = :tenant AND set_name = ?`,
				after.Algorithm, after.Configured, after.due(p, now), set)
		}
		if err != nil || !changed {
			return err
		}
		if err := activity.Write(ctx, tx, events(&before, &after)...); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, set)
	})
}

// events tells what became of the keys of a set.
func events(before, after *Set) []activity.Event {
	var all []activity.Event
	tell := func(action activity.Action, k *Key, was string) {
		e := activity.Event{Action: action, Subject: activity.Party{Kind: "key", ID: k.ID}}
		e.Detail = map[string]string{"set": after.Name, "algorithm": k.Algorithm, "state": string(k.State)}
		if was != "" {
			e.Detail["was"] = was
		}
		all = append(all, e)
	}
	// A key that is made to sign at once, because none was waiting, takes over as one that was.
	succeeds := slices.ContainsFunc(before.Keys, func(b Key) bool {
		i := after.find(b.ID)
		return b.State == Active && i >= 0 && after.Keys[i].State != Active
	})
	for i := range after.Keys {
		k := &after.Keys[i]
		j := before.find(k.ID)
		switch {
		case j < 0:
			tell(activity.KeyCreated, k, "")
			if succeeds && k.State == Active {
				tell(activity.KeyRotated, k, "")
			}
		case before.Keys[j].State == k.State && same(before.Keys[j].jwk, k.jwk):
		case k.State == Active && before.Keys[j].State != Active:
			tell(activity.KeyRotated, k, string(before.Keys[j].State))
		default:
			tell(activity.KeyChanged, k, string(before.Keys[j].State))
		}
	}
	for i := range before.Keys {
		if k := &before.Keys[i]; after.find(k.ID) < 0 {
			tell(activity.KeyWithdrawn, k, "")
		}
	}
	return all
}

// hold locks the set's row until the end of the transaction, and makes it when there is none.
func hold(ctx context.Context, tx *sqldb.Tx, set string) error {
	const lock = `UPDATE signing_set SET revision = revision + 1 WHERE tenant_id = :tenant AND set_name = ?`
	n, err := tx.Exec(ctx, lock, set)
	if err != nil || n == 1 {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO signing_set (tenant_id, set_name, algorithm, configured, revision)
		VALUES (:tenant, ?, '', '', 0)`+tx.Dialect().Upsert([]string{"tenant_id", "set_name"}), set)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, lock, set)
	return err
}

// write brings the rows from before to after and reports whether they differ.
func (s *Store) write(ctx context.Context, tx *sqldb.Tx, before, after *Set) (changed bool, err error) {
	id, _ := tenant.From(ctx)
	var fresh [][]any
	for i := range after.Keys {
		k := &after.Keys[i]
		j := before.find(k.ID)
		if j >= 0 && before.Keys[j].row() == k.row() {
			continue
		}
		if k.sealed == "" {
			if err := s.seal(id, after.Name, k); err != nil {
				return false, err
			}
		}
		changed = true
		if j < 0 {
			fresh = append(fresh, []any{id, after.Name, k.ID, k.Algorithm, k.Use, k.State, k.Origin, k.Ordinal, k.sealed,
				k.CreatedAt, k.ActivatedAt, k.RetiredAt, k.RemoveAt})
			continue
		}
		if err := update(ctx, tx, after.Name, k, before.Keys[j].State); err != nil {
			return false, err
		}
	}
	for i := range before.Keys {
		if k := &before.Keys[i]; after.find(k.ID) < 0 {
			changed = true
			if _, err := tx.Exec(ctx, `DELETE FROM signing_key WHERE tenant_id = :tenant AND set_name = ? AND kid = ?`, after.Name, k.ID); err != nil {
				return false, err
			}
		}
	}
	if len(fresh) == 0 {
		return changed, nil
	}
	_, err = tx.InsertRows(ctx, "signing_key", []string{"tenant_id", "set_name", "kid", "algorithm", "key_use", "state", "origin",
		"ordinal", "sealed_jwk", "created_at", "activated_at", "retired_at", "remove_at"}, fresh)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return changed, ErrExists.Because(err)
	}
	return changed, err
}

// update writes a key that was in the given state. The guard fails when the set was not held.
func update(ctx context.Context, tx *sqldb.Tx, set string, k *Key, was State) error {
	n, err := tx.Exec(ctx, `UPDATE signing_key SET algorithm = ?, key_use = ?, state = ?, origin = ?, ordinal = ?, sealed_jwk = ?,
		created_at = ?, activated_at = ?, retired_at = ?, remove_at = ?
		WHERE tenant_id = :tenant AND set_name = ? AND kid = ? AND state = ?`,
		k.Algorithm, k.Use, k.State, k.Origin, k.Ordinal, k.sealed, k.CreatedAt, k.ActivatedAt, k.RetiredAt, k.RemoveAt,
		set, k.ID, was)
	if err == nil && n != 1 {
		err = fmt.Errorf("key %s of set %s changed while its set was held", k.ID, set)
	}
	return err
}

// row is what of a key is stored, for comparison.
type row struct {
	id, algorithm, use, sealed string
	state                      State
	origin                     Origin
	ordinal                    int
	times                      [4]int64
}

func (k *Key) row() row {
	return row{
		id: k.ID, algorithm: k.Algorithm, use: k.Use, sealed: k.sealed, state: k.State, origin: k.Origin, ordinal: k.Ordinal,
		times: [4]int64{k.CreatedAt.UnixMicro(), k.ActivatedAt.UnixMicro(), k.RetiredAt.UnixMicro(), k.RemoveAt.UnixMicro()},
	}
}

// seal fills k.sealed. The additional data binds the text to its row, so that rows cannot be swapped.
func (s *Store) seal(id tenant.ID, set string, k *Key) error {
	plain, err := json.Marshal(k.jwk)
	if err != nil {
		return fmt.Errorf("encode key %s of set %s: %w", k.ID, set, err)
	}
	k.sealed, err = s.ring.Seal(plain, binding(id, set, k.ID))
	clear(plain)
	return err
}

// open fills k.jwk.
func (s *Store) open(ctx context.Context, set string, k *Key) error {
	id, _ := tenant.From(ctx)
	plain, err := s.ring.Open(k.sealed, binding(id, set, k.ID))
	if err != nil {
		return fmt.Errorf("key %s of set %s cannot be opened; was secrets.system changed without keeping the earlier value? %w", k.ID, set, err)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &k.jwk); err != nil {
		return fmt.Errorf("key %s of set %s is damaged: %w", k.ID, set, err)
	}
	return nil
}

// Sealed says where keys are kept; the ring is NewStore's.
func Sealed(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "oauth", Table: "signing_key", Name: "sealed_jwk", Key: []string{"tenant_id", "set_name", "kid"}, Ring: ring,
		Binding: func(key []string) []byte { return binding(tenant.ID(key[0]), key[1], key[2]) },
	}
}

// binding is the additional data of a sealed key. None of the three can hold a blank.
func binding(id tenant.ID, set, kid string) []byte {
	return []byte(string(id) + " " + set + " " + kid)
}

// frozen reports whether something failed because writes are held off for now, which is nothing to complain of.
func frozen(err error) bool { return errors.Is(err, sqldb.ErrFrozen) }
