package dataset

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// State is what a management database says of itself and of the databases that go with it.
type State struct {
	// ID is random, the databases' own and not what they hold: a copy has another. It is made when somebody asks for it.
	ID string `json:"id"`
	// Frozen is why writes are refused, or "".
	Frozen string `json:"frozen,omitempty"`
	// FrozenSince is when that began.
	FrozenSince time.Time `json:"frozen_since,omitzero"`
	// Arriving is the ID of the databases whose content is being copied here, or "". Until all of it is there nobody may use it.
	Arriving string `json:"arriving,omitempty"`
	// Copied is what the source of the last copy into these databases was while it was held still, or "".
	Copied string `json:"-"`

	servers map[string]said
}

// still names a source for as long as it is held still, or is "" where it is not: whoever is named the same later has not changed.
func (s State) still() string {
	if s.Frozen == "" {
		return ""
	}
	return s.ID + " " + s.stamp()
}

// StateVersion is the migration of the management database that made the table.
const StateVersion = 14

// The names of rows.
const (
	rowID       = "id"
	rowFrozen   = "frozen"
	rowArriving = "arriving"
	rowCopied   = "copied"
)

// topic is where changes of the state are told.
const topic = "data_state"

// states reads and writes the state. Freezes do not hold it up: it belongs to no content.
type states struct {
	db      *sqldb.DB
	feed    *sqldb.Feed
	unheard time.Duration
}

func newStates(db *sqldb.DB, feed *sqldb.Feed) states {
	return states{db: db.AllTenants().DespiteFreeze(), feed: feed, unheard: unheard}
}

func (s states) read(ctx context.Context) (State, error) {
	state := State{servers: map[string]said{}}
	rows, err := s.db.Query(ctx, `SELECT name, value, changed_at FROM data_state`)
	if err != nil {
		return state, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, value string
		var at time.Time
		if err := rows.Scan(&name, &value, &at); err != nil {
			return state, err
		}
		switch name {
		case rowID:
			state.ID = value
		case rowFrozen:
			state.Frozen, state.FrozenSince = value, at
		case rowArriving:
			state.Arriving = value
		case rowCopied:
			state.Copied = value
		default:
			if server, ok := strings.CutPrefix(name, rowServer); ok {
				state.servers[server] = said{value, at}
			}
		}
	}
	return state, rows.Err()
}

// named is read for who needs the ID: it makes one where there is none.
func (s states) named(ctx context.Context) (State, error) {
	state, err := s.read(ctx)
	if err != nil || state.ID != "" {
		return state, err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO data_state (name, value, changed_at) VALUES (?, ?, ?)`, rowID, rand.Text(), s.db.Now())
	if err != nil && !errors.Is(err, sqldb.ErrDuplicate) { // another was first
		return state, err
	}
	return s.read(ctx)
}

// freeze has every server told to refuse writes. An empty reason would be none: it is what says that they are refused.
func (s states) freeze(ctx context.Context, why string) error {
	why = cmp.Or(why, "nobody said why")
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE data_state SET value = ? WHERE name = ?`, why, rowFrozen) // it is still the same freeze
		if err == nil && n == 0 {
			err = put(ctx, tx, rowFrozen, why)
		}
		if err != nil {
			return err
		}
		return activity.Write(ctx, tx, event(activity.DataFrozen, map[string]string{"reason": why}))
	})
}

// thaw has every server told to take writes again.
func (s states) thaw(ctx context.Context) error {
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM data_state WHERE name = ?`, rowFrozen)
		if err != nil || n == 0 {
			return err
		}
		return activity.Write(ctx, tx, event(activity.DataThawed, nil))
	})
}

// arrived removes the mark of databases that are whole, remembers of what they are a copy, or that they are none, and tells the activity log
// how they came.
func (s states) arrived(ctx context.Context, copied string, how activity.Event) error {
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM data_state WHERE name = ?`, rowArriving); err != nil {
			return err
		}
		if err := put(ctx, tx, rowCopied, copied); err != nil {
			return err
		}
		return activity.Write(ctx, tx, how)
	})
}

// event is one of the activity log's.
func event(action activity.Action, detail map[string]string) activity.Event {
	return activity.Event{Action: action, Subject: activity.Party{Kind: "data"}, Detail: detail}
}

// put writes a row over what it was.
func put(ctx context.Context, tx *sqldb.Tx, name, value string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM data_state WHERE name = ?`, name); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO data_state (name, value, changed_at) VALUES (?, ?, ?)`, name, value, tx.Now())
	return err
}

// set writes a row and has every server told.
func (s states) set(ctx context.Context, name, value string) error {
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return put(ctx, tx, name, value) })
}

// unset removes a row and has every server told.
func (s states) unset(ctx context.Context, names ...string) error {
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM data_state WHERE name IN (?)`, names)
		return err
	})
}

func (s states) change(ctx context.Context, do func(ctx context.Context, tx *sqldb.Tx) error) error {
	ctx = tenant.With(ctx, tenant.Default) // the feed's rows have one; this belongs to all
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := do(ctx, tx.AllTenants()); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, topic, "")
	})
}

// alone reports whether no other process can have the database open: an embedded one has one user at a time.
func (s states) alone() bool { return s.db.Embedded() }
