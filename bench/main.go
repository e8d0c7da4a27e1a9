package main

import (
	"cmp"
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
	duration  time.Duration
	warmup    time.Duration
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	o, bareAddress := parseFlags()
	if bareAddress != "" {
		log.Fatal(serveBare(bareAddress))
	}
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
	flag.StringVar(&o.binary, "binary", "", "the server binary to measure; empty builds ./cmd/gatehouse as it is released")
	flag.StringVar(&o.only, "only", "", "run only workloads whose name contains this")
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
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", o.binary, "./cmd/gatehouse")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
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
		drop, err := d.fresh(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		err = errors.Join(measure(ctx, o, d), drop())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
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
	yardstick, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer yardstick.stop()
	s, err := startGatehouse(ctx, o.binary, d)
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(2 * time.Second) // idle memory is what remains when the start is over
	kb, err := s.residentKB()
	if err != nil {
		return err
	}
	fmt.Printf("\n## %s\nStart to ready (first start, empty database): %d ms. Idle resident memory: %.1f MB\n",
		d.name, s.ready.Milliseconds(), float64(kb)/1024)
	t, err := newTarget(ctx, s, slices.Max(o.conns))
	if err != nil {
		return err
	}
	bareTarget := &target{server: yardstick, http: httpClient(slices.Max(o.conns))}
	for _, conns := range o.conns {
		if err := table(ctx, o, d, t, bareTarget, conns); err != nil {
			return err
		}
	}
	return nil
}

func table(ctx context.Context, o options, d database, t, bareTarget *target, conns int) error {
	base, err := o.full(ctx, d, workload{"bare net/http handler", bare}, bareTarget, conns)
	if err != nil {
		return err
	}
	rows, err := commits(ctx, d, conns, o.duration)
	if err != nil {
		return err
	}
	single := measured{result: rows}
	fmt.Printf("\n%s, %d connections, %s each\n\n", d.name, conns, o.duration)
	fmt.Println("| workload | per second | p50 | p99 | p99 at half load | errors | statements each | of bare handler | of single-row commits |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	row("bare net/http handler", base, "", "", base, single)
	row("single-row commits", single, "", "", base, single)
	for _, w := range workloads {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		full, err := o.full(ctx, d, w, t, conns)
		if err != nil {
			return err
		}
		jobs, err := w.prepare(ctx, t, conns)
		if err != nil {
			return err
		}
		half := openLoop(ctx, jobs, full.PerSecond/2, o.duration)
		if err := half.check(w.name + " at half load"); err != nil {
			return err
		}
		row(w.name, full, half.P99.Round(10*time.Microsecond).String(), fmt.Sprintf("%.2f", full.statements/float64(full.Done)), base, single)
	}
	return nil
}

// full warms a workload up and measures it with every connection busy.
func (o options) full(ctx context.Context, d database, w workload, t *target, conns int) (measured, error) {
	jobs, err := w.prepare(ctx, t, conns)
	if err != nil {
		return measured{}, fmt.Errorf("%s: %w", w.name, err)
	}
	closedLoop(ctx, jobs, o.warmup)
	if err := d.settle(ctx); err != nil {
		return measured{}, err
	}
	before, err := t.statements()
	if err != nil {
		return measured{}, err
	}
	r := closedLoop(ctx, jobs, o.duration)
	after, err := t.statements()
	if err != nil {
		return measured{}, err
	}
	return measured{r, after - before}, cmp.Or(ctx.Err(), r.check(w.name))
}

// measured is a result with the SQL statements that the server ran meanwhile.
type measured struct {
	result
	statements float64
}

func row(name string, r measured, half, statements string, base, single measured) {
	fmt.Printf("| %s | %.0f | %s | %s | %s | %d | %s | %.1f %% | %.2f× |\n", name, r.PerSecond,
		r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond), half, r.Errors, statements,
		100*r.PerSecond/base.PerSecond, r.PerSecond/single.PerSecond)
}
