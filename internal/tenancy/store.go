package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// topic is where changes of tenants are told. The key is of no meaning: whoever hears of it reads all of them anew.
const topic = "tenant"

// Store keeps tenants in the management database. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	feed *sqldb.Feed
}

// NewStore returns a store in the management database.
func NewStore(db *sqldb.DB, feed *sqldb.Feed) *Store {
	return &Store{db: db.AllTenants(), feed: feed}
}

// watch calls fn for each change, also for those of other servers.
func (s *Store) watch(fn func()) { s.feed.Subscribe(topic, func(tenant.ID, string) { fn() }) }

// row is a tenant as it is stored, with what became of its rows.
type row struct {
	tenant.Tenant

	erased Erasure
}

// stored is what the database holds.
type stored struct {
	revision int64
	rows     []row
}

// load reads everything: two statements. The revision is read first, so that tenants which changed in between are newer than
// it says: who then writes for that revision is refused, and reads once more.
func (s *Store) load(ctx context.Context) (*stored, error) {
	var all stored
	if err := s.db.QueryRow(ctx, `SELECT revision FROM tenant_revision WHERE name = 'tenants'`).Scan(&all.revision); err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, `SELECT id, state, name, hosts, prefix, settings, version, created_at, changed_at, state_at, erased FROM tenant ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var hosts, settings, erased string
		err := rows.Scan(&r.ID, &r.State, &r.Name, &hosts, &r.Prefix, &settings, &r.Version, &r.Created, &r.Changed, &r.Since, &erased)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(json.Unmarshal([]byte(hosts), &r.Hosts), json.Unmarshal([]byte(settings), &r.Settings), json.Unmarshal([]byte(erased), &r.erased)); err != nil {
			return nil, fmt.Errorf("the stored tenant %s is damaged: %w", r.ID, err)
		}
		r.Source = tenant.Registered
		all.rows = append(all.rows, r)
	}
	return &all, rows.Err()
}

// write stores a tenant in the place of what was there, if the tenants are still those of the revision; false says that somebody
// was faster, and nothing was done.
func (s *Store) write(ctx context.Context, revision int64, t *tenant.Tenant, of Erasure, e activity.Event) (done bool, err error) {
	hosts, err := json.Marshal(t.Hosts)
	if err != nil {
		return false, err
	}
	settings, err := json.Marshal(t.Settings)
	if err != nil {
		return false, err
	}
	erased, err := json.Marshal(of)
	if err != nil {
		return false, err
	}
	err = s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE tenant_revision SET revision = revision + 1 WHERE name = 'tenants' AND revision = ?`, revision)
		if done = n == 1; err != nil || !done {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM tenant WHERE id = ?`, t.ID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO tenant (id, state, name, hosts, prefix, settings, version, created_at, changed_at, state_at, erased, eraser)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`, t.ID, t.State, t.Name, string(hosts), t.Prefix, string(settings), t.Version,
			t.Created, t.Changed, t.Since, string(erased))
		if err != nil {
			return err
		}
		return s.told(ctx, tx, e)
	})
	return done, err
}

// change runs fn in a transaction whose events are those of the installation.
func (s *Store) change(ctx context.Context, fn func(ctx context.Context, tx *sqldb.Tx) error) error {
	return s.db.InTx(tenant.With(ctx, tenant.Default), func(ctx context.Context, tx *sqldb.Tx) error { return fn(ctx, tx.AllTenants()) })
}

// told tells the log and all servers.
func (s *Store) told(ctx context.Context, tx *sqldb.Tx, e activity.Event) error {
	if err := activity.Write(ctx, tx, e); err != nil {
		return err
	}
	return s.feed.Publish(ctx, tx, topic, "")
}

// now is the database's clock.
func (s *Store) now() time.Time { return s.db.Now() }
