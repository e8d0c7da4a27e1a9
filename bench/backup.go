package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"
)

// backupTest is what -only says to measure backups alone.
const backupTest = "backup"

// What a backup may take: time, as a multiple of what pg_dump and age take for the same data, and memory.
const (
	backupRatio  = 1.5
	backupMemory = 200 << 20
	// backupRounds is how often each of both is measured, in turn.
	backupRounds = 3
)

// backups are a server whose database is full, and commands on it.
type backups struct {
	options
	*target
	full *filled
	key  *age.X25519Identity
	dir  string
}

// taken is what a command took.
type taken struct {
	time     time.Duration
	unsynced time.Duration // until all was written, though not on the disk yet; 0: not measured
	bytes    int64         // of the file that it made
	peak     uint64        // the most memory that it had; 0: not measured
}

// backup measures how a database full of people and tokens is put away and brought back, beside pg_dump and age.
func backup(ctx context.Context, o options, d database) error {
	began := time.Now()
	t, stop, err := o.serve(ctx, d, variant{name: backupTest, cost: leastCost})
	if err != nil {
		return err
	}
	defer stop()
	b := &backups{options: o, target: t, dir: filepath.Join(d.dir, backupTest)}
	if err := b.configure(); err != nil {
		return err
	}
	if b.full, err = t.fill(ctx, o.rows); err != nil {
		return fmt.Errorf("filling the database: %w", err)
	}
	fmt.Printf("\n## Backup, %s\n%d identities and as many tokens; they were made in %s.\n\n", d.name, o.rows, time.Since(began).Round(time.Second))
	fmt.Println("| command | seconds | MB | peak memory, MB | of pg_dump and age |")
	fmt.Println("|---|--:|--:|--:|--:|")
	yardstick, found, err := b.compared(ctx)
	if err != nil {
		return err
	}
	if err := b.alone(ctx, yardstick); err != nil {
		return err
	}
	fmt.Println(found)
	return nil
}

func (b *backups) configure() (err error) {
	if b.key, err = age.GenerateX25519Identity(); err != nil {
		return err
	}
	text := fmt.Sprintf("backup:\n  recipients: [%s]\n  destinations: [{name: here, directory: %q}]\n", b.key.Recipient(), b.kept())
	return errors.Join(os.WriteFile(b.file("backup.yaml"), []byte(text), 0o600), os.WriteFile(b.file("backup.key"), []byte(b.key.String()), 0o600))
}

func (b *backups) file(name string) string { return filepath.Join(b.dir, name) }

// kept is where backups are.
func (b *backups) kept() string { return b.file("backups") }

// compared measures full backups and their yardstick in turn, and prints what lies in the middle. It returns the yardstick,
// and what came of the limits.
func (b *backups) compared(ctx context.Context) (yardstick time.Duration, found string, err error) {
	sides := []struct {
		name string
		do   func(ctx context.Context) (taken, error)
		took []taken
	}{
		{name: "pg_dump, age", do: func(ctx context.Context) (taken, error) { return b.dump(ctx, "plain") }},
		{name: "gatehouse backup create --full", do: func(ctx context.Context) (taken, error) { return b.create(ctx, "--full") }},
		{name: "pg_dump --format=custom, which compresses, age", do: func(ctx context.Context) (taken, error) { return b.dump(ctx, "custom") }},
	}
	var ratios, unsynced []float64
	for range backupRounds {
		// Both read what is settled: what autovacuum does within a minute must not be the first one's to do.
		if err := errors.Join(b.database.run(ctx, "VACUUM ANALYZE"), b.database.run(ctx, "CHECKPOINT"), os.RemoveAll(b.kept())); err != nil {
			return 0, "", err
		}
		for i := range sides {
			took, err := sides[i].do(ctx)
			if err != nil {
				return 0, "", err
			}
			sides[i].took = append(sides[i].took, took)
		}
		dump, backup := sides[0].took[len(ratios)], sides[1].took[len(ratios)].time.Seconds()
		ratios, unsynced = append(ratios, backup/dump.time.Seconds()), append(unsynced, backup/dump.unsynced.Seconds())
	}
	peak := uint64(0)
	for _, took := range sides[1].took {
		peak = max(peak, took.peak)
	}
	for i := range sides {
		slices.SortFunc(sides[i].took, func(a, b taken) int { return cmp.Compare(a.time, b.time) })
		sides[i].took[backupRounds/2].row(sides[i].name, sides[0].took[backupRounds/2].time)
	}
	slices.Sort(ratios)
	slices.Sort(unsynced)
	ratio := ratios[backupRounds/2]
	return sides[0].took[backupRounds/2].time, fmt.Sprintf("\nFull backup against pg_dump and age, median of %d pairs: %.2f (limit %.1f: %s); against a dump that is not on the disk yet: %.2f. Peak memory %d MB (limit %d: %s).",
		backupRounds, ratio, backupRatio, verdict(ratio <= backupRatio), unsynced[backupRounds/2], peak>>20, backupMemory>>20, verdict(peak <= backupMemory)), nil
}

func verdict(held bool) string {
	if held {
		return "held"
	}
	return "MISSED"
}

// row prints a row.
func (t taken) row(name string, yardstick time.Duration) {
	size, peak := "", ""
	if t.bytes > 0 {
		size = strconv.FormatInt(t.bytes/1e6, 10)
	}
	if t.peak > 0 {
		peak = strconv.FormatUint(t.peak>>20, 10)
	}
	fmt.Printf("| %s | %.1f | %s | %s | %.2f |\n", name, t.time.Seconds(), size, peak, t.time.Seconds()/yardstick.Seconds())
}

// alone measures what has no yardstick of its own.
func (b *backups) alone(ctx context.Context, yardstick time.Duration) error {
	if err := b.change(ctx, b.full); err != nil {
		return err
	}
	took, err := b.create(ctx)
	if err != nil {
		return err
	}
	took.row("gatehouse backup create, incremental, 1 % changed", yardstick)
	if took, err = b.gatehouse(ctx, "backup", "verify", "--identity", b.file("backup.key")); err != nil {
		return err
	}
	took.row("gatehouse backup verify", yardstick)
	other := b.database
	drop, err := other.fresh(ctx, "restored")
	if err != nil {
		return err
	}
	defer func() {
		if err := drop(); err != nil {
			log.Printf("a database of this run was left behind: %v", err)
		}
	}()
	if err := os.WriteFile(b.file("restored.yaml"), fmt.Appendf(nil, "databases: {dsn: %q}\n", other.dsn), 0o600); err != nil {
		return err
	}
	if took, err = b.gatehouse(ctx, "backup", "restore", "--identity", b.file("backup.key"), "-c", b.file("restored.yaml")); err != nil {
		return err
	}
	took.row("gatehouse backup restore", yardstick)
	return nil
}

// create makes a backup.
func (b *backups) create(ctx context.Context, flags ...string) (taken, error) {
	took, err := b.gatehouse(ctx, append([]string{"backup", "create"}, flags...)...)
	if err != nil {
		return took, err
	}
	files, err := filepath.Glob(filepath.Join(b.kept(), "*.age")) // their names are in the order of time
	if err != nil || len(files) == 0 {
		return took, errors.Join(err, errors.New("the backup is not where it should be"))
	}
	info, err := os.Stat(files[len(files)-1])
	if err == nil {
		took.bytes = info.Size()
	}
	return took, err
}

// gatehouse runs a command of the server's program with its configuration.
func (b *backups) gatehouse(ctx context.Context, args ...string) (t taken, err error) {
	args = append(args[:2:2], append([]string{"-c", b.file("gatehouse.yaml"), "-c", b.file("backup.yaml")}, args[2:]...)...)
	cmd := exec.CommandContext(ctx, b.binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &out, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return t, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		// Not what the kernel tells of a process that has ended: this one's own memory is in it, from the moment between fork and exec.
		t.peak = max(t.peak, peakOf(cmd.Process.Pid))
		select {
		case err = <-ended:
			t.time = time.Since(began)
			if err != nil {
				err = fmt.Errorf("gatehouse %s: %w\n%s", strings.Join(args, " "), err, out.String())
			}
			return t, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// peakOf is the most memory that a process had so far, in bytes; 0 where it has ended.
func peakOf(pid int) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// dump runs PostgreSQL's own pg_dump and encrypts what it writes with the same library, in this process. It ends when all is on the
// disk, which pg_dump sees to where it writes the file itself, and a backup too.
func (b *backups) dump(ctx context.Context, format string) (t taken, err error) {
	program, err := pgDump()
	if err != nil {
		return t, err
	}
	u, err := url.Parse(b.database.dsn)
	if err != nil {
		return t, errors.New("the DSN of the database server is no URL")
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	cmd := exec.CommandContext(ctx, program, "--format="+format, u.String())
	cmd.Env, cmd.Stderr = append(os.Environ(), "PGPASSWORD="+password), os.Stderr
	rows, err := cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	file, err := os.Create(b.file("dump.age"))
	if err != nil {
		return t, err
	}
	began := time.Now()
	sealed, err := age.Encrypt(file, b.key.Recipient())
	if err != nil {
		return t, errors.Join(err, file.Close())
	}
	if err := cmd.Start(); err != nil {
		return t, errors.Join(err, file.Close())
	}
	_, err = io.Copy(sealed, rows)
	err = errors.Join(err, cmd.Wait(), sealed.Close())
	if t.unsynced = time.Since(began); err == nil {
		err = file.Sync()
	}
	t.time = time.Since(began)
	info, e := file.Stat()
	if e == nil {
		t.bytes = info.Size()
	}
	return t, errors.Join(err, e, file.Close())
}

// pgDump finds the program of the newest version beside the server's, or where the shell would.
func pgDump() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil || len(found) == 0 {
		return exec.LookPath("pg_dump")
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }), nil
}
