package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func backupCommand() *cobra.Command {
	cmd := group("backup", "Make, list, check, drill, restore and prune backups",
		`  gatehouse backup create -c gatehouse.yaml
  gatehouse backup list -c gatehouse.yaml
  gatehouse backup verify -c gatehouse.yaml --identity backup.key
  gatehouse backup drill -c gatehouse.yaml --identity backup.key
  gatehouse backup restore -c gatehouse.yaml --identity backup.key`,
		createBackup(), listBackups(), verifyBackup(), drillBackup(), restoreBackup(), pruneBackups())
	cmd.Long = `Make, list, check, drill and restore backups: all that the databases hold, encrypted with age for the public keys in backup.recipients, in
every place of backup.destinations. The private key that opens them is given to the commands that read backups, and to no server:
age-keygen -o backup.key makes a pair. A backup does not hold the secrets of the configuration, without which its data cannot be
opened: keep secrets.system elsewhere, and safe.`
	addConfigFlag(cmd)
	addFormatFlag(cmd)
	return cmd
}

var backupColumns = []column{
	{title: "BACKUP", field: "id"}, {title: "KIND", field: "kind"}, {title: "ROWS", field: "rows"}, {title: "BYTES", field: "bytes"},
	{title: "MILLISECONDS", field: "millis"}, {title: "DESTINATIONS", field: "destinations"}, {title: "FAULT", field: "fault"},
}

func createBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "Make a backup in all destinations, while servers serve",
		Long: `Make a backup: one state of each database, while servers go on writing. It is incremental where a full one is young enough and
every destination has it; an incremental one holds what has changed since the one before.

A destination that fails does not keep the others from getting the backup; the exit status is 1 then all the same.

SQLite files belong to the server that has them open, and what is in memory to its process: such a server is read by its
admin API, which --from names. An admin key is read from GATEHOUSE_ADMIN_KEY.`,
		Example: `  gatehouse backup create -c gatehouse.yaml
  gatehouse backup create -c gatehouse.yaml --full
  gatehouse backup create -c gatehouse.yaml --from http://127.0.0.1:4445`,
		Args: none,
		RunE: runCreateBackup,
	}
	flags := cmd.Flags()
	flags.Bool("full", false, "make a full one, whatever there is")
	flags.String("from", "", "admin API of a running server to read, or unix:/path of its socket; otherwise the databases of the configuration are read")
	flags.String("client-cert", "", "PEM file of a client certificate that opens the admin API, with its chain")
	flags.String("client-key", "", "PEM file of that certificate's private key")
	addTLSFlag(cmd)
	return cmd
}

func runCreateBackup(cmd *cobra.Command, _ []string) error {
	cfg, err := loadConfig(cmd, config.Load)
	if err != nil {
		return err
	}
	bar := &phases{out: cmd.ErrOrStderr()}
	o := app.BackupOptions{
		Version: version, Progress: func(rows, of int64) { bar.at("reading", rows, of) },
		Warn: func(what string) { _, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Note: "+what) },
	}
	o.Full, _ = cmd.Flags().GetBool("full")
	if from, _ := cmd.Flags().GetString("from"); from != "" {
		if o.From, err = dataServer(cmd, from); err != nil {
			return err
		}
	}
	made, err := app.CreateBackup(cmd.Context(), cfg, o)
	bar.leave()
	if made == nil {
		return err
	}
	if made.Why != "" {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "A full backup was made: %s.\n", made.Why)
	}
	shown, e := documentOf(made)
	if e == nil {
		e = showOne(cmd, backupColumns, shown)
	}
	return errors.Join(err, e)
}

// documentOf is a value as it is printed, with the size where tables show it.
func documentOf(v any) (document, error) {
	d, err := encoded(v)
	if data, ok := d["data"].(map[string]any); ok && d["bytes"] == nil {
		d["bytes"] = data["size"]
	}
	return d, err
}

func listBackups() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the backups of all destinations, the newest first",
		Long: `List the backups of all destinations, the newest first, and which destinations have all that is needed to restore them. Only manifests
are read; what is wrong with the files themselves is found by gatehouse backup verify.`,
		Example: "  gatehouse backup list -c gatehouse.yaml\n  gatehouse backup list -c gatehouse.yaml --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, config.Load)
			if err != nil {
				return err
			}
			all, failed := app.ListBackups(cmd.Context(), cfg)
			if failed != nil && len(all) == 0 {
				return failed
			}
			shown := make([]document, len(all))
			for i, one := range all {
				if shown[i], err = documentOf(one); err != nil {
					return err
				}
			}
			return errors.Join(showList(cmd, backupColumns, shown), failed)
		},
	}
}

func pruneBackups() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove the backups that backup.keep does not keep",
		Long: `Remove the backups that backup.keep does not keep, from each destination by itself, and what backups that were never finished left
behind two days ago. What a kept backup builds on stays, and so does the last good one of each destination.`,
		Example: "  gatehouse backup prune -c gatehouse.yaml --dry-run\n  gatehouse backup prune -c gatehouse.yaml",
		Args:    none,
	}
	dry := cmd.Flags().Bool("dry-run", false, "say what would be removed, and remove nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(cmd, config.Load)
		if err != nil {
			return err
		}
		done, failed := app.PruneBackups(cmd.Context(), cfg, *dry, func(what string) { _, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Note: "+what) })
		shown := make([]document, len(done))
		for i, one := range done {
			if shown[i], err = encoded(one); err != nil {
				return err
			}
		}
		return errors.Join(showList(cmd, []column{{title: "BACKUP", field: "id"}, {title: "DESTINATION", field: "destination"}}, shown), failed)
	}
	return cmd
}

// addWantedFlags adds the flags that say which backup is meant and what opens it.
func addWantedFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("identity", "", "file with the private key, as age-keygen writes it; - is standard input")
	flags.String("id", "", "the backup; otherwise the newest")
	flags.String("before", "", "the newest backup of this time or earlier, such as 2026-03-01T12:00:00Z")
	flags.String("destination", "", "where to read it; otherwise the first that has all of it")
}

// wanted reads the flags of addWantedFlags.
func wanted(cmd *cobra.Command) (w app.BackupWanted, identity []byte, err error) {
	flags := cmd.Flags()
	w.ID, _ = flags.GetString("id")
	w.Destination, _ = flags.GetString("destination")
	before, _ := flags.GetString("before")
	if before != "" {
		if w.Before, err = time.Parse(time.RFC3339, before); err != nil {
			return w, nil, usageError{fmt.Errorf("--before: %q is no time such as 2026-03-01T12:00:00Z", before), cmd.CommandPath()}
		}
	}
	if w.ID != "" && before != "" {
		return w, nil, usageError{errors.New("--id and --before exclude one another"), cmd.CommandPath()}
	}
	path, _ := flags.GetString("identity")
	switch path {
	case "":
		return w, nil, usageError{errors.New("what opens the backup? Name the file of the private key with --identity"), cmd.CommandPath()}
	case "-":
		identity, err = io.ReadAll(cmd.InOrStdin())
	default:
		identity, err = os.ReadFile(path)
	}
	if err != nil {
		return w, nil, fmt.Errorf("--identity: %w", err)
	}
	return w, identity, nil
}

func verifyBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Read a backup as a whole and hold every row against its digests",
		Long: `Read a backup, with all that it builds on, and hold every row against its digests. No database is needed or touched. Whether what was
restored works too is shown by gatehouse backup drill.`,
		Example: `  gatehouse backup verify -c gatehouse.yaml --identity backup.key
  gatehouse backup verify -c gatehouse.yaml --identity backup.key --destination offsite`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, identity, err := wanted(cmd)
			if err != nil {
				return err
			}
			cfg, err := loadConfig(cmd, config.Load)
			if err != nil {
				return err
			}
			bar := &phases{out: cmd.ErrOrStderr()}
			done, err := app.VerifyBackup(cmd.Context(), cfg, w, identity, func(rows, of int64) { bar.at("verifying", rows, of) })
			bar.leave()
			if err != nil {
				return err
			}
			shown, err := documentOf(done)
			if err != nil {
				return err
			}
			return showOne(cmd, readColumns, shown)
		},
	}
	addWantedFlags(cmd)
	return cmd
}

var readColumns = []column{
	{title: "BACKUP", field: "id"}, {title: "OF", field: "created_at"}, {title: "DESTINATION", field: "destination"}, {title: "ROWS", field: "rows"},
	{title: "FILES", field: "files"}, {title: "BYTES", field: "bytes"},
}

func restoreBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore", Short: "Give the databases of a configuration the content of a backup",
		Long: `Give the databases of a configuration the content of a backup, whatever kind of database it was made from. They are empty, or all that
they hold is removed with --replace; no server may run on them. The configuration has the secrets that the data is sealed with.

The backup is read as a whole and checked before anything is written. Until it is restored as a whole, no server starts on the
databases; after a failure, or a kill, the same command goes on. In the end the schema is brought up to date.

The state is that of the backup: what was revoked, changed or deleted since then is not.`,
		Example: `  gatehouse backup restore -c gatehouse.yaml --identity backup.key
  gatehouse backup restore -c gatehouse.yaml --identity backup.key --before 2026-03-01T12:00:00Z --replace`,
		Args: none,
		RunE: runRestore,
	}
	addWantedFlags(cmd)
	cmd.Flags().Bool("replace", false, "remove what the databases hold")
	return cmd
}

func runRestore(cmd *cobra.Command, _ []string) error {
	w, identity, err := wanted(cmd)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(cmd, config.Load)
	if err != nil {
		return err
	}
	if inMemory(cfg) {
		return errors.New("the configuration's databases are in memory, which ends with this command: set databases.dsn")
	}
	bar := &phases{out: cmd.ErrOrStderr()}
	o := app.RestoreOptions{Progress: bar.at}
	o.Replace, _ = cmd.Flags().GetBool("replace")
	done, err := app.RestoreBackup(cmd.Context(), cfg, w, identity, o)
	bar.leave()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "The databases hold what was there at %s.\n", done.CreatedAt.Format(time.RFC3339))
	shown, err := documentOf(done)
	if err != nil {
		return err
	}
	return showOne(cmd, readColumns, shown)
}
