package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func addConfigFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringArrayP("config", "c", nil, "configuration file (YAML); repeat for several, later ones win")
}

// loadConfig reads the files that -c names and the environment over them. load is config.Load, config.Read for those who only
// want to look, or config.ReadDatabases for those who work on databases.
func loadConfig(cmd *cobra.Command, load func(files, environ []string) (*config.Config, error)) (*config.Config, error) {
	files, err := cmd.Flags().GetStringArray("config")
	if err != nil {
		return nil, err
	}
	return load(files, os.Environ())
}

// judged is load, but tells of everything at once that keeps a server from starting: what is not valid, and what package harden calls
// critical in production.
func judged(load func(files, environ []string) (*config.Config, error)) func(files, environ []string) (*config.Config, error) {
	return func(files, environ []string) (*config.Config, error) {
		draft, faults := config.Draft(files, environ)
		if faults = append(faults, draft.Critical(time.Now(), faults)...); len(faults) > 0 {
			return nil, faults
		}
		return load(files, environ)
	}
}

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Start the server",
		Long: `Start the server and run until it is told to stop (SIGTERM or Ctrl-C); what is in flight is finished first, for at
most 30 s. A second signal ends it at once.

Without a configuration it runs the development profile: embedded SQLite in ./data, public listener on 127.0.0.1:4444, admin
listener on 127.0.0.1:4445. For anything but trying it out, set profile: production.`,
		Example: `  gatehouse serve
  gatehouse serve -c gatehouse.yaml
  GATEHOUSE_DATABASES_DSN=postgres://… gatehouse serve -c gatehouse.yaml`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, judged(config.Load))
			if err != nil {
				return err
			}
			server, err := app.New(cmd.Context(), cfg, version)
			if err != nil {
				return err
			}
			return server.Run(cmd.Context(), func() { welcome(cmd.OutOrStdout(), cfg, server, os.Args[0]) })
		},
	}
	addConfigFlag(cmd)
	return cmd
}

// welcome tells a newcomer where the server is and what to do next. In production there is nobody to read it.
func welcome(w io.Writer, cfg *config.Config, server *app.App, program string) {
	if !server.Development() {
		return
	}
	if found, err := exec.LookPath("gatehouse"); err == nil && found != "" {
		program = "gatehouse" // otherwise as it was called: bin/gatehouse
	}
	guard := "without a key"
	if len(cfg.Secrets.Admin) > 0 {
		guard = "with a key, from " + adminKeyVariable
	}
	admin, at, issuer := strings.TrimSuffix(server.AdminURL(), "/"), "", ""
	if strings.HasPrefix(cfg.Serve.Admin.Address, "unix:") {
		admin = cfg.Serve.Admin.Address
	}
	if admin != defaultEndpoint {
		at = " --endpoint " + admin
	}
	public := strings.TrimSuffix(server.PublicURL(), "/")
	if public != defaultIssuer {
		issuer = " --issuer " + public
	}
	_, _ = fmt.Fprintf(w, `
Gatehouse %s is ready (development profile).

  people   %s/account/   where they register, sign in and change their settings
  public   %s   OAuth 2.0 and OpenID Connect; try %s/.well-known/openid-configuration
  admin    %s   clients, identities, keys; %s
  data     %s
%s
Try next, in another terminal:

  %s clients create --id my-app --grant-type client_credentials --scope read%s
  %s=… %s perform client-credentials --client-id my-app --scope read%s

Stop with Ctrl-C.

`, version, public, public, public, admin, guard, server.Storage(), doorsLine(server), program, at, clientSecretVariable, program, issuer)
}

// doorsLine says where the doors are; nothing where none is open.
func doorsLine(server *app.App) string {
	doors := server.DoorAddresses()
	if len(doors) == 0 {
		return ""
	}
	list := make([]string, len(doors))
	for i, d := range doors {
		list[i] = d.Name + " " + d.Address
	}
	return "  doors    " + strings.Join(list, ", ") + "\n"
}

func migrateCommand() *cobra.Command {
	cmd := group("migrate", "Prepare the databases' schema",
		"  gatehouse migrate plan -c gatehouse.yaml\n  gatehouse migrate up -c gatehouse.yaml\n  gatehouse migrate status -c gatehouse.yaml",
		migrateUp(),
		migrateStatus(),
		&cobra.Command{
			Use: "plan", Short: "Print the SQL that `up` would run, and run nothing",
			Example: "  gatehouse migrate plan -c gatehouse.yaml > review.sql",
			Args:    none,
			RunE:    migration(app.MigratePlan),
		})
	addConfigFlag(cmd)
	return cmd
}

func migrateUp() *cobra.Command {
	cmd := &cobra.Command{
		Use: "up", Short: "Bring all databases to this version's schema; safe to run from several places at once",
		Example: "  gatehouse migrate up -c gatehouse.yaml\n  gatehouse migrate up -c gatehouse.yaml --wait 2m",
		Args:    none,
		RunE: func(cmd *cobra.Command, args []string) error {
			patience, err := patienceOf(cmd)
			if err != nil {
				return err
			}
			return migration(app.MigrateUpAfter(patience))(cmd, args)
		},
	}
	addWaitFlag(cmd)
	return cmd
}

func migrateStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Say which schema each database has; exit status 1 when one is behind",
		Long: `Say which schema each database has; exit status 1 when one is behind.

With --wait it first waits until a server could start: the databases are there and let their user in, their schema is this version's, and no
copy into them is under way. What it waits for, others do; it says what is missing. With --allow-pending any older schema is good enough. With
--served-at it waits, too, while a server answers there and the databases are empty: that server has its data elsewhere.`,
		Example: "  gatehouse migrate status -c gatehouse.yaml\n  gatehouse migrate status -c gatehouse.yaml --wait 10m",
		Args:    none,
	}
	pending := cmd.Flags().Bool("allow-pending", false, "exit status 0 also where migrations are pending, for servers that migrate when they start")
	servedAt := cmd.Flags().String("served-at", "", "with --wait: host:port at which the servers on these databases answer")
	cmd.Flags().Duration("wait", 0, "how long to wait until a server could start on the databases")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		patience, err := patienceOf(cmd)
		if err != nil {
			return err
		}
		if patience > 0 {
			if err := migration(app.AwaitDatabases(app.AwaitOptions{Patience: patience, Unmigrated: *pending, ServedAt: *servedAt}))(cmd, args); err != nil {
				return err
			}
		}
		err = migration(app.MigrateStatus)(cmd, args)
		if *pending && errors.Is(err, app.ErrPending) {
			return nil
		}
		return err
	}
	return cmd
}

func addWaitFlag(cmd *cobra.Command) {
	cmd.Flags().Duration("wait", 0, "how long to wait for a server that nobody answers at")
}

// patienceOf reads the flag of addWaitFlag.
func patienceOf(cmd *cobra.Command) (time.Duration, error) {
	patience, _ := cmd.Flags().GetDuration("wait")
	if patience < 0 || patience > time.Hour {
		return 0, usageError{errors.New("--wait is a time up to an hour, such as 90s"), cmd.CommandPath()}
	}
	return patience, nil
}

func migration(do app.Migration) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(cmd, config.ReadDatabases)
		if err != nil {
			return err
		}
		return do(cmd.Context(), cfg, cmd.OutOrStdout())
	}
}

func configCommand() *cobra.Command {
	cmd := group("config", "Check and explain a configuration",
		"  gatehouse config validate -c gatehouse.yaml\n  gatehouse config explain -c gatehouse.yaml\n  gatehouse config schema > gatehouse.schema.json",
		&cobra.Command{
			Use: "validate", Short: "Check files, environment and the programs and templates they name; print every fault with its place",
			Example: "  gatehouse config validate -c gatehouse.yaml",
			Args:    none,
			RunE: func(cmd *cobra.Command, _ []string) error {
				cfg, err := loadConfig(cmd, judged(config.Read))
				if err != nil {
					return err
				}
				if err := cfg.CheckDocuments(); err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "The configuration is valid.")
				return err
			},
		},
		explainConfig(),
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of the configuration, for editors",
			Example: "  gatehouse config schema > gatehouse.schema.json",
			Args:    none,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := cmd.OutOrStdout().Write(config.Schema())
				return err
			},
		})
	addConfigFlag(cmd)
	return cmd
}

func explainConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain [KEY]...", Short: "Print every setting, its value and where that came from; secrets are not shown",
		Example: "  gatehouse config explain -c gatehouse.yaml\n  gatehouse config explain oauth.lifespans",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, prefixes []string) error {
			cfg, err := loadConfig(cmd, config.Read)
			if err != nil {
				return err
			}
			return explain(cmd, cfg, prefixes)
		},
	}
	addFormatFlag(cmd)
	return cmd
}
