package activity

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Store keeps the log in the activity database. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	ring *secret.Ring

	span  int64 // how many lines a statement of a list looks through
	spans int   // how many of those a page takes

	mu   sync.Mutex
	seen map[tenant.ID]Known // the newest line that this process wrote or saw
}

// NewStore returns the log in the activity database. The ring is one of its own purpose: it seals the chains' keys.
func NewStore(db *sqldb.DB, ring *secret.Ring) *Store {
	return &Store{db: db, ring: ring, span: span, spans: spans, seen: make(map[tenant.ID]Known)}
}

var (
	// ErrBroken says that a log's head is not what was written there: lines are not added to such a log, for then nobody could
	// tell any more what is genuine.
	ErrBroken = errors.New("the head of the activity log is not the one that this system wrote: check `gatehouse activity verify`, " +
		"the database's backups, and that secrets.system has every secret that was in use; after a restore or a failover that lost " +
		"lines, servers that had seen more go on when they are restarted")

	lineColumns = []string{"tenant_id", "seq", "id", "happened_at", "action", "actor_id", "subject_id", "document", "hash"}
	headColumns = []string{"tenant_id", "seq", "hash", "first", "anchor", "sealed_key", "mac"}
)

// Append puts events of one tenant, that of the context, at the end of its log, and leaves out those that are there. Any number
// of servers may do so at the same time: the row of the head is what they wait for.
func (s *Store) Append(ctx context.Context, events []Pending) error {
	var end head
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		h, key, err := s.lockHead(ctx, tx)
		if err != nil {
			return err
		}
		fresh, err := s.fresh(ctx, tx, events)
		if err != nil || len(fresh) == 0 {
			return err
		}
		documents := make([][]byte, len(fresh))
		for i, e := range fresh {
			documents[i] = e.Document
		}
		lines, after := h.append(key, documents)
		end = after
		rows, err := lineRows(h.tenant, lines)
		if err != nil {
			return err
		}
		if _, err := tx.InsertRows(ctx, "activity", lineColumns, rows); err != nil {
			return err
		}
		return moveHead(ctx, tx, h, after)
	})
	if err == nil && end.seq > 0 {
		s.note(end)
	}
	return err
}

func lineRows(of tenant.ID, lines []Line) ([][]any, error) {
	rows := make([][]any, len(lines))
	for i, l := range lines {
		e, err := decode(l.Document)
		if err != nil {
			return nil, err
		}
		rows[i] = []any{
			string(of), l.Seq, e.ID, e.Time, key(string(e.Action)), key(e.Actor.ID), key(e.Subject.ID), string(l.Document), l.Hash,
		}
	}
	return rows, nil
}

// fresh gives the events that are not in the log yet, each once.
func (s *Store) fresh(ctx context.Context, tx *sqldb.Tx, events []Pending) ([]Pending, error) {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	rows, err := tx.Query(ctx, `SELECT id FROM activity WHERE tenant_id = :tenant AND id IN (?)`, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := make(map[string]bool)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		there[id] = true
	}
	return slices.DeleteFunc(slices.Clone(events), func(e Pending) bool {
		known := there[e.ID]
		there[e.ID] = true
		return known
	}), rows.Err()
}

// lockHead returns the head of the tenant's log, which nobody else moves until the transaction ends, and the chain's key. Where
// there is no log yet it begins one.
func (s *Store) lockHead(ctx context.Context, tx *sqldb.Tx) (head, []byte, error) {
	h, err := readHead(ctx, tx, tx.Dialect().ForUpdate())
	if errors.Is(err, sqldb.ErrNoRows) {
		return s.begin(ctx, tx)
	}
	if err != nil {
		return h, nil, err
	}
	key, ok := s.chainKey(h)
	if !ok || !s.goesOn(h) {
		return h, nil, ErrBroken
	}
	return h, key, nil
}

// begin makes a head with a key of its own. Where two servers begin at once one of them fails and starts over.
func (s *Store) begin(ctx context.Context, tx *sqldb.Tx) (head, []byte, error) {
	of, _ := tenant.From(ctx)
	var key [32]byte
	_, _ = rand.Read(key[:]) // crypto/rand never fails
	sealed, err := s.ring.Seal(key[:], headData(of))
	if err != nil {
		return head{}, nil, err
	}
	h := head{tenant: of, first: 1, sealed: sealed}
	if !s.goesOn(h) {
		return h, nil, ErrBroken
	}
	h.mac = h.sum(key[:])
	_, err = tx.InsertRows(ctx, "activity_head", headColumns, [][]any{{string(of), h.seq, h.hash, h.first, h.anchor, h.sealed, h.mac}})
	return h, key[:], err
}

// Sealed says where the keys of the chains are kept; the ring is NewStore's.
func Sealed(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "activity", Table: "activity_head", Name: "sealed_key", Key: []string{"tenant_id"}, Ring: ring,
		Binding: func(key []string) []byte { return headData(tenant.ID(key[0])) },
	}
}

// headData binds a chain's key to its tenant.
func headData(of tenant.ID) []byte { return []byte("activity_head\x00" + string(of)) }

func readHead(ctx context.Context, q sqldb.Q, lock string) (head, error) {
	of, _ := tenant.From(ctx)
	h := head{tenant: of}
	err := q.QueryRow(ctx, `SELECT seq, hash, first, anchor, sealed_key, mac FROM activity_head WHERE tenant_id = :tenant`+lock).
		Scan(&h.seq, &h.hash, &h.first, &h.anchor, &h.sealed, &h.mac)
	return h, err
}

// moveHead writes the head after a change, if it is still the one from before.
func moveHead(ctx context.Context, tx *sqldb.Tx, before, after head) error {
	n, err := tx.Exec(ctx, `UPDATE activity_head SET seq = ?, hash = ?, first = ?, anchor = ?, mac = ?
		WHERE tenant_id = :tenant AND mac = ?`, after.seq, after.hash, after.first, after.anchor, after.mac, before.mac)
	if err == nil && n != 1 {
		err = errors.New("activity: another server moved the head of the log in spite of its lock")
	}
	return err
}

// chainKey returns the chain's key, and false where the head is not genuine.
func (s *Store) chainKey(h head) ([]byte, bool) {
	key, err := s.ring.Open(h.sealed, headData(h.tenant))
	return key, err == nil && h.genuine(key)
}

// frozen reports whether a failure is that writes are refused for a while, as long as data is copied: nobody need look after it.
func frozen(err error) bool { return errors.Is(err, sqldb.ErrFrozen) }

// away reports whether a failure is the database's, and not one tenant's.
func away(err error) bool { return errors.Is(err, sqldb.ErrUnavailable) }

// note keeps the newest line that is known to this process.
func (s *Store) note(h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.seq >= s.seen[h.tenant].Seq {
		s.seen[h.tenant] = Known{h.seq, h.hash}
	}
}

// goesOn reports whether a head is not behind what this process has seen: a log never becomes shorter at its end.
func (s *Store) goesOn(h head) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen[h.tenant]
	return h.seq > seen.Seq || h.seq == seen.Seq && h.hash == seen.Hash
}

// Tenants returns the tenants that have a log.
func (s *Store) Tenants(ctx context.Context) ([]tenant.ID, error) {
	return scanTenants(s.db.AllTenants().Query(ctx, `SELECT tenant_id FROM activity_head ORDER BY tenant_id`))
}

func scanTenants(rows *sqldb.Rows, err error) ([]tenant.ID, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []tenant.ID
	for rows.Next() {
		var of string
		if err := rows.Scan(&of); err != nil {
			return nil, err
		}
		all = append(all, tenant.ID(of))
	}
	return all, rows.Err()
}

// lines reads lines from a number on, in their order.
func (s *Store) lines(ctx context.Context, from int64, limit int) ([]Line, error) {
	return scanLines(s.db.Query(ctx, `SELECT `+lineSelected+` FROM activity WHERE tenant_id = :tenant AND seq >= ? ORDER BY seq LIMIT ?`, from, limit))
}

const lineSelected = `seq, id, happened_at, action, actor_id, subject_id, document, hash`

func scanLines(rows *sqldb.Rows, err error) ([]Line, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Line
	for rows.Next() {
		var l Line
		if err := rows.Scan(&l.Seq, &l.id, &l.at, &l.action, &l.actor, &l.subject, &l.Document, &l.Hash); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}
