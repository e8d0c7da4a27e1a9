package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// ErrNotFound says that there is no such message.
var ErrNotFound = fault.New(fault.NotFound, "not_found", "There is no message with this id.")

// StoreOptions are what a Store needs.
type StoreOptions struct {
	// DB is the management database.
	DB *sqldb.DB
	// Ring seals what messages say. Give it a ring of its own purpose.
	Ring *secret.Ring
	// Retention says how long messages are kept.
	Retention RetentionConfig
	// Held gives the tenants whose messages are not sent for now; nil for none.
	Held func() []tenant.ID
	// Now is the clock.
	Now func() time.Time
}

// Store keeps messages in the table courier_message. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	ring *secret.Ring
	keep RetentionConfig
	held func() []tenant.ID
	now  func() time.Time
}

// NewStore returns a store of messages.
func NewStore(o StoreOptions) *Store {
	s := &Store{db: o.DB, ring: o.Ring, keep: o.Retention, held: o.Held, now: o.Now}
	if s.held == nil {
		s.held = func() []tenant.ID { return nil }
	}
	return s
}

// Queue puts a message into the queue; it is sent at once if this server sends messages.
func (c *Courier) Queue(ctx context.Context, m Message) error { return c.QueueIn(ctx, c.store.db, m) }

// QueueIn is Queue as part of the caller's transaction: the message is sent when, and only if, it is committed. It is one
// statement.
func (c *Courier) QueueIn(ctx context.Context, q sqldb.Q, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	d, err := c.compose(ctx, m)
	if err != nil {
		return err
	}
	row, err := c.store.row(ctx, m, d)
	if err != nil {
		return err
	}
	if tx, ok := q.(*sqldb.Tx); ok {
		tx.AfterCommit(func() { c.queued(m) })
		return tx.InsertLater(ctx, "courier_message", inserted, [][]any{row})
	}
	if _, err := q.InsertRows(ctx, "courier_message", inserted, [][]any{row}); err != nil {
		return err
	}
	c.queued(m)
	return nil
}

var inserted = []string{
	"tenant_id", "id", "status", "channel", "template", "recipient", "recipient_hash", "document", "send_count", "dispatches",
	"request_id", "due_at", "sweep_at", "expires_at", "created_at", "updated_at",
}

// row is a new message as it is inserted.
func (s *Store) row(ctx context.Context, m Message, d *document) ([]any, error) {
	id, ok := tenant.From(ctx)
	if !ok {
		return nil, sqldb.ErrNoTenant
	}
	now, key := s.now(), secret.NewID()
	expires := now.Add(s.keep.Message)
	sealed, err := s.seal(string(id), key, d)
	if err != nil {
		return nil, err
	}
	return []any{
		string(id), key, string(Queued), m.Channel, m.Template, m.Recipient, secret.Digest(m.Recipient), sealed, 0, "[]",
		truncate(64, m.RequestID), now, expires, expires, now, now,
	}, nil
}

// Sealed says where messages are kept; the ring is StoreOptions.Ring.
func Sealed(ring *secret.Ring) secret.Column {
	return secret.Column{
		Database: "management", Table: "courier_message", Name: "document", Key: []string{"tenant_id", "id"}, Ring: ring,
		Binding: func(key []string) []byte { return binding(key[0], key[1]) },
	}
}

// binding is the additional data of a sealed document. None of the two can hold a blank.
func binding(tenant, id string) []byte { return []byte("courier_message " + tenant + " " + id) }

func (s *Store) seal(tenant, id string, d *document) (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("courier: a message cannot be stored: %w", err)
	}
	return s.ring.Seal(text, binding(tenant, id))
}

func (s *Store) unseal(r *record, sealed string) error {
	if sealed == "" {
		return nil
	}
	text, err := s.ring.Open(sealed, binding(r.Tenant, r.ID))
	if err != nil {
		return fmt.Errorf("courier: message %s cannot be opened: %w", r.ID, err)
	}
	r.Document = &document{}
	if err := json.Unmarshal(text, r.Document); err != nil {
		return fmt.Errorf("courier: message %s is damaged: %w", r.ID, err)
	}
	return nil
}

const selected = `tenant_id, id, status, channel, template, recipient, send_count, request_id, dispatches, document, created_at, updated_at`

// scan reads a row, but leaves its document sealed.
func scan(scan func(...any) error) (r *record, sealed string, err error) {
	r = &record{}
	var status string
	var dispatches []byte
	err = scan(&r.Tenant, &r.ID, &status, &r.Channel, &r.Template, &r.Recipient, &r.SendCount, &r.RequestID, &dispatches, &sealed,
		&r.CreatedAt, &r.UpdatedAt)
	if err != nil {
		return nil, "", err
	}
	r.Status = Status(status)
	if err := json.Unmarshal(dispatches, &r.Dispatches); err != nil {
		return nil, "", fmt.Errorf("courier: the attempts of message %s are damaged: %w", r.ID, err)
	}
	return r, sealed, nil
}

// Get returns a message; ErrNotFound when there is none.
func (s *Store) get(ctx context.Context, id string) (*record, error) {
	row := s.db.QueryRow(ctx, `SELECT `+selected+` FROM courier_message WHERE tenant_id = :tenant AND id = ?`, id)
	r, sealed, err := scan(row.Scan)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return r, s.unseal(r, sealed)
}

// filter says which messages a list holds. Messages come newest first, those before the id before.
type filter struct {
	status    Status
	recipient string
	before    string
	limit     int
}

func (f filter) where(query string, args []any) (string, []any) {
	if f.status != "" {
		query, args = query+` AND status = ?`, append(args, string(f.status))
	}
	if f.recipient != "" {
		query, args = query+` AND recipient_hash = ?`, append(args, secret.Digest(f.recipient))
	}
	return query, args
}

// list returns messages by descending id, which is by time.
func (s *Store) list(ctx context.Context, f filter) ([]*record, error) {
	query, args := f.where(`SELECT `+selected+` FROM courier_message WHERE tenant_id = :tenant`, nil)
	if f.before != "" {
		query, args = query+` AND id < ?`, append(args, f.before)
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY id DESC LIMIT ?`, append(args, f.limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*record
	for rows.Next() {
		r, sealed, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		if err := s.unseal(r, sealed); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// count returns how many messages match, whatever the page.
func (s *Store) count(ctx context.Context, f filter) (n int, err error) {
	query, args := f.where(`SELECT COUNT(*) FROM courier_message WHERE tenant_id = :tenant`, nil)
	return n, s.db.QueryRow(ctx, query, args...).Scan(&n)
}

// Backlog is what waits to be sent.
type Backlog struct {
	// Waiting is the number of messages that are neither sent nor abandoned.
	Waiting int
	// Oldest is when the one that waits longest was queued; zero when none waits.
	Oldest time.Time
}

// Backlog counts what waits, over all tenants.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	err = s.db.AllTenants().QueryRow(ctx, `SELECT COUNT(*), MIN(created_at) FROM courier_message WHERE due_at IS NOT NULL`).
		Scan(&b.Waiting, &b.Oldest)
	return b, err
}

// frozen reports whether something failed because writes are held off for now, which is nothing to complain of.
func frozen(err error) bool { return errors.Is(err, sqldb.ErrFrozen) }
