package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
)

func dataSecrets() *cobra.Command {
	cmd := &cobra.Command{
		Use: "secrets", Short: "Save the secrets that a server in memory made for itself, so that its data can outlive it",
		Long: `Write secrets.system and secrets.cookie of a running server to a configuration file that only you can read. A server whose databases
are in memory, and that was given no secrets, makes them when it starts, and nothing else has them: what is copied from it could not
be opened without them. Any other server answers that its secrets are in its configuration.

Who has the file can read and forge all that the server protects. On their way the secrets are encrypted, and the server's activity
log is told.`,
		Example: `  gatehouse data secrets --from http://127.0.0.1:4445 --to secrets.yaml
  gatehouse data copy --from http://127.0.0.1:4445 --to-config production.yaml --to-config secrets.yaml`,
		Args: none,
		RunE: runDataSecrets,
	}
	cmd.Flags().String("to", "", "file to write; it must not be there")
	return cmd
}

func runDataSecrets(cmd *cobra.Command, _ []string) error {
	from, err := dataSource(cmd)
	if err != nil {
		return err
	}
	if from.Server == nil {
		return usageError{errors.New("--from is the admin API of the running server, such as http://127.0.0.1:4445"), cmd.CommandPath()}
	}
	path, _ := cmd.Flags().GetString("to")
	if path == "" {
		return usageError{errors.New("where shall the secrets be? Name a file with --to"), cmd.CommandPath()}
	}
	// It is made first: the server tells its activity log of secrets that were taken, which they are not where they cannot be kept.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	secrets, err := app.ExportSecrets(cmd.Context(), from.Server)
	if err == nil {
		_, err = file.WriteString(secrets.Reveal())
		err = errors.Join(err, file.Sync())
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s is a configuration file: give it to the servers that shall have this server's data, with -c or in secrets.system and secrets.cookie.\n", path)
	return err
}
