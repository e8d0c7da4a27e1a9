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

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// errUsage marks errors of the command line, which end with status 2.
var errUsage = errors.New("usage")

func run(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // who sends a second signal does not want to wait
	root := command()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(errs, "gatehouse-controller: %v\nRun `gatehouse-controller --help` for what it takes.\n", err)
		return 2
	default:
		fmt.Fprintf(errs, "gatehouse-controller: %v\n", err)
		return 1
	}
}

func command() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "gatehouse-controller --hydra-url URL",
		Short: "Makes OAuth2Client and Rule resources true on a Gatehouse server",
		Long: `Watches OAuth2Client resources (hydra.ory.sh/v1alpha1) and keeps for each a client on a Gatehouse server, by its
admin API, and a Secret with the client's id and secret. Watches Rule resources (oathkeeper.ory.sh/v1alpha1) and keeps those
that can be in force together as one set of access rules there. Flags have the names that hydra-maester gives them.

"secrets ensure", "release" and "try" are what the chart's Jobs run.`,
		Example: `  gatehouse-controller --hydra-url https://gatehouse-admin.iam.svc --admin-key-file /etc/gatehouse/admin.key --enable-leader-election
  gatehouse-controller --hydra-url http://127.0.0.1 --kubeconfig ~/.kube/config --namespace shop
  gatehouse-controller --hydra-url https://gatehouse-admin.iam.svc --host '*.shop.example.com=shop,shop-*' --host '*=platform'`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return f.serve(cmd.Context(), cmd.ErrOrStderr())
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	f.declare(c.Flags())
	c.AddCommand(secretsCommand(), releaseCommand(), tryCommand())
	return c
}
