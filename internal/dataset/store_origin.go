package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Origin is where a Copy reads: databases, or a running server that has them.
type Origin interface {
	// Overview says what is there. It fails where this version of Gatehouse cannot copy it.
	Overview(ctx context.Context) (Overview, error)
	// Freeze has every server refuse writes, and returns what is true when they do.
	Freeze(ctx context.Context, why string) (State, error)
	// Thaw has them take writes again.
	Thaw(ctx context.Context) error
	// Read runs fn on one state of all databases.
	Read(ctx context.Context, fn func(ctx context.Context, src Source) error) error
}

// ErrNothing says that databases were never used.
var ErrNothing = errors.New("these databases are empty: is the address right?")

// Overview is what an Origin has.
type Overview struct {
	State
	// Rows is how many rows there are.
	Rows int64 `json:"rows"`
	// SealKeys are the secrets that servers on this data need.
	SealKeys []SealKey `json:"seal_keys,omitempty"`
	// SecretsInMemory says that a running server made secrets for itself that nothing else has: without them a copy is of no use.
	SecretsInMemory bool `json:"secrets_in_memory,omitempty"`
}

// SealKey is a secret that has sealed values of a database, by what says nothing of the secret.
type SealKey struct {
	Database    string `json:"database"`
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint"`
}

// overview reads the state and counts the rows.
func overview(ctx context.Context, s states, dbs Databases) (o Overview, err error) {
	if o.State, err = s.named(ctx); err != nil {
		return o, err
	}
	err = dbs.each(func(logical string, db *sqldb.DB) error {
		n, err := count(ctx, logical, db, func(migrations.Table) bool { return true })
		o.Rows += n
		if err == nil {
			err = sealKeys(ctx, logical, db, &o.SealKeys)
		}
		return err
	})
	return o, err
}

// sealKeys adds the keys in use of a database, where its version has them.
func sealKeys(ctx context.Context, logical string, db *sqldb.DB, all *[]SealKey) error {
	table := logical + "_seal_key"
	version, err := migrations.Version(ctx, db, logical)
	if err != nil {
		return err
	}
	tables, err := migrations.TablesAt(logical, version)
	if err != nil || !slices.ContainsFunc(tables, func(t migrations.Table) bool { return t.Name == table }) {
		return err
	}
	rows, err := db.AllTenants().Query(ctx, `SELECT key_id, fingerprint FROM `+table+` WHERE retired_at IS NULL ORDER BY ordinal`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		key := SealKey{Database: logical}
		if err := rows.Scan(&key.ID, &key.Fingerprint); err != nil {
			return err
		}
		*all = append(*all, key)
	}
	return rows.Err()
}

// each calls fn for the logical databases in their order.
func (dbs Databases) each(fn func(logical string, db *sqldb.DB) error) error {
	for _, logical := range migrations.Logical() {
		if db := dbs[logical]; db != nil {
			if err := fn(logical, db); err != nil {
				return fmt.Errorf("databases.%s: %w", logical, err)
			}
		}
	}
	return nil
}

// ephemeral tells whether any of them is in memory.
func (dbs Databases) ephemeral() bool {
	return dbs.each(func(_ string, db *sqldb.DB) error {
		if db.Ephemeral() {
			return ErrEphemeral
		}
		return nil
	}) != nil
}

// count counts the rows of the tables that are wanted.
func count(ctx context.Context, logical string, db *sqldb.DB, wanted func(migrations.Table) bool) (all int64, err error) {
	version, err := migrations.Version(ctx, db, logical)
	if err != nil {
		return 0, err
	}
	tables, err := migrations.TablesAt(logical, version)
	if err != nil {
		return 0, err
	}
	for _, t := range tables {
		if !wanted(t) {
			continue
		}
		var n int64
		if err := db.AllTenants().QueryRow(ctx, `SELECT COUNT(*) FROM `+t.Name).Scan(&n); err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// askedAfter is how long a freeze that failed is asked after.
const askedAfter = 10 * time.Second

// Freeze has the servers of the origin refuse writes, and returns what is then true. Where it fails, because it was interrupted or
// a write does not end, its error says whether writes are refused all the same.
func Freeze(ctx context.Context, from Origin, why string) (Overview, error) {
	_, err := from.Freeze(ctx, why)
	if err == nil {
		o, err := from.Overview(ctx)
		if err != nil {
			err = fmt.Errorf("writes are refused now; what there is could not be told: %w", err)
		}
		return o, err
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), askedAfter)
	defer cancel()
	if o, e := from.Overview(limited); e == nil && o.Frozen != "" {
		err = fmt.Errorf("%w\nWrites are refused all the same, and perhaps not by every server yet: freeze again, or end it with `gatehouse data thaw`", err)
	}
	return Overview{}, err
}

// NewOrigin returns the Origin that databases are. feed is the management database's; it need not run.
func NewOrigin(dbs Databases, feed *sqldb.Feed) Origin {
	return &databases{dbs: dbs, states: newStates(dbs["management"], feed)}
}

type databases struct {
	dbs    Databases
	states states
}

// Overview implements Origin.
func (d *databases) Overview(ctx context.Context) (Overview, error) {
	if version, err := migrations.Version(ctx, d.dbs["management"], "management"); err == nil && version == 0 {
		return Overview{}, ErrNothing
	}
	err := d.dbs.each(func(logical string, db *sqldb.DB) error { return migrations.Check(ctx, db, logical) })
	if err != nil {
		return Overview{}, err
	}
	return overview(ctx, d.states, d.dbs)
}

// Freeze implements Origin. This process writes nothing here itself.
func (d *databases) Freeze(ctx context.Context, why string) (State, error) {
	if err := d.states.freeze(ctx, why); err != nil {
		return State{}, err
	}
	return d.states.held(ctx)
}

// Thaw implements Origin.
func (d *databases) Thaw(ctx context.Context) error { return d.states.thaw(ctx) }

// Read implements Origin.
func (d *databases) Read(ctx context.Context, fn func(ctx context.Context, src Source) error) error {
	return Snapshot(ctx, d.dbs, fn)
}
