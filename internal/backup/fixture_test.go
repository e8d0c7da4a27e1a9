package backup_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// place is an installation with its backups.
type place struct {
	*backup.Backups
	clock *testkit.Clock
	dirs  []string
	keys  backup.Identities
}

// newPlace has two directories, one private key, and backups every hour.
func newPlace(t *testing.T) *place {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{clock: new(testkit.Clock), dirs: []string{t.TempDir(), filepath.Join(t.TempDir(), "made", "when", "needed")}, keys: backup.Identities{key}}
	c := backup.DefaultConfig()
	c.Recipients = []string{key.Recipient().String()}
	for i, dir := range p.dirs {
		c.Destinations = append(c.Destinations, backup.DestinationConfig{Name: fmt.Sprint("dir", i), Directory: dir})
	}
	if faults := c.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	to, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	p.Backups = &backup.Backups{Config: c, Destinations: to, Ring: ring(t, "the secrets of this place"), Version: "test", Now: p.clock.Now, Log: slog.New(slog.DiscardHandler)}
	return p
}

func ring(t *testing.T, text string) *secret.Ring {
	t.Helper()
	r, err := secret.NewRing([]secret.String{secret.String(text)})
	if err != nil {
		t.Fatal(err)
	}
	return r.For("backups")
}

// reading reads a management database.
func reading(db *sqldb.DB) backup.Reading {
	return func(ctx context.Context, fn func(ctx context.Context, src dataset.Source) error) error {
		return dataset.Snapshot(ctx, dataset.Databases{"management": db}, fn)
	}
}

// create makes a backup an hour after the last.
func (p *place) create(t *testing.T, db *sqldb.DB, o backup.CreateOptions) *backup.Created {
	t.Helper()
	p.clock.Advance(time.Hour)
	made, err := p.Create(t.Context(), reading(db), o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// into says how a database is filled.
func (p *place) into(db *sqldb.DB, o backup.RestoreOptions, replace bool) backup.RestoreOptions {
	if o.Fits == nil {
		o.Fits = func([]backup.SealKey) error { return nil }
	}
	o.Load = func(ctx context.Context, v *backup.Verified, src dataset.Source) ([]dataset.Summary, error) {
		return dataset.Load(ctx, src, dataset.Databases{"management": db}, dataset.LoadOptions{
			Feed: sqldb.NewFeed(db, sqldb.FeedOptions{}), From: v.ID, Replace: replace, Done: activity.Event{Action: activity.BackupRestored, Subject: activity.Party{Kind: "data"}},
		})
	}
	return o
}

// add writes rows: many are spread over all keys, few stand together among them.
func add(t *testing.T, db *sqldb.DB, series string, n int) {
	t.Helper()
	rows := make([][]any, n)
	for i := range rows {
		at := i * 7919 % 100_000
		if n < 500 {
			at = 50_000
		}
		rows[i] = []any{"default", fmt.Sprintf("%05d %s %d %s", at, series, i, strings.Repeat("x", 100)), 1, db.Now()}
	}
	if _, err := db.AllTenants().InsertRows(t.Context(), "limit_failure", []string{"tenant_id", "subject", "failures", "failed_at"}, rows); err != nil {
		t.Fatal(err)
	}
}

// count counts the rows of a series; "" is all.
func count(t *testing.T, db *sqldb.DB, series string) int {
	t.Helper()
	var n int
	if err := db.AllTenants().QueryRow(t.Context(), `SELECT COUNT(*) FROM limit_failure WHERE subject LIKE ?`, "%"+series+"%").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// files are those of a directory that end so.
func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// change writes a file anew.
func change(t *testing.T, path string, fn func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fn(b), 0o600); err != nil {
		t.Fatal(err)
	}
}
