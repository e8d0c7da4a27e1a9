package activity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Sweep deletes lines of all tenants that are older than keep and that every export has sent, at most batch of each tenant's,
// and says how many. It may run in several processes at once. What is wrong with one tenant's log keeps no other's.
func (s *Store) Sweep(ctx context.Context, now time.Time, keep time.Duration, exports []string, batch int) (n int, err error) {
	before := now.Add(-keep)
	// The column may have been altered, which can only make this look at a log once too often, or not yet.
	old, err := scanTenants(s.db.AllTenants().Query(ctx, `SELECT h.tenant_id FROM activity_head h
		WHERE EXISTS (SELECT 1 FROM activity a WHERE a.tenant_id = h.tenant_id AND a.happened_at < ?) ORDER BY h.tenant_id`, before))
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, of := range old {
		deleted, err := s.sweep(tenant.With(ctx, of), before, exports, batch)
		n += deleted
		if err != nil {
			faults = append(faults, fmt.Errorf("tenant %s: %w", of, err))
		}
	}
	return n, errors.Join(faults...)
}

// sweep deletes the beginning of one tenant's log and moves the head's checkpoint behind it, in one transaction.
func (s *Store) sweep(ctx context.Context, before time.Time, exports []string, batch int) (int, error) {
	until, err := s.exported(ctx, exports)
	if err != nil || until == 0 {
		return 0, err
	}
	deleted := 0
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		deleted = 0
		h, key, err := s.lockHead(ctx, tx)
		if err != nil {
			return err
		}
		o := oldest{head: h, key: key, before: before, prior: h.first - 1, hash: h.anchor}
		if err := o.read(ctx, tx, until, batch); err != nil || o.last == 0 {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM activity WHERE tenant_id = :tenant AND seq <= ?`, o.last)
		if err != nil {
			return err
		}
		after := h
		after.first, after.anchor = o.last+1, o.anchor
		after.mac = after.sum(key)
		deleted = int(n)
		return moveHead(ctx, tx, h, after)
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// errForged says that a log's oldest lines are not what was written, so that nobody can know how old they are.
var errForged = errors.New("the oldest lines of the activity log are not those that were written, so they are not deleted as too old: see `gatehouse activity verify`")

// oldest finds the lines at the beginning of a log that are old. What their columns say of it is not enough: whoever can write
// to the database would have this server itself delete what he wants gone, and sign that it was too old. So a line is old when
// its hash is genuine and its document says so. A line that was altered, or is missing, is as old as a genuine one behind it, for
// lines are added at the end.
type oldest struct {
	head   head
	key    []byte
	before time.Time

	prior int64  // the number of the line before
	hash  string // and its hash

	last   int64 // the last line that is old; 0: none
	anchor string
}

// sweepPage is how many lines are in memory at once.
const sweepPage = 200

// read looks at the first lines, most of them at the most, up to the number until.
func (o *oldest) read(ctx context.Context, tx *sqldb.Tx, until int64, most int) error {
	seen := 0
	for seen < most {
		page, err := scanLines(tx.Query(ctx, `SELECT `+lineSelected+` FROM activity WHERE tenant_id = :tenant AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
			o.prior, until, min(sweepPage, most-seen)))
		if err != nil {
			return err
		}
		for _, l := range page {
			if young := o.line(l); young {
				return nil
			}
		}
		if seen += len(page); len(page) < sweepPage {
			break
		}
	}
	if seen == most && o.last == 0 {
		return errForged
	}
	return nil
}

// line takes the next line, and reports whether it is a genuine one that is not old.
func (o *oldest) line(l Line) (young bool) {
	genuine := l.Seq == o.prior+1 && o.head.follows(o.key, l, o.hash)
	o.prior, o.hash = l.Seq, l.Hash
	if !genuine {
		return false
	}
	if e, err := decode(l.Document); err != nil || !e.Time.Before(o.before) {
		return true
	}
	o.last, o.anchor = l.Seq, l.Hash
	return false
}
