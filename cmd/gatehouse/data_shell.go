package main

import (
	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func dataShell() *cobra.Command {
	cmd := &cobra.Command{
		Use: "shell [-- ARGUMENT…]", Short: "Open the database's own client on a database of the configuration",
		Long: `Open psql, mariadb (or mysql) or sqlite3 on a database of the configuration, with its TLS settings. The password goes by a file
that only you can read and that is removed at the end: it is neither among the arguments nor in the environment.

The client may only read. With --write it may change what is there, of which servers that run hear nothing: they may go on giving
out what they remember for some minutes, and nothing of it is in the activity log. What follows -- is for the client.`,
		Example: `  gatehouse data shell -c gatehouse.yaml
  gatehouse data shell -c gatehouse.yaml --database oauth -- -c "SELECT COUNT(*) FROM oauth_token"
  gatehouse data shell -c gatehouse.yaml --database management -- -e "SHOW TABLES"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, config.ReadDatabases)
			if err != nil {
				return err
			}
			o := app.ShellOptions{Args: args, In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()}
			o.Database, _ = cmd.Flags().GetString("database")
			o.Write, _ = cmd.Flags().GetBool("write")
			return app.Shell(cmd.Context(), cfg, o)
		},
	}
	addConfigFlag(cmd)
	cmd.Flags().String("database", "management", "which one: management, oauth, activity or flow")
	cmd.Flags().Bool("write", false, "let the client change what is there")
	return cmd
}
