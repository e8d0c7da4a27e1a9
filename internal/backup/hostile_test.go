package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// fickle is a destination that gives another file from the second time on.
type fickle struct {
	backup.Destination

	other []byte
	asked int
}

// Open implements backup.Destination.
func (f *fickle) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasSuffix(name, ".zst.age") {
		if f.asked++; f.asked > 1 {
			return io.NopCloser(bytes.NewReader(f.other)), nil
		}
	}
	return f.Destination.Open(ctx, name)
}

// forged is a file as that of a backup, with other rows: to whom a backup is encrypted is no secret.
func forged(t *testing.T, p *place, id string, db *sqldb.DB) []byte {
	t.Helper()
	var file bytes.Buffer
	recipient, err := age.ParseX25519Recipient(p.Config.Recipients[0])
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := age.Encrypt(&file, recipient)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithWindowSize(512<<10))
	if err != nil {
		t.Fatal(err)
	}
	note, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		t.Fatal(err)
	}
	err = reading(db)(t.Context(), func(ctx context.Context, src dataset.Source) error {
		_, err := dataset.Write(ctx, packed, src, dataset.WriteOptions{Note: note})
		return err
	})
	if err := errors.Join(err, packed.Close(), sealed.Close()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// Who keeps the files may give the true one while it is looked through, and one of his own when it is restored: no server starts on that.
func TestADestinationThatChangesItsMind(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "true", 50)
	made := p.create(t, db, backup.CreateOptions{})
	elsewhere := testkit.SQLite(t, "management")
	add(t, elsewhere, "forged", 50)
	p.Destinations[0] = &fickle{Destination: p.Destinations[0], other: forged(t, p, made.ID, elsewhere)}

	target := testkit.SQLite(t, "management")
	_, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{Wanted: backup.Wanted{Destination: "dir0"}}, true), p.keys)
	if !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("it is restored: %v", err)
	}
	gate := dataset.NewGate(dataset.GateOptions{
		Databases: dataset.Databases{"management": target}, Feed: sqldb.NewFeed(target, sqldb.FeedOptions{}), Log: slog.New(slog.DiscardHandler),
	})
	if err := gate.Open(t.Context()); !errors.Is(err, dataset.ErrArriving) {
		t.Errorf("a server starts on %d forged rows: %v", count(t, target, "forged"), err)
	}
	if _, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{Wanted: backup.Wanted{Destination: "dir1"}}, true), p.keys); err != nil || count(t, target, "forged") > 0 {
		t.Errorf("the other destination: %v", err)
	}
}

// counted is a file of which it is counted how much is read.
type counted struct {
	backup.Destination

	other []byte
	read  int
}

// Open implements backup.Destination.
func (c *counted) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if !strings.HasSuffix(name, ".zst.age") {
		return c.Destination.Open(ctx, name)
	}
	return io.NopCloser(io.TeeReader(bytes.NewReader(c.other), c)), nil
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

// A file that is longer than the backup is not read to an end that may never come.
func TestADestinationWithoutEnd(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 50)
	made := p.create(t, db, backup.CreateOptions{})
	elsewhere := testkit.SQLite(t, "management")
	rows := make([][]any, 10_000)
	for i := range rows {
		rows[i] = []any{"default", rand.Text() + rand.Text() + rand.Text(), 1, db.Now()}
	}
	if _, err := elsewhere.AllTenants().InsertRows(t.Context(), "limit_failure", []string{"tenant_id", "subject", "failures", "failed_at"}, rows); err != nil {
		t.Fatal(err)
	}
	far := &counted{Destination: p.Destinations[0], other: forged(t, p, made.ID, elsewhere)}
	p.Destinations[0] = far
	_, err := p.Verify(t.Context(), backup.Wanted{Destination: "dir0"}, p.keys, nil)
	if !errors.Is(err, backup.ErrDamaged) || far.read > int(made.Data.Size)+100_000 || len(far.other) < 300_000 {
		t.Errorf("%d bytes of %d were read for %d: %v", far.read, len(far.other), made.Data.Size, err)
	}
}

// What somebody has put into a destination keeps nobody from making backups, nor from finding the others.
func TestStrangeFilesInADestination(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	add(t, db, "first", 50)
	first := p.create(t, db, backup.CreateOptions{})
	for id, manifest := range map[string]string{
		"29991231T235959.000Z-aaaaaaaa": `{"format": 1, "id": "29991231T235959.000Z-aaaaaaaa"}`,
		"29991231T235959.000Z-bbbbbbbb": `{"format": 1}` + strings.Repeat(" ", 5<<20),
		"29991231T235959.000Z-cccccccc": strings.Repeat("[", 1<<20),
	} {
		for suffix, content := range map[string]string{".json": manifest, ".zst.age": "x"} {
			if err := os.WriteFile(filepath.Join(p.dirs[0], "gatehouse-"+id+suffix), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := p.List(t.Context())
	if err != nil || len(list) != 4 || list[3].ID != first.ID || list[3].Fault != "" {
		t.Errorf("%+v %v", list, err)
	}
	add(t, db, "second", 5)
	made := p.create(t, db, backup.CreateOptions{})
	if made.Kind != backup.Incremental || len(made.Destinations) != 2 {
		t.Errorf("%+v", made)
	}
	p.clock.Advance(time.Hour)
	target := testkit.SQLite(t, "management")
	if done, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{}, true), p.keys); err != nil || done.ID != made.ID {
		t.Errorf("%+v %v", done, err)
	}
}
