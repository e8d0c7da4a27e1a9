package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker at release (`-X main.version=…`); a build without it says so.
var version = "unreleased"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with what it touches as arguments, so that tests can start the command inside their own process.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end. Who sends a second one does not want to wait for it.
	defer context.AfterFunc(ctx, stop)()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var other couldNotRun
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "gatehouse: %s\nRun `%s --help` for what it takes.\n", legible(err), usage.command)
		return 2
	case errors.As(err, &other):
		fmt.Fprintf(errs, "gatehouse: %s\n", legible(err))
		return 2
	default:
		fmt.Fprintf(errs, "gatehouse: %s\n", legible(err))
		return 1
	}
}

func newRoot() *cobra.Command {
	root := group("gatehouse", "Identity and access in one server",
		`  gatehouse serve                                   start a development server with its data in ./data
  gatehouse clients create --grant-type client_credentials --scope read
  gatehouse perform client-credentials --client-id ID --scope read`,
		serveCommand(), provisionCommand(), migrateCommand(), configCommand(), keysCommand(), adminCommand(), dataCommand(), backupCommand(), clientsCommand(), identitiesCommand(), rulesCommand(), tenantsCommand(), activityCommand(), courierCommand(), introspectCommand(),
		hardenCommand(), chartCommand(), performCommand(), versionCommand(), completionCommand())
	root.Long = `Gatehouse is identity and access in one server: people sign in, applications get OAuth 2.0 and
OpenID Connect tokens, requests are let through or turned away.

serve, provision, migrate, config and admin work with a configuration file, data with two places. clients, identities, rules,
tenants, activity, courier, keys and introspect speak to the admin API of a running server, whose address is --endpoint. harden does
either, or reads Kubernetes manifests. perform plays an application.

Exit status: 0 done, 1 failed (standard error says why), 2 wrong usage.`
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{err, cmd.CommandPath()} })
	return root
}

// group is a command that only holds others.
func group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// helpCommand is cobra's, but fails where there is nothing to help with.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]...", Short: "Explain a command", Example: "  gatehouse help clients create",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if found == nil || err != nil {
				found, rest = cmd.Root(), args
			}
			if len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			return found.Help()
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Example: "  gatehouse version",
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version)
			return err
		},
	}
}

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Print a script with which your shell completes this command",
		Example: "  source <(gatehouse completion bash)\n  gatehouse completion fish > ~/.config/fish/completions/gatehouse.fish",
		Args:    exactly("bash, zsh, fish or powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			default:
				return usageError{fmt.Errorf("no completion for %q: known are bash, zsh, fish, powershell", args[0]), cmd.CommandPath()}
			}
		},
	}
}
