package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

const triedTenants = 10

func drillBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drill", Short: "Prove that a backup restores: try it in scratch databases, and remove them",
		Long: `Restore the newest backup, or the one that is meant, into scratch databases; start a server on them inside this command, which listens
nowhere; have an application get tokens there and somebody sign in, for each tenant; and remove the databases. How long it took until
what was restored served is how long a restore takes.

Nothing reaches beyond the scratch databases: no mail is sent, no web hook called, nothing exported, and the installation's own
databases are not needed. What is needed is the backup's private key, and a configuration with secrets.system, backup.destinations,
and what a server on the data needs besides: the schemas of identities, the tenants. Its servers learn of the drill by a small file
beside the backups, and show it in their metrics, their activity log and to gatehouse harden.

The scratch databases are SQLite files, in a directory of their own that only this user may enter, with room for about three times what
the backup holds; or one database, gatehouse_drill_…, on a server, whose login may make databases. What a drill that was killed left
in the same place, the next one removes. --scratch says where:
  /var/tmp                    a directory; otherwise it is that for temporary files
  env:NAME                    the address of a database of the server, to sign in to, in that environment variable
  file:PATH                   such an address, in that file
  postgres://drill@db/postgres  such an address without a password: every user of this machine can read the arguments of programs`,
		Example: `  gatehouse backup drill -c gatehouse.yaml --identity backup.key
  gatehouse backup drill -c gatehouse.yaml --identity backup.key --destination offsite --before 2026-03-01T12:00:00Z
  gatehouse backup drill -c gatehouse.yaml --identity backup.key --scratch /var/tmp --format json
  gatehouse backup drill -c gatehouse.yaml --identity backup.key --scratch env:SCRATCH_DSN`,
		Args: none,
		RunE: runDrill,
	}
	addWantedFlags(cmd)
	flags := cmd.Flags()
	flags.String("scratch", "", "where the scratch databases are made: a directory, or a database server; otherwise the directory for temporary files")
	flags.Int("tenants", triedTenants, "how many tenants are tried at most, the default one first")
	flags.Bool("record", true, "tell the servers of the drill, by a file at each destination")
	return cmd
}

func runDrill(cmd *cobra.Command, _ []string) error {
	w, identity, err := wanted(cmd)
	if err != nil {
		return err
	}
	o, err := drillOptions(cmd)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(cmd, config.Load)
	if err != nil {
		return err
	}
	errs := cmd.ErrOrStderr()
	bar := &phases{out: errs}
	o.Progress = bar.at
	o.Note = func(what string) { _, _ = fmt.Fprintln(errs, "Note: "+what) }
	o.Done = func(s app.DrillStep) {
		bar.leave()
		_, _ = fmt.Fprintln(errs, stepLine(s))
	}
	done, err := app.DrillBackup(cmd.Context(), cfg, w, identity, o)
	bar.leave()
	if done == nil {
		return err
	}
	return errors.Join(err, showDrill(cmd, done))
}

func drillOptions(cmd *cobra.Command) (o app.DrillOptions, err error) {
	flags := cmd.Flags()
	o.Version = version
	o.Record, _ = flags.GetBool("record")
	if o.Tenants, _ = flags.GetInt("tenants"); o.Tenants < 1 {
		return o, usageError{errors.New("--tenants is 1 or more"), cmd.CommandPath()}
	}
	place, _ := flags.GetString("scratch")
	if !strings.HasPrefix(place, "env:") && !strings.HasPrefix(place, "file:") && !strings.Contains(place, "://") {
		o.Scratch = place
		return o, nil
	}
	cfg, err := placed(cmd, "--scratch", place)
	if err == nil {
		o.Server = cfg.Databases.DSN
	}
	return o, err
}

// stepLine is a step as it is told while others follow.
func stepLine(s app.DrillStep) string {
	line := fmt.Sprintf("%-7s %s, %s", s.Outcome, s.Name, time.Duration(s.Millis)*time.Millisecond)
	if s.Tenant != "" {
		line = fmt.Sprintf("%-7s tenant %s: %s, %s", s.Outcome, s.Tenant, s.Name, time.Duration(s.Millis)*time.Millisecond)
	}
	if s.Detail != "" {
		line += ": " + printable(s.Detail)
	}
	return line
}

// showDrill prints the report. Errors of several lines are on one line here.
func showDrill(cmd *cobra.Command, done *app.Drilled) error {
	shown, err := encoded(done)
	if err != nil {
		return err
	}
	return show(cmd, shown, func(w io.Writer) {
		rows(w, drillColumns, shown)
		_, _ = fmt.Fprintln(w, "\nOUTCOME\tTENANT\tSTEP\tMILLISECONDS\tDETAIL")
		for _, s := range done.Steps {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", s.Outcome, s.Tenant, s.Name, s.Millis, printable(s.Detail))
		}
	})
}

var drillColumns = []column{
	{title: "BACKUP", field: "backup"}, {title: "OF", field: "created_at"}, {title: "DESTINATION", field: "destination"}, {title: "ROWS", field: "rows"},
	{title: "FILES", field: "files"}, {title: "BYTES", field: "bytes"}, {title: "SCRATCH", field: "scratch"}, {title: "TENANTS", field: "tenants"},
	{title: "OK", field: "ok"}, {title: "RESTORED IN MILLISECONDS", field: "restored_millis"}, {title: "RECORDED AT", field: "recorded"},
}
