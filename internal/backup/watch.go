package backup

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Watch has servers learn of drills, which are made by somebody else, and tells the activity log of each once.
type Watch struct {
	// Backups are nil where none are configured.
	Backups *Backups
	Store   *Store
}

// lookForDrills is how often a server looks for new ones. A destination may want money for being asked.
const lookForDrills = 5 * time.Minute

// Run works until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	if w.Backups == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	failing := false
	for {
		_, err := w.Once(ctx)
		if err != nil && !failing && ctx.Err() == nil && !later(err) {
			w.Backups.Log.WarnContext(ctx, "it could not be found out whether backups were drilled; it is tried again and again", "error", err)
		}
		failing = err != nil
		if !wait.For(ctx, lookForDrills) {
			return ctx.Err()
		}
	}
}

// Once notes the drills that no server has noted yet, and tells how many this one has.
func (w *Watch) Once(ctx context.Context) (noted int, err error) {
	last, err := w.Store.LastDrill(ctx)
	if err != nil {
		return 0, err
	}
	all, unread := w.Backups.Drills(ctx, last.DueAt)
	if len(all) > 0 && last.DueAt.IsZero() {
		if err := w.Store.expect(ctx, drillJob); err != nil {
			return 0, errors.Join(err, unread)
		}
	}
	for _, d := range all {
		mine, err := w.Store.note(ctx, d)
		if err != nil {
			return noted, errors.Join(err, unread)
		}
		if mine {
			noted++
		}
	}
	return noted, unread
}
