package backup

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Store keeps which scheduled backup was made, and by whom.
type Store struct{ db *sqldb.DB }

// NewStore returns a store in the management database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db.AllTenants()} }

// Job says how scheduled backups went.
type Job struct {
	// DueAt is when the last one was due.
	DueAt time.Time
	// SucceededAt and FailedAt are when one ended last so; zero: never.
	SucceededAt, FailedAt time.Time
	// Failures counts those that failed, at one destination or at all.
	Failures int64
	// Millis and Bytes are how long the last good one took, and how large its own file is.
	Millis, Bytes int64
	// Fault is what was wrong the last time; empty: nothing.
	Fault string
}

// job is the name of the only row so far.
const job = "create"

// Last returns how scheduled backups went: what a check of an installation asks. It is zero where none was ever due.
func (s *Store) Last(ctx context.Context) (j Job, err error) {
	var succeeded, failed *time.Time
	err = s.db.QueryRow(ctx, `SELECT due_at, succeeded_at, failed_at, failures, millis, bytes, fault FROM backup_job WHERE name = ?`, job).
		Scan(&j.DueAt, &succeeded, &failed, &j.Failures, &j.Millis, &j.Bytes, &j.Fault)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Job{}, nil
	}
	if succeeded != nil {
		j.SucceededAt = *succeeded
	}
	if failed != nil {
		j.FailedAt = *failed
	}
	return j, err
}

// later tells whether an error only says that writes are refused for now.
func later(err error) bool { return errors.Is(err, sqldb.ErrFrozen) }

// claim takes on the backup that was due at a time, unless somebody has, or had, or holds it still.
func (s *Store) claim(ctx context.Context, due time.Time, holder string, now, until time.Time) (bool, error) {
	n, err := s.db.Exec(ctx, `UPDATE backup_job SET due_at = ?, holder = ?, held_until = ?
		WHERE name = ? AND (due_at < ? OR due_at = ? AND holder <> '') AND (holder = '' OR held_until < ?)`,
		due, holder, until, job, due, due, now)
	if err != nil || n > 0 {
		return n > 0, err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO backup_job (name, due_at, holder, held_until, failures, millis, bytes, fault) VALUES (?, ?, ?, ?, 0, 0, 0, '')`,
		job, due, holder, until)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// hold keeps a claim, and tells whether it is still the holder's.
func (s *Store) hold(ctx context.Context, holder string, until time.Time) (bool, error) {
	n, err := s.db.Exec(ctx, `UPDATE backup_job SET held_until = ? WHERE name = ? AND holder = ?`, until, job, holder)
	return n > 0, err
}

// succeed and fail give a claim back.
func (s *Store) succeed(ctx context.Context, holder string, at time.Time, millis, bytes int64) error {
	_, err := s.db.Exec(ctx, `UPDATE backup_job SET holder = '', succeeded_at = ?, millis = ?, bytes = ?, fault = '' WHERE name = ? AND holder = ?`,
		at, millis, bytes, job, holder)
	return err
}

func (s *Store) fail(ctx context.Context, holder string, at time.Time, fault string) error {
	_, err := s.db.Exec(ctx, `UPDATE backup_job SET holder = '', failed_at = ?, failures = failures + 1, fault = ? WHERE name = ? AND holder = ?`,
		at, fault, job, holder)
	return err
}
