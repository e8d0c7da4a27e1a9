package activity

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

var (
	outboxColumns = []string{"tenant_id", "id", "written_at", "document"}

	errNoTenant = errors.New("activity: an event needs a tenant: the context has none")
	errNoClock  = errors.New("activity: the database was opened without a clock")
)

// outbox is the table of a logical database in which events wait.
func outbox(logical string) string { return logical + "_activity_outbox" }

// Write has events written with the commit of the transaction that makes the change: all events of a transaction leave as one
// statement. What an event leaves empty comes from the context and the clock: id, time, tenant, actor, address, request id.
// The database is management or oauth.
func Write(ctx context.Context, tx *sqldb.Tx, events ...Event) error {
	in, err := insert(ctx, tx.Name(), tx.Now(), events)
	if err != nil {
		return err
	}
	return tx.InsertAtEnd(ctx, in)
}

// Insert is Write for those who write by sqldb.DB.InsertAll.
func Insert(ctx context.Context, db *sqldb.DB, events ...Event) (sqldb.Insert, error) {
	return insert(ctx, db.Name(), db.Now(), events)
}

// Record writes events of which there is no other change, and returns after the commit.
func Record(ctx context.Context, db *sqldb.DB, events ...Event) error {
	in, err := Insert(ctx, db, events...)
	if err != nil {
		return err
	}
	return db.InsertAll(ctx, in)
}

func insert(ctx context.Context, logical string, now time.Time, events []Event) (sqldb.Insert, error) {
	in := sqldb.Insert{Table: outbox(logical), Columns: outboxColumns, Rows: make([][]any, len(events))}
	for i := range events {
		e, err := Complete(ctx, now, events[i])
		if err != nil {
			return in, err
		}
		document, err := e.Document()
		if err != nil {
			return in, err
		}
		in.Rows[i] = []any{string(e.Tenant), e.ID, now, string(document)}
	}
	return in, nil
}

// Complete fills in what an event leaves empty, from the context and the clock.
func Complete(ctx context.Context, now time.Time, e Event) (Event, error) {
	id, ok := tenant.From(ctx)
	if !ok {
		return e, errNoTenant
	}
	if now.IsZero() {
		return e, errNoClock
	}
	e.Tenant = id
	if e.ID == "" {
		e.ID = secret.NewID()
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	if e.Actor.Kind == "" {
		e.Actor = By(actor.From(ctx))
	}
	if from := actor.OriginOf(ctx); e.RequestID == "" {
		e.RequestID = from.RequestID
		if from.Address.IsValid() {
			e.Address = from.Address.String()
		}
	}
	return e, nil
}

// Pending is an event that waits to be moved into the log.
type Pending struct {
	Tenant tenant.ID
	ID     string
	// Written is when the change was made.
	Written time.Time
	// Document is the event as JSON.
	Document []byte
	// Row and Version tell which state of which row was read, where events are kept in rows of other things.
	Row     string
	Version int64
}

// Source is where events wait.
type Source interface {
	// Pending returns events of all tenants, the oldest first, about as many as limit says; none means that nothing waits.
	Pending(ctx context.Context, limit int) ([]Pending, error)
	// Moved forgets events that are in the log.
	Moved(ctx context.Context, events []Pending) error
	// Backlog tells how many events wait and since when the oldest does.
	Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error)
}

// Outbox is the source in a logical database, which is management or oauth.
type Outbox struct {
	// DB is that database, or the one that it shares with another.
	DB *sqldb.DB
	// Logical is its name.
	Logical string
}

var _ Source = Outbox{}

// Pending implements Source.
func (o Outbox) Pending(ctx context.Context, limit int) ([]Pending, error) {
	rows, err := o.DB.AllTenants().Query(ctx, `SELECT tenant_id, id, written_at, document FROM `+outbox(o.Logical)+`
		ORDER BY written_at, tenant_id, id LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Pending
	for rows.Next() {
		var p Pending
		var of string
		if err := rows.Scan(&of, &p.ID, &p.Written, &p.Document); err != nil {
			return nil, err
		}
		p.Tenant = tenant.ID(of)
		all = append(all, p)
	}
	return all, rows.Err()
}

// Moved implements Source.
func (o Outbox) Moved(ctx context.Context, events []Pending) error {
	for of, ids := range byTenant(events) {
		_, err := o.DB.Exec(tenant.With(ctx, of), `DELETE FROM `+outbox(o.Logical)+` WHERE tenant_id = :tenant AND id IN (?)`, ids)
		if err != nil {
			return err
		}
	}
	return nil
}

// Backlog implements Source.
func (o Outbox) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	err = o.DB.AllTenants().QueryRow(ctx, `SELECT COUNT(*), MIN(written_at) FROM `+outbox(o.Logical)).Scan(&waiting, &oldest)
	return waiting, oldest, err
}

func byTenant(events []Pending) map[tenant.ID][]string {
	ids := make(map[tenant.ID][]string)
	for _, e := range events {
		ids[e.Tenant] = append(ids[e.Tenant], e.ID)
	}
	return ids
}

// decode reads a line's event.
func decode(document []byte) (Event, error) {
	var e Event
	err := json.Unmarshal(document, &e)
	return e, err
}
