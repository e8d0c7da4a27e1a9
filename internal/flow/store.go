package flow

import (
	"context"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Store keeps events in the table flow_decision. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	rows *sqldb.Inserter
	keep time.Duration
}

// NewStore returns a store in the flow database that keeps events for as long as retention says.
func NewStore(db *sqldb.DB, retention time.Duration) *Store {
	return &Store{db: db, keep: retention, rows: sqldb.NewInserter(db, "flow_decision", "tenant_id", "id", "decided_at",
		"rule_id", "subject", "method", "host", "path", "verdict", "reason", "duration_us", "bytes")}
}

// Close waits for what is being written.
func (s *Store) Close() { s.rows.Close() }

// insert writes events of the context's tenant: one statement, which those of other tenants may share.
func (s *Store) insert(ctx context.Context, events []Event) error {
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{nil, secret.NewID(), e.Time, e.Rule, e.Subject, e.Method, e.Host, e.Path, string(e.Verdict), e.Reason,
			e.Duration.Microseconds(), e.Bytes}
	}
	return s.rows.Insert(ctx, rows...)
}

// Filter says which events a list holds.
type Filter struct {
	// Rule, Verdict and Subject are compared exactly; empty is any.
	Rule    string
	Verdict Verdict
	Subject string
	// Before is the id of the event after which the list goes on; empty begins with the newest.
	Before string
	// Limit is how many events at most.
	Limit int
}

// List returns events of the tenant, newest first: one statement.
func (s *Store) List(ctx context.Context, f Filter) ([]Event, error) {
	query := `SELECT id, decided_at, rule_id, subject, method, host, path, verdict, reason, duration_us, bytes
		FROM flow_decision WHERE tenant_id = :tenant`
	var args []any
	for _, c := range []struct{ condition, value string }{
		{` AND rule_id = ?`, f.Rule}, {` AND verdict = ?`, string(f.Verdict)}, {` AND subject = ?`, f.Subject}, {` AND id < ?`, f.Before},
	} {
		if c.value != "" {
			query, args = query+c.condition, append(args, c.value)
		}
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY id DESC LIMIT ?`, append(args, f.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	id, _ := tenant.From(ctx)
	list := []Event{}
	for rows.Next() {
		e := Event{Tenant: id}
		var took int64
		if err := rows.Scan(&e.ID, &e.Time, &e.Rule, &e.Subject, &e.Method, &e.Host, &e.Path, &e.Verdict, &e.Reason, &took, &e.Bytes); err != nil {
			return nil, err
		}
		e.Duration = time.Duration(took) * time.Microsecond
		list = append(list, e)
	}
	return list, rows.Err()
}

// Sweep deletes events of all tenants that are older than the retention, at most batch of them, the oldest first, and says
// how many. It may run in several processes at once.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (int, error) {
	return s.db.Sweep(ctx, sqldb.Old{Table: "flow_decision", Key: "id", Time: "decided_at", Until: now.Add(-s.keep)}, batch)
}
