package backup

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Store keeps how backups and drills went, and who makes the one that is due.
type Store struct{ db *sqldb.DB }

// NewStore returns a store in the management database.
func NewStore(db *sqldb.DB) *Store { return &Store{db: db.AllTenants()} }

// Job says how backups went, or drills.
type Job struct {
	// DueAt is when the last scheduled one was due; of drills, when the last one ended.
	DueAt time.Time
	// SucceededAt and FailedAt are when one ended last so; zero: never.
	SucceededAt, FailedAt time.Time
	// Failures counts those that failed, at one destination or at all.
	Failures int64
	// Millis and Bytes are how long the last good one took, and how large its own file is; of a drill, 0.
	Millis, Bytes int64
	// Fault is what was wrong the last time; empty: nothing.
	Fault string
}

// The names of the rows.
const (
	job      = "create"
	drillJob = "drill"
)

// Last returns how backups went. It is zero where there was none.
func (s *Store) Last(ctx context.Context) (Job, error) { return s.last(ctx, job) }

// LastDrill returns how drills went, as far as servers have heard of them. It is zero where there was none.
func (s *Store) LastDrill(ctx context.Context) (Job, error) { return s.last(ctx, drillJob) }

func (s *Store) last(ctx context.Context, name string) (j Job, err error) {
	var succeeded, failed *time.Time
	err = s.db.QueryRow(ctx, `SELECT due_at, succeeded_at, failed_at, failures, millis, bytes, fault FROM backup_job WHERE name = ?`, name).
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

// Note writes down a backup that was made from outside, nil where there is none, and what was wrong with it.
func (s *Store) Note(ctx context.Context, made *Created, fault error, at time.Time) error {
	if err := s.expect(ctx, job); err != nil {
		return err
	}
	if fault != nil {
		_, err := s.db.Exec(ctx, `UPDATE backup_job SET failed_at = ?, failures = failures + 1, fault = ? WHERE name = ?`, at, fault.Error(), job)
		return err
	}
	_, err := s.db.Exec(ctx, `UPDATE backup_job SET succeeded_at = ?, millis = ?, bytes = ?, fault = '' WHERE name = ?`, at, made.Millis, made.Data.Size, job)
	return err
}

// expect makes a row; that it is there already is no fault.
func (s *Store) expect(ctx context.Context, name string) error {
	never := time.Unix(0, 0).UTC()
	_, err := s.db.Exec(ctx, `INSERT INTO backup_job (name, due_at, holder, held_until, failures, millis, bytes, fault) VALUES (?, ?, '', ?, 0, 0, 0, '')`,
		name, never, never)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return nil
	}
	return err
}

// note writes down a drill, and tells the activity log of it; false where that was done already, for this one or a later one.
func (s *Store) note(ctx context.Context, d Drill) (noted bool, err error) {
	err = s.db.InTx(tenant.With(ctx, tenant.Default), func(ctx context.Context, tx *sqldb.Tx) error {
		tx = tx.AllTenants()
		var n int64
		var err error
		if d.Fault == "" {
			n, err = tx.Exec(ctx, `UPDATE backup_job SET due_at = ?, succeeded_at = ?, millis = ?, fault = '' WHERE name = ? AND due_at < ?`,
				d.At, d.At, d.Millis, drillJob, d.At)
		} else {
			n, err = tx.Exec(ctx, `UPDATE backup_job SET due_at = ?, failed_at = ?, failures = failures + 1, fault = ? WHERE name = ? AND due_at < ?`,
				d.At, d.At, d.Fault, drillJob, d.At)
		}
		if noted = n > 0; err != nil || !noted {
			return err
		}
		return activity.Write(ctx, tx, drilled(d))
	})
	return noted && err == nil, err
}

// drilled is the event of a drill.
func drilled(d Drill) activity.Event {
	e := activity.Event{
		Action: activity.BackupDrilled, Subject: activity.Party{Kind: "backup", ID: d.Backup},
		Detail: map[string]string{"drill": d.ID, "ended_at": d.At.Format(time.RFC3339), "destination": d.Destination, "millis": strconv.FormatInt(d.Millis, 10)},
	}
	if d.Fault != "" {
		e.Action, e.Detail["step"] = activity.BackupDrillFailed, d.Fault
	}
	return e
}
