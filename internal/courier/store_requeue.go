package courier

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var (
	// ErrNotAbandoned says that a message waits, is being sent or was sent, so that there is nothing to try again.
	ErrNotAbandoned = fault.New(fault.Conflict, "conflict", "Only abandoned messages can be sent again, and this one is not abandoned.")
	// ErrUseless says that an abandoned message would not help anybody any more.
	ErrUseless = fault.New(fault.Conflict, "conflict",
		"The message cannot be sent again: the code or link in it has expired, or its text was removed by courier.retention.body. The person can ask for another one.")
)

// requeue puts an abandoned message into the queue again, with as many tries as a new one has, and returns it. It stays the same
// message: its attempts are kept, and its retention goes on. Of several callers at once one succeeds; the others get
// ErrNotAbandoned. ErrUseless and ErrNotFound say why it cannot be sent.
func (c *Courier) requeue(ctx context.Context, id string) (*record, error) {
	r, err := c.store.get(ctx, id)
	if err != nil {
		return nil, err
	}
	now := c.now()
	switch {
	case r.Status != Abandoned:
		return nil, ErrNotAbandoned
	case r.Document == nil || r.Document.ExpiresAt != nil && !now.Before(*r.Document.ExpiresAt):
		return nil, ErrUseless
	}
	if last := len(r.Dispatches) - 1; last >= 0 {
		r.Dispatches[last].Requeued = r.SendCount
	}
	r.Status, r.UpdatedAt = Queued, now
	if err := c.store.requeue(ctx, r); err != nil {
		return nil, err
	}
	c.rouse()
	return r, nil
}

// requeue writes that the message waits again, unless somebody else was first.
func (s *Store) requeue(ctx context.Context, r *record) error {
	attempts, err := json.Marshal(r.Dispatches)
	if err != nil {
		return fmt.Errorf("courier: the attempts of message %s cannot be stored: %w", r.ID, err)
	}
	// The text stays until the message itself goes; the attempt that ends it says anew for how long.
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE courier_message SET status = ?, dispatches = ?, due_at = ?, updated_at = ?, sweep_at = expires_at
			WHERE tenant_id = :tenant AND id = ? AND status = ? AND send_count = ? AND document <> ''`,
			string(Queued), string(attempts), r.UpdatedAt, r.UpdatedAt, r.ID, string(Abandoned), r.SendCount)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotAbandoned
		}
		return activity.Write(ctx, tx, activity.Event{Action: activity.MessageRequeued, Subject: activity.Party{Kind: "message", ID: r.ID}})
	})
}
