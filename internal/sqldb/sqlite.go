package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// busyTimeout is how long a statement waits for another connection's lock.
const busyTimeout = 5 * time.Second

// openSQLite opens a file, or a database in memory.
//
// A file is in WAL mode with one connection that writes and several that read. synchronous is FULL: each commit
// is on the disk before it is acknowledged, so that neither kill -9 nor a power cut loses one. NORMAL would
// survive kill -9 too, but not the power cut; write coalescing makes up for the price.
func (c *core) openSQLite(ctx context.Context, d *dsn) error {
	if d.scheme == "memory" {
		return c.openMemory(ctx, d)
	}
	path, err := sqlitePath(d.name, c.name)
	if err != nil {
		return fmt.Errorf("the database DSN (sqlite://…): %w", err)
	}
	if c.release, err = LockFile(path + ".lock"); err != nil {
		return err
	}
	l := d.limits(Options{MaxConns: max(4, 2*runtime.GOMAXPROCS(0))})
	c.write, err = openPool(ctx, sqliteURI(path, d.synchronous, false), 1)
	if err == nil {
		c.read, err = openPool(ctx, sqliteURI(path, d.synchronous, true), l.conns)
	}
	if err != nil {
		_ = c.release()
		if c.write != nil {
			_ = c.write.close()
		}
		kind, cause := classify(err)
		return &Error{kind: kind, cause: fmt.Errorf("open the file %s: %w", path, cause)}
	}
	c.read.db.SetMaxIdleConns(l.idle)
	c.read.db.SetConnMaxIdleTime(l.idleTimeout)
	return nil
}

// openMemory opens the database of this name that all handles of the process share. It has one connection, so
// everything takes its turn; a second one does nothing but keep the data alive.
func (c *core) openMemory(ctx context.Context, d *dsn) error {
	name := "gatehouse/" + strings.Trim(d.name, "/") + "/" + c.name
	pool, err := openPool(ctx, memoryURI(name), 1)
	if err != nil {
		return &Error{cause: fmt.Errorf("open a database in memory: %w", err)}
	}
	anchor, err := openPool(ctx, memoryURI(name), 1)
	if err != nil {
		_ = pool.close()
		return &Error{cause: fmt.Errorf("open a database in memory: %w", err)}
	}
	c.write, c.read, c.ephemeral, c.release = pool, pool, true, anchor.close
	return nil
}

func openPool(ctx context.Context, uri string, conns int) (*stdPool, error) {
	inner, err := sqlite.NewConnector(uri)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(&connector{Connector: inner})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return &stdPool{db: db}, nil
}

// sqlitePath finds the file: a path that ends in a slash, is a directory or has no extension is a directory,
// in which each logical database has a file of its own. The directory is made when it is missing.
func sqlitePath(path, name string) (string, error) {
	info, err := os.Stat(path)
	isDir := err == nil && info.IsDir()
	if isDir || strings.HasSuffix(path, "/") || err != nil && filepath.Ext(path) == "" {
		if name == "" {
			return "", errors.New("the path is a directory; name a file in it")
		}
		path = filepath.Join(path, name+".db")
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	// The file is made here because SQLite would let everybody read it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return "", fmt.Errorf("this process may not write %s", path)
		}
		return "", err
	}
	return path, f.Close()
}

func sqliteURI(path, synchronous string, readOnly bool) string {
	q := url.Values{}
	pragmas := []string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(" + synchronous + ")",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		"cache_size(-1024)", // KiB for each connection: the system caches the file anyway
		"journal_size_limit(67108864)",
	}
	if readOnly {
		pragmas = append(pragmas, "query_only(1)")
	}
	q["_pragma"] = pragmas
	q.Set("_txlock", "immediate")
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

func memoryURI(name string) string {
	q := url.Values{}
	q.Set("vfs", "memdb")
	q["_pragma"] = []string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-1024)"}
	q.Set("_txlock", "immediate")
	return (&url.URL{Scheme: "file", Path: "/" + name, RawQuery: q.Encode()}).String()
}
