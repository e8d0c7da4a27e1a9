package limit

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Store keeps failures in the management database. Make it with NewStore.
type Store struct {
	db    *sqldb.DB
	ring  *secret.Ring
	reads *sqldb.Reader[map[string]failure]
}

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the management database.
	DB *sqldb.DB
	// Ring keys the digests of names. Give it a ring of its own purpose.
	Ring *secret.Ring
}

// NewStore returns a store of failures.
func NewStore(o StoreOptions) *Store {
	s := &Store{db: o.DB, ring: o.Ring}
	s.reads = sqldb.NewReader(o.DB, s.read)
	return s
}

// digest names a row without naming a person: HMAC-SHA256 of the key and the network, which is empty for all networks.
func (s *Store) digest(key, network string) string {
	return base64.RawURLEncoding.EncodeToString(s.ring.MAC([]byte(key + "\x00" + network)))
}

// together holds the keys that one attempt asks about in one. No digest has it.
const together = " "

// failures reads what is known of the keys. Attempts at the same time share a statement.
func (s *Store) failures(ctx context.Context, keys []string) (map[string]failure, error) {
	found, _, err := s.reads.Get(ctx, strings.Join(keys, together))
	return found, err
}

// read answers several attempts. Those of which nothing is known, as a rule all, get no answer.
func (s *Store) read(ctx context.Context, q sqldb.Q, attempts []string) (map[string]map[string]failure, error) {
	var keys []string
	for _, a := range attempts {
		keys = append(keys, strings.Split(a, together)...)
	}
	slices.Sort(keys) // many attempts at one identifier, or none twice
	rows, err := q.Query(ctx, `SELECT subject, failures, failed_at FROM limit_failure
		WHERE tenant_id = :tenant AND subject IN (?)`, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[string]failure{}
	for rows.Next() {
		var key string
		var f failure
		if err := rows.Scan(&key, &f.count, &f.last); err != nil {
			return nil, err
		}
		known[key] = f
	}
	found := map[string]map[string]failure{}
	if len(known) > 0 {
		for _, a := range attempts {
			found[a] = known // of the others' keys nobody asks
		}
	}
	return found, rows.Err()
}

// add counts a failure for each key; a count whose last failure is from before forget begins anew. The database adds, so
// that of failures at the same time none is lost.
func (s *Store) add(ctx context.Context, keys []string, now, forget time.Time) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		values := strings.TrimSuffix(strings.Repeat("(:tenant, ?, 0, ?), ", len(keys)), ", ")
		args := make([]any, 0, 2*len(keys))
		for _, k := range keys {
			args = append(args, k, now)
		}
		_, err := tx.Exec(ctx, `INSERT INTO limit_failure (tenant_id, subject, failures, failed_at) VALUES `+values+
			tx.Dialect().Upsert([]string{"tenant_id", "subject"}), args...)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE limit_failure
			SET failures = CASE WHEN failed_at < ? THEN 1 ELSE failures + 1 END, failed_at = ?
			WHERE tenant_id = :tenant AND subject IN (?)`, forget, now, keys)
		return err
	})
}

// tell writes a lock-out into the activity log.
func (s *Store) tell(ctx context.Context, key string, failures int, wait time.Duration) error {
	return activity.Record(ctx, s.db, activity.Event{
		Action: activity.LoginLocked, Subject: activity.Party{Kind: "identifier", ID: key},
		Detail: map[string]string{"failures": strconv.Itoa(failures), "for": wait.Round(time.Second).String()},
	})
}

// forget removes the keys.
func (s *Store) forget(ctx context.Context, keys []string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM limit_failure WHERE tenant_id = :tenant AND subject IN (?)`, keys)
	return err
}

// Sweep deletes failures of all tenants that count no more, at most batch of them, and says how many it deleted.
func (l *Limits) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	until := now.Add(-l.config.Lockout.Forget)
	return l.store.db.Sweep(ctx, sqldb.Old{Table: "limit_failure", Key: "subject", Time: "failed_at", Until: until}, batch)
}
