package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// dataHelp is what all of these commands have in common.
const dataHelp = `
A place is one of
  http://127.0.0.1:4445       a running server, by its admin API: the only way to what is in its memory, and to SQLite files
                              while they are served. A key is read from GATEHOUSE_ADMIN_KEY; unix:/path is its socket
  env:NAME                    the address of a database, in that environment variable
  file:PATH                   the address of a database, in that file
  sqlite:///var/lib/gatehouse/ or another address of a database without a password: every user of this machine can read the
                              arguments of programs
or, with --from-config and --to-config, the databases of a configuration file.`

func dataCommand() *cobra.Command {
	cmd := group("data", "Copy everything to other databases; hold a server's data still; open a database's client",
		`  gatehouse data copy --from http://127.0.0.1:4445 --to-config production.yaml
  gatehouse data status --from http://127.0.0.1:4445
  gatehouse data thaw --from-config old.yaml
  gatehouse data shell -c gatehouse.yaml`,
		copyData(), freezeData(), thawData(), dataStatus(), dataSecrets(), dataShell())
	flags := cmd.PersistentFlags()
	flags.String("from", "", "where the data is: a running server, or a database")
	flags.StringArray("from-config", nil, "configuration file whose databases have the data; repeat for several, later ones win. Of the environment, GATEHOUSE_DATABASES_… is left out: that is the target's")
	flags.String("client-cert", "", "PEM file of a client certificate that opens the admin API, with its chain")
	flags.String("client-key", "", "PEM file of that certificate's private key")
	addAdminKeyFlag(cmd)
	addTLSFlag(cmd)
	addFormatFlag(cmd)
	return cmd
}

func copyData() *cobra.Command {
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy everything from one place to another, lose nothing, and prove it",
		Long: `Copy all tenants, clients, people, sessions, tokens, keys, rules and the activity log to other databases, of the same kind or
another. What was issued before is good afterwards, if the servers on the target have the secrets of those on the source: with
--to-config that is checked before anything is held still.

First everything is copied while the source serves. Then the source refuses writes: reads go on, all else is answered with 503
and Retry-After. What was written meanwhile is copied, both sides are read again and compared, digest by digest. The source
stays as it is, so that nothing is written that the target lacks: start servers on the target, and lead clients there. To
rehearse, give the source back with --thaw.

The target is empty, or holds a part of the same copy: after a failure, or a kill, the same command goes on; after it has ended, it finds
nothing to do for as long as the source is held still. Until it has ended, no server starts on the target. When it fails, the source takes writes again; after a kill -9, run it again or ` + "`gatehouse data thaw`" + `.
` + dataHelp,
		Example: `  gatehouse data copy --from http://127.0.0.1:4445 --to-config production.yaml
  gatehouse data copy --from-config old.yaml --to-config new.yaml --thaw
  gatehouse data copy --from sqlite:///var/lib/gatehouse/ --to env:PRODUCTION_DSN`,
		Args: none,
		RunE: runCopy,
	}
	flags := cmd.Flags()
	flags.String("to", "", "where the data shall be: a database")
	flags.StringArray("to-config", nil, "configuration file, with the environment over it, whose databases shall have the data; repeat for several, later ones win")
	flags.Bool("replace", false, "remove what the target holds")
	flags.Bool("thaw", false, "let the source take writes again at the end: a rehearsal, as the target lacks what is written then")
	return cmd
}

func runCopy(cmd *cobra.Command, _ []string) error {
	from, err := dataSource(cmd)
	if err != nil {
		return err
	}
	to, err := dataTarget(cmd)
	if err != nil {
		return err
	}
	bar := &phases{out: cmd.ErrOrStderr()}
	o := app.CopyOptions{Progress: bar.at}
	o.Replace, _ = cmd.Flags().GetBool("replace")
	o.Thaw, _ = cmd.Flags().GetBool("thaw")
	done, err := app.CopyData(cmd.Context(), from, to, o)
	bar.leave()
	if err != nil {
		return err
	}
	err = show(cmd, done, func(w io.Writer) {
		if done.Already {
			return
		}
		_, _ = fmt.Fprintln(w, "DATABASE\tTABLE\tROWS\tDIGEST")
		for _, t := range done.Tables {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%.12s\n", t.Database, t.Table, t.Rows, t.Digest)
		}
	})
	if err != nil {
		return err
	}
	if done.Already {
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "There is nothing to copy: the target was made equal before, and the source has been held still since.")
		return err
	}
	took := time.Duration(done.Frozen * float64(time.Second)).Round(time.Millisecond)
	next := "The source still refuses writes. Start servers on the target; `gatehouse data thaw` takes it back."
	if done.Thawed {
		next = "The source takes writes again, which the target lacks."
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "Both sides are equal. The source was held still for %s. %s\n", took, next)
	return err
}

// phases says how far a copy is.
type phases struct {
	out   io.Writer
	phase string
	bar   *progress
	rows  int64
}

func (p *phases) at(phase string, rows, of int64) {
	if phase != p.phase {
		p.leave()
		p.phase = phase
		if of > 0 {
			p.bar = newProgress(p.out, phase, of, 0)
		} else {
			_, _ = fmt.Fprintln(p.out, phase)
		}
	}
	if p.bar != nil {
		p.rows = rows
		p.bar.at(min(rows, of), p.note())
	}
}

func (p *phases) note() string { return fmt.Sprintf("%d rows", p.rows) }

// leave says the last word of a phase.
func (p *phases) leave() {
	if p.bar != nil {
		p.bar.end(min(p.rows, p.bar.total), p.note())
	}
	p.bar = nil
}

func freezeData() *cobra.Command {
	cmd := &cobra.Command{
		Use: "freeze", Short: "Have every server refuse writes, with 503 and Retry-After; reads go on",
		Long: `Have every server on the same databases refuse writes until "gatehouse data thaw", and return when each has said that it does and
that what it had begun is over. One that says nothing, because it was killed, halted or cut off, is given 25 seconds: by then it writes no
more, also when it goes on later.
` + dataHelp,
		Example: "  gatehouse data freeze --from http://127.0.0.1:4445 --why \"moving to another data centre\"",
		Args:    none,
	}
	why := cmd.Flags().String("why", "asked for by gatehouse data freeze", "what logs and the health endpoint say of it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return showData(cmd, func(from app.DataSource) (any, error) { return app.FreezeData(cmd.Context(), from, *why) })
	}
	return cmd
}

func thawData() *cobra.Command {
	return &cobra.Command{
		Use: "thaw", Short: "Have every server take writes again",
		Long: `Have every server on the same databases take writes again. After a copy, what is written here is not at the target: thaw to
go back, not to go on.
` + dataHelp,
		Example: "  gatehouse data thaw --from http://127.0.0.1:4445",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showData(cmd, func(from app.DataSource) (any, error) { return app.ThawData(cmd.Context(), from) })
		},
	}
}

func dataStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how much there is, and whether writes are refused",
		Long:    "Say how many rows there are, whether writes are refused, and whether a copy into these databases has not ended.\n" + dataHelp,
		Example: "  gatehouse data status --from-config old.yaml",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showData(cmd, func(from app.DataSource) (any, error) { return app.DataState(cmd.Context(), from) })
		},
	}
}

var dataColumns = []column{
	{title: "ID", field: "id"}, {title: "ROWS", field: "rows"}, {title: "FROZEN", field: "frozen"}, {title: "SINCE", field: "frozen_since"},
	{title: "ARRIVING FROM", field: "arriving"},
}

func showData(cmd *cobra.Command, do func(from app.DataSource) (any, error)) error {
	from, err := dataSource(cmd)
	if err != nil {
		return err
	}
	state, err := do(from)
	if err != nil {
		return err
	}
	d, err := encoded(state)
	if err != nil {
		return err
	}
	return showOne(cmd, dataColumns, d)
}

// encoded is a value as its JSON reads.
func encoded(v any) (d document, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return d, apiclient.Decode(bytes.NewReader(text), &d)
}

// dataSource reads --from and --from-config.
func dataSource(cmd *cobra.Command) (s app.DataSource, err error) {
	place, _ := cmd.Flags().GetString("from")
	files, _ := cmd.Flags().GetStringArray("from-config")
	if (place == "") == (len(files) == 0) {
		return s, usageError{errors.New("where is the data? Name it with one of --from and --from-config"), cmd.CommandPath()}
	}
	if strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "unix:") {
		s.Server, err = dataServer(cmd, place)
		return s, err
	}
	var cfg *config.Config
	if place != "" {
		cfg, err = placed(cmd, "--from", place)
	} else {
		environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GATEHOUSE_DATABASES_") })
		cfg, err = config.ReadDatabases(files, environ)
	}
	if err != nil {
		return s, err
	}
	if inMemory(cfg) {
		return s, errors.New("the source is in the memory of its server: name that with --from http://127.0.0.1:4445")
	}
	s.Databases = &cfg.Databases
	return s, nil
}

// dataServer is a running server's admin API. An export takes as long as it takes.
func dataServer(cmd *cobra.Command, endpoint string) (*apiclient.Server, error) {
	client, err := httpClient(cmd)
	if err != nil {
		return nil, err
	}
	client.Timeout = 0
	if endpoint, err = reach(cmd, client, "from", endpoint); err != nil {
		return nil, err
	}
	key, err := adminKey(cmd)
	return &apiclient.Server{URL: endpoint, Key: secret.String(key), HTTP: client}, err
}

// dataTarget reads --to and --to-config.
func dataTarget(cmd *cobra.Command) (*config.Config, error) {
	place, _ := cmd.Flags().GetString("to")
	files, _ := cmd.Flags().GetStringArray("to-config")
	switch {
	case (place == "") == (len(files) == 0):
		return nil, usageError{errors.New("where shall the data be? Name it with one of --to and --to-config"), cmd.CommandPath()}
	case place != "":
		return placed(cmd, "--to", place)
	default:
		return config.ReadData(files, os.Environ())
	}
}

// placed is the configuration that has the one address of a database. No message repeats it.
func placed(cmd *cobra.Command, flag, place string) (*config.Config, error) {
	dsn := place
	if name, ok := strings.CutPrefix(place, "env:"); ok {
		if dsn = os.Getenv(name); dsn == "" {
			return nil, fmt.Errorf("%s: the environment variable %s is empty", flag, name)
		}
	} else if path, ok := strings.CutPrefix(place, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		dsn = strings.TrimSpace(string(content))
	} else if config.DSN(place).Redacted() != place {
		return nil, usageError{fmt.Errorf("%s may hold a password, which every user of this machine could read: put the address into an environment variable or a file, and write %s env:NAME or %s file:PATH", flag, flag, flag), cmd.CommandPath()}
	}
	cfg, err := config.Read(nil, []string{"GATEHOUSE_DATABASES_DSN=" + dsn})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return cfg, nil
}

func inMemory(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Databases.All(), func(l config.Logical) bool { return l.DSN.Memory() })
}
