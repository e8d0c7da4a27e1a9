package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// database is one store under measurement.
type database struct {
	name, dsn, dir string
}

// options are the flags.
type options struct {
	binary    string
	databases []string
	conns     []int
	only      string
	upstream  string
	rows      int
	duration  time.Duration
	warmup    time.Duration
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	o, bareAddress := parseFlags()
	if bareAddress != "" {
		log.Fatal(serveBare(bareAddress, o.upstream))
	}
	// The pauses of the generator's own collector would count as the server's latency.
	debug.SetGCPercent(800)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func parseFlags() (options, string) {
	var o options
	databases := flag.String("db", "sqlite,postgres", "databases to measure on: sqlite, postgres, mariadb; servers are found by GATEHOUSE_TEST_POSTGRES and GATEHOUSE_TEST_MARIADB")
	conns := flag.String("conns", "16,64", "connections at full load, a list")
	bareAddress := flag.String("serve-bare", "", "serve the bare handler on this address and nothing else (used by the program itself)")
	flag.StringVar(&o.upstream, "serve-proxy", "", "with -serve-bare: pass everything on to this address by httputil.ReverseProxy (used by the program itself)")
	flag.StringVar(&o.binary, "binary", "", "the server binary to measure; empty builds ./cmd/gatehouse as it is released")
	flag.StringVar(&o.only, "only", "", "run only workloads whose name contains this; \"timing\" asks instead whether answers tell by their time who has an account, and fails if they do; \"backup\" measures backups instead, on postgres")
	flag.IntVar(&o.rows, "rows", 1_000_000, "how many identities, and how many tokens, are in the database of which backups are made")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "length of each measurement")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "load before each measurement that is not counted")
	flag.Parse()
	o.databases = strings.Split(*databases, ",")
	for s := range strings.SplitSeq(*conns, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 4096 {
			log.Fatalf("-conns %q: give whole numbers from 1 to 4096, separated by commas", *conns)
		}
		o.conns = append(o.conns, n)
	}
	if o.rows < ofEach {
		log.Fatalf("-rows %d: at least %d", o.rows, ofEach)
	}
	return o, *bareAddress
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.binary == "" {
		o.binary = filepath.Join(dir, "gatehouse")
		build := exec.CommandContext(ctx, "scripts/build", o.binary)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building the server: %w", err)
		}
	}
	info, err := os.Stat(o.binary)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, %s; server, database and load share them.\nStripped server binary: %.1f MB\n",
		runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly), float64(info.Size())/1e6)
	for _, name := range o.databases {
		d := database{name: name, dir: filepath.Join(dir, name)}
		if err := os.Mkdir(d.dir, 0o700); err != nil {
			return err
		}
		if d.dsn, err = dsnOf(name); err != nil {
			return err
		}
		if err := o.all(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// all measures what was chosen on one database. Backups have their yardstick on PostgreSQL.
func (o options) all(ctx context.Context, d database) error {
	if o.only != backupTest {
		if err := measure(ctx, o, d); err != nil {
			return err
		}
	}
	if d.name == "postgres" && (o.only == "" || o.only == backupTest) {
		return backup(ctx, o, d)
	}
	return nil
}

func dsnOf(name string) (string, error) {
	variable := map[string]string{"postgres": "GATEHOUSE_TEST_POSTGRES", "mariadb": "GATEHOUSE_TEST_MARIADB"}[name]
	switch {
	case name == "sqlite":
		return "", nil
	case variable == "":
		return "", fmt.Errorf("-db %s: known are sqlite, postgres, mariadb", name)
	case os.Getenv(variable) == "":
		return "", fmt.Errorf("-db %s: %s is not set; run `make bench`, which starts the databases", name, variable)
	}
	return os.Getenv(variable), nil
}

// measure runs all workloads on one database at each number of connections.
func measure(ctx context.Context, o options, d database) error {
	t, stop, err := o.serve(ctx, d, usual)
	if err != nil {
		return err
	}
	defer stop()
	time.Sleep(10 * time.Second) // idle memory is what remains when the start is over
	kb, err := t.residentKB()
	if err != nil {
		return err
	}
	fmt.Printf("\n## %s\nStart to ready (first start, empty database): %d ms. Idle resident memory: %.1f MB\n",
		d.name, t.ready.Milliseconds(), float64(kb)/1024)
	if of, ok := strings.CutPrefix(o.only, timingTest); ok {
		return timing(ctx, t, strings.TrimSpace(of))
	}
	cheaper, stop, err := o.serve(ctx, d, cheap)
	if err != nil {
		return err
	}
	defer stop()
	open, stop, err := o.serveDoors(ctx, d)
	defer stop()
	if err != nil {
		return err
	}
	yardstick, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer yardstick.stop()
	targets := targets{usual: t, cheap: cheaper, open: open, bare: &target{server: yardstick, http: httpClient(slices.Max(o.conns))}}
	for _, conns := range o.conns {
		if err := table(ctx, o, targets, conns); err != nil {
			return err
		}
	}
	return nil
}

// targets are the servers of one database.
type targets struct {
	usual, cheap, bare *target
	open               map[int]*target // those with doors, by how many rules they have
}

// serve starts a server on a database of its own, with clients registered, and gives back what ends both.
func (o options) serve(ctx context.Context, d database, v variant) (*target, func(), error) {
	d.dir = filepath.Join(d.dir, v.name)
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, nil, err
	}
	drop, err := d.fresh(ctx, v.name)
	if err != nil {
		return nil, nil, err
	}
	s, err := startGatehouse(ctx, o.binary, d, v)
	if err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	stop := func() {
		s.stop()
		s.doors.stop()
		if err := drop(); err != nil {
			log.Printf("a database of this run was left behind: %v", err)
		}
	}
	t, err := newTarget(ctx, s, d, slices.Max(o.conns))
	if err != nil {
		s.stop() // before its output is read
		err = fmt.Errorf("%w; the server (%s) said:\n%s", err, fmt.Sprint(s.ended), s.output.String())
		stop()
		return nil, nil, err
	}
	return t, stop, nil
}

// serveDoors starts a server for each number of access rules that the chosen workloads need; the function ends all of them, also
// where one did not start.
// They are on SQLite: decisions ask no database, and the connections of three more servers would be missing to the others.
func (o options) serveDoors(ctx context.Context, d database) (open map[int]*target, stop func(), err error) {
	d.name, d.dsn = "sqlite", ""
	open = map[int]*target{}
	var stops []func()
	stop = func() {
		for _, end := range stops {
			end()
		}
	}
	for _, n := range ruleCounts(o.only) {
		t, end, err := o.serve(ctx, d, variant{name: fmt.Sprintf("rules%d", n), cost: usualCost, rules: n})
		if err != nil {
			return nil, stop, err
		}
		open[n], stops = t, append(stops, end)
	}
	return open, stop, nil
}
