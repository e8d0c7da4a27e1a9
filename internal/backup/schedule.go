package backup

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Schedule makes a backup whenever one is due: one for all servers on the same databases.
type Schedule struct {
	// Backups are nil where none are configured.
	Backups *Backups
	Store   *Store
	Read    Reading
	// Holder names this server among all that run.
	Holder string
	// Tell is told how each backup went, for the activity log.
	Tell func(ctx context.Context, made *Created, fault error) error
	// Pruned is told what was removed after a backup, and what was wrong with that, for the activity log and the metrics.
	Pruned func(ctx context.Context, done []Pruned, fault error) error
}

const (
	// look is how often a server looks whether one is due.
	look = 15 * time.Second
	// lease is how long a server that died keeps the others from doing its work.
	lease = time.Minute
)

// Run works until ctx ends. Where there is no schedule it does nothing.
func (s *Schedule) Run(ctx context.Context) error {
	if s.Backups == nil || s.Backups.Config.Schedule == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	failing := false
	for wait.For(ctx, look) {
		_, err := s.Once(ctx)
		if err != nil && !failing && ctx.Err() == nil && !later(err) {
			s.Backups.Log.WarnContext(ctx, "whether a backup is due could not be found out or noted; it is tried again and again", "error", err)
		}
		failing = err != nil
	}
	return ctx.Err()
}

// Once makes the backup that is due, if no other server does or has, and tells whether it made one. Where the configuration says so, it
// removes old ones behind one that went well. How that went is noted and logged; the error is of the noting.
func (s *Schedule) Once(ctx context.Context) (ran bool, err error) {
	b := s.Backups
	schedule, err := parseCron(b.Config.Schedule)
	if err != nil {
		return false, err
	}
	now := b.Now()
	mine, err := s.Store.claim(ctx, schedule.last(now), s.Holder, now, now.Add(lease))
	if err != nil || !mine {
		return false, err
	}
	var made *Created
	var removed []Pruned
	var unpruned error
	fault := s.holding(ctx, func(ctx context.Context) (err error) {
		if made, err = b.Create(ctx, s.Read, CreateOptions{}); err == nil && b.Config.Prune {
			removed, unpruned = b.Prune(ctx, false)
		}
		return err
	})
	ctx = context.WithoutCancel(ctx) // a server that stops says so, and does not leave the others waiting
	if fault != nil {
		b.Log.ErrorContext(ctx, "a backup failed", "error", fault)
		err = s.Store.fail(ctx, s.Holder, b.Now(), fault.Error())
	} else {
		b.Log.InfoContext(ctx, "a backup was made", "backup", made.ID, "kind", string(made.Kind), "why", made.Why, "bytes", made.Data.Size)
		err = s.Store.succeed(ctx, s.Holder, b.Now(), made.Millis, made.Data.Size)
	}
	err = errors.Join(err, s.Tell(ctx, made, fault))
	if unpruned != nil {
		b.Log.ErrorContext(ctx, "old backups could not be removed everywhere", "error", unpruned)
	}
	if len(removed) > 0 || unpruned != nil {
		err = errors.Join(err, s.Pruned(ctx, removed, unpruned))
	}
	return true, err
}

// holding does something for as long as the claim is this server's.
func (s *Schedule) holding(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		for wait.For(ctx, lease/4) {
			mine, err := s.Store.hold(ctx, s.Holder, s.Backups.Now().Add(lease))
			if err == nil && !mine {
				cancel(errors.New("another server has taken it on"))
			}
		}
	}()
	err := do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	<-held
	return err
}
