package selfservice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Events ride in the row of the flow that they are about, in the update that decides who was first: a login that is told costs no
// statement more than one that is not. They stay there until the relay has put them into the activity log; a flow that is read
// and saved meanwhile takes them along, and the log knows them by their ids.

// told gives what the activity log is told of the changes, complete: requests share the transaction, and its
// context is none of theirs.
func (s *Store) told(ctx context.Context, w Writes) ([]json.RawMessage, error) {
	if w.Create != nil && w.Create.ID == "" {
		w.Create.ID = secret.NewID() // the event names it
	}
	events := w.events()
	if w.Flow != nil {
		events = append(events, w.Flow.events...)
	}
	all := make([]json.RawMessage, len(events))
	for i, e := range events {
		e, err := activity.Complete(ctx, s.o.Now(), e)
		if err != nil {
			return nil, err
		}
		if all[i], err = e.Document(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// pending is the column with events, one JSON document on each line. It is NULL where there are none.
func pending(before []byte, told []json.RawMessage, now time.Time) (column any, since time.Time) {
	if len(before) == 0 && len(told) == 0 {
		return nil, time.Time{}
	}
	var b bytes.Buffer
	b.Write(before)
	for _, d := range told {
		b.Write(d)
		b.WriteByte('\n')
	}
	return b.String(), now
}

// Record writes the events of a flow that is not saved.
func (s *Store) Record(ctx context.Context, f *Flow) error {
	if len(f.events) == 0 {
		return nil
	}
	events := f.events
	f.events = nil
	return activity.Record(ctx, s.db, events...)
}

// issue stores a new flow with its events: nobody is given what opens an account without that being told.
func (s *Store) issue(ctx context.Context, f *Flow) error {
	row, err := s.row(ctx, f)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.InsertRows(ctx, "selfservice_flow", flowColumns, [][]any{row}); err != nil {
			return err
		}
		return activity.Write(ctx, tx, f.events...)
	})
	if err == nil {
		f.Version, f.events = 1, nil
	}
	return err
}

var _ activity.Source = (*Store)(nil)

// Pending implements activity.Source.
func (s *Store) Pending(ctx context.Context, limit int) ([]activity.Pending, error) {
	rows, err := s.db.AllTenants().Query(ctx, `SELECT tenant_id, id, version, activity_at, activity FROM selfservice_flow
		WHERE activity_at IS NOT NULL ORDER BY activity_at LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []activity.Pending
	for rows.Next() {
		var of, flow string
		var version int64
		var since time.Time
		var documents []byte
		if err := rows.Scan(&of, &flow, &version, &since, &documents); err != nil {
			return nil, err
		}
		for line := range bytes.Lines(documents) {
			var e activity.Event
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, fmt.Errorf("selfservice: the events of flow %s cannot be read: %w", flow, err)
			}
			all = append(all, activity.Pending{
				Tenant: tenant.ID(of), ID: e.ID, Written: since, Document: bytes.TrimSuffix(line, []byte("\n")), Row: flow, Version: version,
			})
		}
	}
	return all, rows.Err()
}

// Moved implements activity.Source. A flow that was saved since keeps its events, old and new, until the next time.
func (s *Store) Moved(ctx context.Context, events []activity.Pending) error {
	each := make(map[tenant.ID][][]any)
	last := ""
	for _, e := range events {
		if e.Row != last {
			each[e.Tenant] = append(each[e.Tenant], []any{nil, time.Time{}, e.Row, e.Version})
		}
		last = e.Row
	}
	for of, rows := range each {
		err := s.db.InTx(tenant.With(ctx, of), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecEach(ctx, `UPDATE selfservice_flow SET activity = ?, activity_at = ? WHERE tenant_id = :tenant AND id = ? AND version = ?`, rows)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Backlog implements activity.Source. It counts flows.
func (s *Store) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	err = s.db.AllTenants().QueryRow(ctx, `SELECT COUNT(*), MIN(activity_at) FROM selfservice_flow WHERE activity_at IS NOT NULL`).Scan(&waiting, &oldest)
	return waiting, oldest, err
}
