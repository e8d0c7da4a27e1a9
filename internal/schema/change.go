package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
)

// attempts is how often a change begins anew because others were faster.
const attempts = 20

// change makes a change of the context's tenant by decide, which gets its schemas as they are, until nobody was faster.
func (l *Library) change(ctx context.Context, decide func(list []Stored) (*write, error)) error {
	if l.Schemas.Configured(ctx) {
		return ErrConfigured
	}
	for range attempts {
		list, err := l.Store.of(ctx)
		if err != nil {
			return err
		}
		w, err := decide(list)
		if err != nil || w == nil {
			return err
		}
		done, err := l.Store.apply(ctx, w)
		if err != nil {
			return err
		}
		if done {
			return l.follow(ctx)
		}
	}
	return errors.New("schema: others change schemas faster than this server can")
}

// Put writes a schema of the context's tenant. created tells that there was none of this id.
func (l *Library) Put(ctx context.Context, id string, d Draft, expects precondition.Func) (created bool, err error) {
	if err := check(id, d.Schema); err != nil {
		return false, err
	}
	if err := l.purge(ctx); err != nil {
		return false, err
	}
	err = l.change(ctx, func(list []Stored) (*write, error) {
		was := find(list, id)
		if err := expected(was, expects); err != nil {
			return nil, err
		}
		w := d.write(id, list, l.Store.now())
		created = w.event.Action == activity.SchemaCreated
		return w, fits(list, &w.next, was == nil)
	})
	return created, err
}

// write is what a draft makes of the schema of that id, of a tenant that has those of the list.
func (d Draft) write(id string, list []Stored, now time.Time) *write {
	digest := sha256.Sum256(d.Schema)
	w := &write{was: find(list, id), document: d.Schema, event: activity.Event{Action: activity.SchemaUpdated}}
	next, fallback := Stored{ID: id, Created: now}, defaultOf(list)
	if w.was != nil {
		next = *w.was
	}
	var before any
	if w.was == nil || w.was.Removed != nil {
		next.Selectable, next.DefaultAt, w.event.Action = false, nil, activity.SchemaCreated
	} else {
		before = w.was.said(fallback == id)
	}
	next.Digest, next.Size, next.Changed, next.Removed = hex.EncodeToString(digest[:]), len(d.Schema), now, nil
	if d.Selectable != nil {
		next.Selectable = *d.Selectable
	}
	if fallback == "" || d.Default && fallback != id {
		next.DefaultAt, fallback = laterThan(find(list, fallback), now), id
	}
	w.event.Before, w.event.After = activity.Diff(before, next.said(fallback == id))
	w.next = next
	return w
}

// check says what is wrong with a schema by itself.
func check(id string, text json.RawMessage) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	if id == "" || len(id) > maxID || strings.Trim(id, ".") == "" || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return ErrInvalid.Withf("id: it is 1 to %d of letters, digits and . _ -", maxID)
	}
	if _, err := identity.ParseSchema(id, text); err != nil {
		return ErrInvalid.With("schema: " + err.Error() + ".")
	}
	return nil
}

// fits refuses what would be more than one tenant may have.
func fits(list []Stored, next *Stored, added bool) error {
	total := next.Size
	for _, s := range list {
		if s.ID != next.ID {
			total += s.Size
		}
	}
	switch {
	case added && len(list) >= maxSchemas:
		return ErrLimit.Withf("The tenant has %d identity schemas, which is as many as it may have; those that were removed count for an hour.", len(list))
	case total > maxTotal:
		return ErrLimit.Withf("The identity schemas of a tenant are at most %d bytes together; with this one they would be %d.", maxTotal, total)
	}
	return nil
}

func expected(s *Stored, expects precondition.Func) error {
	tag := ""
	if s != nil && s.Removed == nil {
		tag = s.etag()
	}
	if !expects.Met(tag) {
		return ErrStale
	}
	return nil
}

// Remove takes a schema that nobody follows from the context's tenant. With the last one it has the installation's again.
func (l *Library) Remove(ctx context.Context, id string, expects precondition.Func) error {
	if err := l.purge(ctx); err != nil {
		return err
	}
	return l.change(ctx, func(list []Stored) (*write, error) {
		was, given := find(list, id), 0
		for _, s := range list {
			if s.Removed == nil {
				given++
			}
		}
		switch {
		case was == nil || was.Removed != nil:
			return nil, identity.ErrSchema
		case given > 1 && defaultOf(list) == id:
			return nil, ErrDefault
		}
		if err := expected(was, expects); err != nil {
			return nil, err
		}
		n, err := l.Followers(ctx, id, mostCounted+1)
		if err == nil {
			err = inUse(n)
		}
		if err != nil {
			return nil, err
		}
		next, now := *was, l.Store.now()
		next.Changed, next.Removed, next.DefaultAt = now, &now, nil
		e := activity.Event{Action: activity.SchemaDeleted}
		e.Before, _ = activity.Diff(was.said(given == 1), nil)
		return &write{was: was, next: next, event: e}, nil
	})
}

func inUse(n int) error {
	switch {
	case n == 0:
		return nil
	case n > mostCounted:
		return ErrInUse.Withf("More than %d identities follow this schema: give them another one, or delete them, first.", mostCounted)
	default:
		return ErrInUse.Withf("Identities that follow this schema: %d. Give them another one, or delete them, first.", n)
	}
}

// purge deletes schemas that were removed long ago and that nobody follows.
func (l *Library) purge(ctx context.Context) error {
	list, err := l.Store.of(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Removed == nil || s.Removed.After(l.Store.now().Add(-withdrawnFor)) {
			continue
		}
		n, err := l.Followers(ctx, s.ID, 1)
		if err == nil && n == 0 {
			err = l.Store.delete(ctx, &s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
