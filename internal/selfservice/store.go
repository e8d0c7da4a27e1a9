package selfservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

var (
	// ErrNoFlow says that there is no flow of this kind and id (any more).
	ErrNoFlow       = errors.New("selfservice: no such flow")
	errNoFlowToTell = errors.New("selfservice: changes that the activity log is told of come with a flow")

	// ErrFlowChanged says that somebody else submitted the flow at the same time and was first, or that it has ended.
	ErrFlowChanged = errors.New("selfservice: the flow was changed by another request")
)

// StoreOptions is what a Store needs.
type StoreOptions struct {
	DB *sqldb.DB
	// Ring seals the flows; give it one of its own purpose.
	Ring       *secret.Ring
	Identities *identity.Store
	Sessions   *session.Store
	// Exchanges trade the end of a flow for a session token; it may be nil.
	Exchanges *session.Exchanges
	// Courier sends what flows have to say; without it nothing is sent.
	Courier *courier.Courier
	Now     func() time.Time
}

// Store keeps flows in the table selfservice_flow.
type Store struct {
	o       StoreOptions
	db      *sqldb.DB
	inserts *sqldb.Inserter
	reads   *sqldb.Reader[*Flow]
	ends    *sqldb.Coalescer[Writes]
}

var flowColumns = []string{"tenant_id", "id", "kind", "document", "version", "created_at", "updated_at", "expires_at"}

// NewStore makes a Store.
func NewStore(o StoreOptions) *Store {
	s := &Store{o: o, db: o.DB}
	s.inserts = sqldb.NewInserter(o.DB, "selfservice_flow", flowColumns...)
	s.reads = sqldb.NewReader(o.DB, s.read)
	s.ends = sqldb.NewCoalescer(o.DB, sqldb.CoalescerOptions{}, s.flush)
	return s
}

// Close waits for what is being written and refuses what comes later.
func (s *Store) Close() {
	s.inserts.Close()
	s.reads.Close()
	s.ends.Close()
}

// Insert stores a new flow together with its messages.
func (s *Store) Insert(ctx context.Context, f *Flow) error {
	if len(f.outbox) > 0 {
		return s.Finish(ctx, Writes{More: []*Flow{f}})
	}
	row, err := s.row(ctx, f)
	if err != nil {
		return err
	}
	if err := s.inserts.Insert(ctx, row); err != nil {
		return err
	}
	f.Version = 1
	return nil
}

// Get returns the flow, whatever its age. One that has ended is ErrFlowChanged, with the flow beside it.
func (s *Store) Get(ctx context.Context, kind Kind, id string) (*Flow, error) {
	// What a database does not take for text would fail the reads of everybody whose flows the same statement reads.
	if id == "" || len(id) > 64 || strings.Trim(id, "0123456789abcdef-") != "" {
		return nil, ErrNoFlow
	}
	f, found, err := s.reads.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !found || f.Kind != kind:
		return nil, ErrNoFlow
	}
	// The reader may have given the same flow to somebody else.
	return f.clone()
}

// read finds flows by their ids. The spent ones come without content.
func (s *Store) read(ctx context.Context, q sqldb.Q, ids []string) (map[string]*Flow, error) {
	rows, err := q.Query(ctx, `SELECT id, kind, document, version, spent_at, expires_at, activity FROM selfservice_flow WHERE tenant_id = :tenant AND id IN (?)`, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[string]*Flow, len(ids))
	for rows.Next() {
		f := &Flow{}
		var sealed string
		if err := rows.Scan(&f.ID, &f.Kind, &sealed, &f.Version, &f.spent, &f.ExpiresAt, &f.waiting); err != nil {
			return nil, err
		}
		if f.raw, err = s.o.Ring.Open(sealed, aad(ctx, f.ID)); err != nil {
			return nil, fmt.Errorf("selfservice: flow %s: %w", f.ID, err)
		}
		out[f.ID] = f
	}
	return out, rows.Err()
}

// clone decodes a flow that was read into one of the caller's own.
func (f *Flow) clone() (*Flow, error) {
	c := &Flow{}
	if err := json.Unmarshal(f.raw, c); err != nil {
		return nil, fmt.Errorf("selfservice: flow %s: %w", f.ID, err)
	}
	c.ID, c.Kind, c.Version, c.ExpiresAt, c.spent, c.waiting = f.ID, f.Kind, f.Version, f.ExpiresAt, f.spent, f.waiting
	return c, nil
}

// Save stores the flow as it is now, and its messages. ErrFlowChanged says that somebody else was first.
func (s *Store) Save(ctx context.Context, f *Flow) error { return s.Finish(ctx, Writes{Flow: f}) }

// Finish makes all of the changes or none. ErrFlowChanged says that somebody else ended or changed the flow first; errors of
// the identity store say why the identity could not be written.
func (s *Store) Finish(ctx context.Context, w Writes) error {
	told, err := s.told(ctx, w)
	if err != nil {
		return err
	}
	if w.told = told; w.Flow == nil && len(told) > 0 {
		return errNoFlowToTell
	}
	if w.Create != nil || w.Update != nil || w.Disown != "" {
		// What can fail because of others' rows, or takes a while after the commit, has a transaction of its own: it would undo
		// its neighbours', or have them wait.
		err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.flush(ctx, tx, []Writes{w})[0] })
	} else {
		err = s.ends.Do(ctx, w)
	}
	if err != nil {
		return err
	}
	if w.Flow != nil {
		w.Flow.Version++
		w.Flow.outbox, w.Flow.events = nil, nil
		if column, _ := pending(w.Flow.waiting, told, s.o.Now()); column != nil {
			w.Flow.waiting = []byte(column.(string))
		}
	}
	for _, f := range w.More {
		f.Version, f.outbox = 1, nil
	}
	return nil
}

// flush writes the changes of several requests in one transaction.
func (s *Store) flush(ctx context.Context, tx *sqldb.Tx, all []Writes) []error {
	errs := s.update(ctx, tx, all)
	for i, w := range all {
		if errs[i] == nil {
			errs[i] = s.write(ctx, tx, w)
		}
	}
	return errs
}

// write writes what comes with the flow of somebody who was first.
func (s *Store) write(ctx context.Context, tx *sqldb.Tx, w Writes) error {
	if err := s.writeSession(ctx, tx, w); err != nil {
		return err
	}
	if err := s.writeIdentity(ctx, tx, w); err != nil {
		return err
	}
	if err := s.endSessions(ctx, tx, w); err != nil {
		return err
	}
	if len(w.More) > 0 {
		rows := make([][]any, len(w.More))
		for i, f := range w.More {
			row, err := s.row(ctx, f)
			if err != nil {
				return err
			}
			rows[i] = row
		}
		if err := tx.InsertLater(ctx, "selfservice_flow", flowColumns, rows); err != nil {
			return err
		}
	}
	for _, f := range append([]*Flow{w.Flow}, w.More...) {
		if err := s.send(ctx, tx, f); err != nil {
			return err
		}
	}
	return nil
}

// update saves or ends the flows, guarded by their versions. It is the statement that decides who was first; nothing else is
// written for the others.
func (s *Store) update(ctx context.Context, tx *sqldb.Tx, all []Writes) []error {
	errs := make([]error, len(all))
	var each [][]any
	var at []int
	for i, w := range all {
		if w.Flow == nil {
			continue
		}
		change, err := s.change(ctx, w)
		if err != nil {
			errs[i] = err
			continue
		}
		each, at = append(each, change), append(at, i)
	}
	counts, err := tx.ExecEach(ctx, `UPDATE selfservice_flow SET document = ?, version = version + 1, updated_at = ?, spent_at = ?, expires_at = ?, activity = ?, activity_at = ?
		WHERE tenant_id = :tenant AND id = ? AND version = ? AND spent_at IS NULL`, each)
	for n, i := range at {
		switch {
		case err != nil:
			errs[i] = err
		case counts[n] != 1:
			errs[i] = ErrFlowChanged
		}
	}
	return errs
}

// change is what update binds.
func (s *Store) change(ctx context.Context, w Writes) ([]any, error) {
	sealed, err := s.seal(ctx, w.Flow)
	if err != nil {
		return nil, err
	}
	now := s.o.Now()
	var spent time.Time
	if w.Spend {
		spent = now
	}
	events, since := pending(w.Flow.waiting, w.told, now)
	return []any{sealed, now, spent, w.Flow.ExpiresAt, events, since, w.Flow.ID, w.Flow.Version}, nil
}

func (s *Store) writeIdentity(ctx context.Context, tx *sqldb.Tx, w Writes) error {
	if w.Create != nil {
		if err := s.o.Identities.CreateIn(ctx, tx, w.Create); err != nil {
			return err
		}
	}
	if w.Update != nil {
		if err := s.o.Identities.UpdateIn(ctx, tx, w.Update); err != nil {
			return err
		}
	}
	for _, v := range w.Verified {
		if err := s.o.Identities.MarkVerifiedIn(ctx, tx, v.IdentityID, v.Via, v.Value, s.o.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) send(ctx context.Context, tx *sqldb.Tx, f *Flow) error {
	if f == nil || s.o.Courier == nil {
		return nil
	}
	for _, m := range f.outbox {
		if err := s.o.Courier.QueueIn(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// row is a new flow as the columns want it.
func (s *Store) row(ctx context.Context, f *Flow) ([]any, error) {
	sealed, err := s.seal(ctx, f)
	if err != nil {
		return nil, err
	}
	id, _ := tenant.From(ctx)
	return []any{id, f.ID, string(f.Kind), sealed, int64(1), f.IssuedAt, f.IssuedAt, f.ExpiresAt}, nil
}

func (s *Store) seal(ctx context.Context, f *Flow) (string, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("selfservice: a flow cannot be stored: %w", err)
	}
	return s.o.Ring.Seal(raw, aad(ctx, f.ID))
}

// Sealed says where flows are kept; the ring is StoreOptions.Ring.
func Sealed(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "management", Table: "selfservice_flow", Name: "document", Key: []string{"tenant_id", "id"}, Ring: ring,
		Binding: func(key []string) []byte { return binding(key[0], key[1]) },
	}
}

// aad ties a sealed flow to its row.
func aad(ctx context.Context, id string) []byte {
	t, _ := tenant.From(ctx)
	return binding(string(t), id)
}

func binding(of, id string) []byte { return []byte("selfservice_flow\x00" + of + "\x00" + id) }
