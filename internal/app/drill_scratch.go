package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/provision"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// scratch is where a drill restores to.
type scratch struct {
	kind      string // of the databases
	databases config.Databases
	dir       string // of this drill, which nobody else may enter
	local     bool   // the databases are in it

	drop func(ctx context.Context) error
}

const (
	scratchPrefix = "gatehouse-drill-"
	scratchLock   = "drill.lock"
	// scratchTries is how many directories are made before one that cannot be locked is a failure: another drill, which looks for what
	// the dead left, may have been faster. On a machine that is busy that happens to one in five while eight drills begin at once.
	scratchTries = 50
	scratchRest  = 10 * time.Millisecond // at most, between two tries
	// scratchFactor is how much more room rows take in SQLite's files, with their indexes and the log of what is being written, than in
	// a backup's stream: twice as much was measured. spare is what is needed beside.
	scratchFactor = 3
	spare         = 64 << 20
)

// makeScratch makes scratch databases, and first removes what dead drills left in the same place.
func makeScratch(ctx context.Context, o DrillOptions, production bool) (*scratch, []string, error) {
	at, removed, err := makeScratchDir(ctx, o.Scratch)
	if err != nil {
		return nil, removed, err
	}
	if o.Server == "" {
		at.kind, at.local = "sqlite", true
		at.databases = scratchDatabases(func(logical string) sqldb.Address {
			return sqldb.Address{Scheme: "sqlite", Database: filepath.Join(at.dir, logical+".db")}
		})
		return at, removed, nil
	}
	login, err := sqldb.Parse(o.Server.Reveal())
	if production {
		login = login.Verified()
	}
	if err == nil && (login.Scheme == "sqlite" || login.Scheme == "memory") {
		err = errors.New("it is no server: name a directory, in which the scratch databases will be SQLite files, or a database server")
	}
	if err != nil {
		return nil, removed, errors.Join(fmt.Errorf("--scratch: %w", err), at.drop(ctx))
	}
	made, dead, err := provision.MakeScratch(ctx, login, now())
	removed = append(removed, dead...)
	if err != nil {
		return nil, removed, errors.Join(fmt.Errorf("--scratch: %w", err), at.drop(ctx))
	}
	dropDir := at.drop
	at.kind, at.databases = login.Scheme, scratchDatabases(func(string) sqldb.Address { return made.Address })
	at.drop = func(ctx context.Context) error { return errors.Join(made.Drop(ctx), dropDir(ctx)) }
	return at, removed, nil
}

func scratchDatabases(of func(logical string) sqldb.Address) config.Databases {
	dsn := func(logical string) config.DSN { return config.DSN(of(logical).DSN()) }
	return config.Databases{Management: dsn("management"), OAuth: dsn("oauth"), Activity: dsn("activity"), Flow: dsn("flow"), AutoMigrate: true}
}

// makeScratchDir makes a directory for this drill alone. Its lock tells others that it is in use, for as long as this process lives.
func makeScratchDir(ctx context.Context, parent string) (*scratch, []string, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	removed := removeDeadDirs(parent)
	for try := 1; ; try++ {
		at, err := lockedDir(parent)
		if err == nil {
			return at, removed, nil
		}
		if !errors.Is(err, errTaken) || try == scratchTries || !wait.For(ctx, rand.N(scratchRest)) {
			return nil, removed, fmt.Errorf("the scratch directory: %w", errors.Join(context.Cause(ctx), err))
		}
	}
}

// errTaken says that another drill took a directory for one of the dead before it was locked.
var errTaken = errors.New("another drill was faster")

// lockedDir makes a directory and locks it. It fails with errTaken where the next one may do better.
func lockedDir(parent string) (*scratch, error) {
	dir, err := os.MkdirTemp(parent, scratchPrefix) // which nobody else may enter
	if err != nil {
		return nil, err
	}
	release, err := sqldb.LockFile(filepath.Join(dir, scratchLock))
	if errors.Is(err, sqldb.ErrHeld) || errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(errTaken, err)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	drop := func(context.Context) error {
		if removeLocked(dir, release) == nil {
			return nil
		}
		// Not every system removes a lock that is held. Where only one is left, it is of somebody who is about to remove the rest.
		if err := os.RemoveAll(dir); err != nil && holdsMore(dir) {
			return fmt.Errorf("the scratch directory %s is still there: remove it by hand, for it holds what the backup holds (%w)", dir, err)
		}
		return nil
	}
	return &scratch{dir: dir, drop: drop}, nil
}

// removeDeadDirs removes the directories of drills whose process is gone, wherever it was then, as far as they are this user's: in a
// directory for temporary files anybody may make one of such a name.
func removeDeadDirs(parent string) (removed []string) {
	entries, _ := os.ReadDir(parent) // it is made use of right after
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), scratchPrefix) || !info.IsDir() || info.Mode().Perm() != 0o700 || !isOwn(info) {
			continue
		}
		release, err := sqldb.LockFile(filepath.Join(dir, scratchLock))
		if err == nil && removeLocked(dir, release) == nil {
			removed = append(removed, dir)
		}
	}
	return removed
}

// removeLocked removes a directory whose lock this process has. The lock is the last thing in it to go, and is held until the directory
// is gone: who made it and comes to lock it only now does not get that, or has made another, and then it stays.
func removeLocked(dir string, release func() error) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != scratchLock {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err == nil {
		err = os.Remove(filepath.Join(dir, scratchLock))
	}
	if err == nil {
		err = os.Remove(dir)
	}
	return errors.Join(err, release())
}

// holdsMore reports whether a directory holds something beside a lock, or may.
func holdsMore(dir string) bool {
	left, err := os.ReadDir(dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() != scratchLock })
}

// room refuses what the disk has no room for, as far as that can be known before.
func (s *scratch) room(content int64) error {
	free, known := freeSpace(s.dir)
	if need := scratchFactor*content + spare; s.local && known && free < need {
		return fmt.Errorf("the scratch databases need about %s, and %s has %s left: name a directory with more room, or a database server, with --scratch",
			megabytes(need), filepath.Dir(s.dir), megabytes(free))
	}
	return nil
}

// full says of a failure whether it is that of a disk that is full after all.
func (s *scratch) full(err error) error {
	if free, known := freeSpace(s.dir); err != nil && s.local && known && free < 1<<20 {
		return fmt.Errorf("the disk of %s is full: name a directory with more room, or a database server, with --scratch (%w)", filepath.Dir(s.dir), err)
	}
	return err
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+999_999)/1_000_000) }
