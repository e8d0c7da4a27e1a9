package courier

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// candidate is a message that somebody may take, as it was when the queue was looked at.
type candidate struct {
	*record

	sealed string
}

// due lists messages that may be taken now, of all tenants but those whose mail is held, the longest waiting first.
func (s *Store) due(ctx context.Context, channels []string, limit int) ([]candidate, error) {
	where, args := `channel IN (?) AND due_at <= ?`, []any{channels, s.now()}
	if held := s.held(); len(held) > 0 {
		where, args = where+` AND tenant_id NOT IN (?)`, append(args, held)
	}
	rows, err := s.db.AllTenants().Query(ctx, `SELECT `+selected+` FROM courier_message WHERE `+where+` ORDER BY due_at LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []candidate
	for rows.Next() {
		r, sealed, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, candidate{r, sealed})
	}
	return all, rows.Err()
}

// claim takes a message for the length of a lease. Of any number of servers that try, one succeeds: the number of the
// attempt is part of the condition, and the first one to take it changes that number. The same holds for a message whose
// lease has run out because its server is gone.
func (s *Store) claim(ctx context.Context, m candidate, lease time.Duration) (bool, error) {
	now := s.now()
	n, err := s.db.Exec(tenant.With(ctx, tenant.ID(m.Tenant)), `UPDATE courier_message
		SET status = ?, send_count = send_count + 1, due_at = ?, updated_at = ?
		WHERE tenant_id = :tenant AND id = ? AND send_count = ? AND due_at <= ?`,
		string(Processing), now.Add(lease), now, m.ID, m.SendCount, now)
	if err != nil || n != 1 {
		return false, err
	}
	m.SendCount++
	m.Status = Processing
	return true, nil
}

// end is what an attempt came to.
type end struct {
	status Status
	reason string    // why it failed
	due    time.Time // of the next attempt, when the message is queued again
}

// finish writes what an attempt came to, and reports whether the message was still this server's: whoever was slower than
// the lease changes nothing.
func (s *Store) finish(ctx context.Context, m *record, e end) (bool, error) {
	now := s.now()
	m.Dispatches = append(m.Dispatches, dispatch{
		ID: secret.NewID(), Failed: e.status != Sent, Reason: e.reason, CreatedAt: now,
	})
	attempts, err := json.Marshal(m.Dispatches)
	if err != nil {
		return false, fmt.Errorf("courier: the attempts of message %s cannot be stored: %w", m.ID, err)
	}
	query := `UPDATE courier_message SET status = ?, dispatches = ?, updated_at = ?, due_at = ?`
	args := []any{string(e.status), string(attempts), now, e.due}
	switch {
	case e.status == Queued:
	case s.keep.Body > 0:
		query, args = query+`, sweep_at = ?`, append(args, earlier(now.Add(s.keep.Body), m.CreatedAt.Add(s.keep.Message)))
	default:
		query += `, document = ''`
	}
	query += ` WHERE tenant_id = :tenant AND id = ? AND send_count = ? AND status = ?`
	n, err := s.db.Exec(tenant.With(ctx, tenant.ID(m.Tenant)), query, append(args, m.ID, m.SendCount, string(Processing))...)
	return n == 1, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Sweep empties, over all tenants, what was sent or abandoned longer ago than retention.body, and deletes what was queued
// longer ago than retention.message; at most batch messages. It says how many it changed.
func (s *Store) Sweep(ctx context.Context, now time.Time, batch int) (n int, err error) {
	rows, err := s.db.AllTenants().Query(ctx, `SELECT tenant_id, id, expires_at FROM courier_message
		WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ?`, now, batch)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	empty, remove := sqldb.Keys{}, sqldb.Keys{}
	for rows.Next() {
		var t, id string
		var expires time.Time
		if err := rows.Scan(&t, &id, &expires); err != nil {
			return 0, err
		}
		list := empty
		if !expires.After(now) {
			list = remove
		}
		list[tenant.ID(t)] = append(list[tenant.ID(t)], id)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	emptied, err := empty.Each(ctx, func(ctx context.Context, ids []string) (int64, error) {
		return s.db.Exec(ctx, `UPDATE courier_message SET document = '', sweep_at = expires_at WHERE tenant_id = :tenant AND id IN (?)`, ids)
	})
	if err != nil {
		return emptied, err
	}
	removed, err := remove.Each(ctx, func(ctx context.Context, ids []string) (int64, error) {
		return s.db.Exec(ctx, `DELETE FROM courier_message WHERE tenant_id = :tenant AND id IN (?)`, ids)
	})
	return emptied + removed, err
}
