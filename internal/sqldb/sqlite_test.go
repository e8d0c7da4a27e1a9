package sqldb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestSQLitePaths(t *testing.T) {
	dir := t.TempDir()
	for dsn, want := range map[string]string{
		"sqlite://" + dir + "/new/":              "new/oauth.db",
		"sqlite://" + dir:                        "oauth.db",
		"sqlite://" + dir + "/plain":             "plain/oauth.db",
		"sqlite://" + dir + "/file.db":           "file.db",
		"sqlite://" + dir + "/a b%3F%23.sqlite3": "a b?#.sqlite3",
	} {
		withThing(t, open(t, dsn))
		info, err := os.Stat(filepath.Join(dir, want))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v, %d bytes", want, info.Mode(), info.Size())
		}
	}
}

func TestSQLiteSettings(t *testing.T) {
	for dsn, want := range map[string]string{"sqlite://" + t.TempDir() + "/": "2", "sqlite://" + t.TempDir() + "/?synchronous=normal": "1"} {
		db := open(t, dsn)
		for pragma, want := range map[string]string{"synchronous": want, "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000"} {
			var got string
			if err := db.AllTenants().QueryRow(t.Context(), "SELECT * FROM pragma_"+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, %v", pragma, got, err)
			}
		}
	}
}

func TestSQLiteOneProcess(t *testing.T) {
	dsn := "sqlite://" + t.TempDir() + "/"
	first := open(t, dsn)
	_, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth"})
	path := strings.TrimPrefix(dsn, "sqlite://") + "oauth.db"
	if !errors.Is(err, sqldb.ErrUnavailable) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("a second one: %v", err)
	}
	if other, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "management"}); err != nil {
		t.Errorf("another database in the same directory: %v", err)
	} else if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	again, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth"})
	if err != nil {
		t.Fatalf("after the first one closed: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// Readers do not wait for the writer, nor the writer for readers.
func TestSQLiteReadsBesideAWrite(t *testing.T) {
	db := withThing(t, open(t, "sqlite://"+t.TempDir()+"/"))
	ctx := testkit.Context(t)
	err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := insert(ctx, tx, "a"); err != nil {
			return err
		}
		// In the test's own context, outside of the transaction. Were it to wait for the writer, it would wait in vain: the
		// transaction ends after it.
		if n := count(t, db); n != 0 {
			t.Errorf("%d uncommitted rows are seen", n)
		}
		return nil
	})
	if err != nil || count(t, db) != 1 {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	one := withThing(t, open(t, "memory://"+t.Name()))
	two := open(t, "memory://"+t.Name())
	other := open(t, "memory://"+t.Name()+"-other")
	if !one.Ephemeral() || open(t, "sqlite://"+t.TempDir()+"/").Ephemeral() {
		t.Error("memory alone is ephemeral")
	}
	ctx := testkit.Context(t)
	if err := insert(ctx, one, "a"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, two); n != 1 {
		t.Errorf("handles of one name do not share their data: %d", n)
	}
	if err := other.AllTenants().QueryRow(ctx, "SELECT count(*) FROM thing").Scan(new(int)); err == nil {
		t.Error("handles of different names share their data")
	}
	// A caller who leaves in the middle costs its connection at most, never the data. The statement is long, but has an
	// end: SQLite forgets an interruption that comes just before its first step.
	for range 10 {
		leaving, cancel := context.WithTimeout(ctx, time.Millisecond)
		_, _ = one.Query(leaving, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT count(*) FROM c, thing WHERE tenant_id = :tenant")
		cancel()
	}
	if n := count(t, one); n != 1 {
		t.Errorf("the data is gone: %d", n)
	}
	var wg sync.WaitGroup
	for i, db := range []*sqldb.DB{one, two, one, two} {
		wg.Go(func() {
			for j := range 25 {
				err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return insert(ctx, tx, fmt.Sprint(i, "-", j)) })
				if err != nil {
					t.Error(err)
				}
				count(t, db)
			}
		})
	}
	wg.Wait()
	if n := count(t, two); n != 101 {
		t.Errorf("%d rows", n)
	}
}

// crash is set in the process that TestSQLiteKill starts, and names its database.
const crash = "GATEHOUSE_TEST_CRASH"

// What was acknowledged before a kill -9 is there afterwards, and the lock is free.
func TestSQLiteKill(t *testing.T) {
	if dsn := os.Getenv(crash); dsn != "" {
		writeUntilKilled(t, dsn)
		return
	}
	dsn := "sqlite://" + t.TempDir() + "/"
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSQLiteKill$")
	child.Env = append(os.Environ(), crash+"="+dsn)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "committed "); ok {
			acknowledged = append(acknowledged, id)
		}
		if len(acknowledged) == 500 {
			if _, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth"}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("process ", child.Process.Pid)) {
				t.Errorf("a second process: %v", err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait()
	if len(acknowledged) < 500 {
		t.Fatalf("only %d commits", len(acknowledged))
	}
	db := open(t, dsn)
	for _, id := range acknowledged {
		if err := db.QueryRow(testkit.Context(t), "SELECT n FROM thing WHERE tenant_id = :tenant AND id = ?", id).Scan(new(int)); err != nil {
			t.Errorf("%s was acknowledged: %v", id, err)
		}
	}
}

func writeUntilKilled(t *testing.T, dsn string) {
	db := withThing(t, open(t, dsn))
	c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, things)
	ctx := tenant.With(t.Context(), tenant.Default)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := 0; ; j++ {
				id := fmt.Sprint(i, "-", j)
				if err := c.Do(ctx, id); err != nil {
					return
				}
				fmt.Println("committed", id)
			}
		})
	}
	wg.Wait()
}

// A disk that is full is called so, with what to do, and what was written before is there.
func TestSQLiteDiskFull(t *testing.T) {
	db := withThing(t, open(t, "sqlite://"+t.TempDir()+"/"))
	do(t, db, "PRAGMA max_page_count = 20") // SQLite then says what it says of a disk
	text, written := strings.Repeat("x", 4000), 0
	var err error
	for ; err == nil && written < 100; written++ {
		_, err = db.AllTenants().Exec(t.Context(), "INSERT INTO thing (tenant_id, id, note) VALUES ('a', ?, ?)", fmt.Sprint(written), text)
	}
	if !errors.Is(err, sqldb.ErrUnavailable) || !strings.Contains(err.Error(), "make room on the disk") {
		t.Errorf("on a full disk: %v", err)
	}
	var n int
	if err := db.AllTenants().QueryRow(t.Context(), "SELECT count(*) FROM thing").Scan(&n); err != nil || n != written-1 {
		t.Errorf("%d of %d are there: %v", n, written-1, err)
	}
}
