package seal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Store keeps which keys have sealed, and which servers run. Its statements are for all tenants.
type Store struct {
	dbs map[string]*sqldb.DB
}

// home is the logical database of the servers' table.
//
// Which servers run is no part of what is copied when data is held still, so it is written then, too.
const home = "management"

// NewStore returns a store over the logical databases that hold sealed values, by name; management is one of them.
func NewStore(dbs map[string]*sqldb.DB) *Store {
	s := &Store{dbs: map[string]*sqldb.DB{}}
	for name, db := range dbs {
		s.dbs[name] = db.AllTenants()
	}
	return s
}

// databases gives the logical databases in a fixed order.
func (s *Store) databases() []string {
	names := make([]string, 0, len(s.dbs))
	for name := range s.dbs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// abroad gives those that are not home.
func (s *Store) abroad() []string {
	return slices.DeleteFunc(s.databases(), func(name string) bool { return name == home })
}

// alone reports whether no other server can be there.
func (s *Store) alone() bool { return s.dbs[home].Embedded() }

// records reads the keys of a database, the oldest first.
func (s *Store) records(ctx context.Context, database string) ([]record, error) {
	rows, err := s.dbs[database].Query(ctx, `SELECT ordinal, key_id, fingerprint, since, retired_at, estate
		FROM `+database+`_seal_key ORDER BY ordinal`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []record
	for rows.Next() {
		var r record
		if err := rows.Scan(&r.ordinal, &r.id, &r.fingerprint, &r.since, &r.retired, &r.estate); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// add writes new records, unless somebody else was first. The records of the home database stand for all of them in the activity
// log.
func (s *Store) add(ctx context.Context, database string, fresh []record) (first bool, err error) {
	rows := make([][]any, len(fresh))
	for i, r := range fresh {
		rows[i] = []any{r.ordinal, r.id, r.fingerprint, r.since, r.estate}
	}
	err = s.dbs[database].InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.InsertRows(ctx, database+"_seal_key", []string{"ordinal", "key_id", "fingerprint", "since", "estate"}, rows)
		if err != nil || database != home {
			return err
		}
		events := make([]activity.Event, len(fresh))
		for i, r := range fresh {
			events[i] = event(activity.SealKeyAdded, r.id)
		}
		return activity.Write(ofInstallation(ctx), tx, events...)
	})
	if errors.Is(err, sqldb.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// retire marks a key, and keeps what it leaves. It changes nothing where it is retired already. The home database's mark is told to
// the activity log in its transaction.
func (s *Store) retire(ctx context.Context, database, id, estate string, at time.Time) error {
	return s.dbs[database].InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE `+database+`_seal_key SET retired_at = ?, estate = ? WHERE key_id = ? AND retired_at IS NULL`,
			at, estate, id)
		if err != nil || n == 0 || database != home {
			return err
		}
		return activity.Write(ofInstallation(ctx), tx, event(activity.SealKeyRetired, id))
	})
}

// tell writes what was done with a key into the activity log.
func (s *Store) tell(ctx context.Context, action activity.Action, id string) error {
	return activity.Record(ofInstallation(ctx), s.dbs[home], event(action, id))
}

func event(action activity.Action, id string) activity.Event {
	return activity.Event{Action: action, Subject: activity.Party{Kind: "seal_key", ID: id}}
}

// ofInstallation is a context whose events are in the log of the default tenant: secrets belong to all.
func ofInstallation(ctx context.Context) context.Context { return tenant.With(ctx, tenant.Default) }

// revive takes back what retire did at the time at.
func (s *Store) revive(ctx context.Context, database, id string, at time.Time) error {
	_, err := s.dbs[database].Exec(ctx, `UPDATE `+database+`_seal_key SET retired_at = NULL, estate = '' WHERE key_id = ? AND retired_at = ?`, id, at)
	return err
}

// servers reads who runs, or was killed.
func (s *Store) servers(ctx context.Context) ([]server, error) {
	rows, err := s.dbs[home].Query(ctx, `SELECT server, makes, since, opens, seen_at FROM seal_server ORDER BY server`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []server
	for rows.Next() {
		var one server
		var opens string
		if err := rows.Scan(&one.name, &one.makes, &one.since, &opens, &one.seen); err != nil {
			return nil, err
		}
		one.opens = strings.Fields(opens)
		all = append(all, one)
	}
	return all, rows.Err()
}

// Look is how long Running looks at servers whose clocks seem to be others: each says twice meanwhile that it runs.
const Look = 2*beat + 2*time.Second

// Running names the servers on the databases at a time: also those that were killed a moment before. Where none said so at about that time,
// it looks for a while whether any says so at all: its clock may be hours from this one. Embedded databases have one user at a time, and
// name none.
func (s *Store) Running(ctx context.Context, now time.Time, look time.Duration) ([]string, error) {
	if s.alone() {
		return nil, nil
	}
	before, err := s.servers(ctx)
	if running := around(before, now); err != nil || len(running) > 0 || len(before) == 0 {
		return running, err
	}
	if !wait.For(ctx, look) {
		return nil, ctx.Err()
	}
	after, err := s.servers(ctx)
	return stirring(before, after), err
}

// register says that a server runs.
func (s *Store) register(ctx context.Context, one server) error {
	columns := []string{"server", "makes", "since", "opens", "seen_at"}
	_, err := s.dbs[home].DespiteFreeze().Exec(ctx, `INSERT INTO seal_server (`+strings.Join(columns, ", ")+`) VALUES (?, ?, ?, ?, ?)`+
		s.dbs[home].Dialect().Upsert(columns[:1], columns[1:]...), one.name, one.makes, one.since, strings.Join(one.opens, " "), one.seen)
	return err
}

// leave forgets a server that stops, and those that were last seen before the time.
func (s *Store) leave(ctx context.Context, name string, before time.Time) error {
	_, err := s.dbs[home].DespiteFreeze().Exec(ctx, `DELETE FROM seal_server WHERE server = ? OR seen_at < ?`, name, before)
	return err
}
