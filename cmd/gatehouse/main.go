package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker at release (`-X main.version=…`); a build without it says so.
var version = "development"

func main() { os.Exit(run(os.Args[1:])) }

// run is main with its exit status as a value, so that tests can start the command inside their own process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "gatehouse: %v\nRun `%s --help` for what it takes.\n", err, usage.command)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "gatehouse: %v\n", err)
		return 1
	}
}

// usageError is a call that cannot be meant: a wrong flag, a missing argument.
type usageError struct {
	error
	command string
}

// usage makes an argument check answer with a usageError, so that it exits with status 2 and points to the help.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err, cmd.CommandPath()}
		}
		return nil
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "Identity and access in one server",
		Long: `Gatehouse is identity and access in one server: people sign in, applications get OAuth 2.0 and
OpenID Connect tokens, requests are let through or turned away.`,
		Example: `  gatehouse serve                                   start a development server with its data in ./data
  gatehouse clients create --grant-type client_credentials --scope read
  gatehouse perform client-credentials --client-id ID`,
		SilenceUsage: true, SilenceErrors: true,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{err, cmd.CommandPath()} })
	root.AddCommand(serveCommand(), migrateCommand(), configCommand(), keysCommand(), clientsCommand(), introspectCommand(),
		performCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Example: "  gatehouse version",
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version)
			return err
		},
	}
}

// group is a command that only holds others.
func group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), cmd.CommandPath()}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}
