package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
)

const hardenPath = "/admin/harden"

// couldNotRun is an error of a command whose status 1 says something else.
type couldNotRun struct{ error }

func (e couldNotRun) Unwrap() error { return e.error }

// reportFormat is the value of --format of a report.
type reportFormat string

// String implements pflag.Value.
func (f *reportFormat) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *reportFormat) Type() string { return "format" }

// Set implements pflag.Value.
func (f *reportFormat) Set(s string) error {
	if !slices.Contains(app.HardenFormats(), s) {
		return fmt.Errorf("known are %s", strings.Join(app.HardenFormats(), ", "))
	}
	*f = reportFormat(s)
	return nil
}

func hardenCommand() *cobra.Command {
	format := reportFormat("text")
	cmd := &cobra.Command{
		Use: "harden", Short: "Say what about an installation is unsafe, why, and how to mend it",
		Long: `Check a configuration (-c and the environment), a running server (--endpoint) or Kubernetes manifests (--manifests) against one
table of checks. Each finding says what is where, why that is unsafe and which setting mends it; the open ports are listed with what
protects them. docs/hardening.md is the same table with more words.

Only a running server knows its clients, replicas, connections and backups: what could not be looked at is listed as not checked.
What is to stay as it is, is accepted with a reason by harden.accept in the configuration, or by an annotation of a manifest's object.
A server in the production profile does not start with a critical finding of its configuration that is not accepted.

Exit status: 0 nothing is as bad as --fail-on, 1 something is, 2 the check could not run.`,
		Example: `  gatehouse harden -c gatehouse.yaml
  gatehouse harden -c gatehouse.yaml --profile production
  gatehouse harden --endpoint https://admin.example.com:4445 --format sarif > findings.sarif
  cat rendered.yaml | gatehouse harden --manifests - --fail-on medium
  gatehouse harden --explain secret-weak`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return runHarden(cmd, string(format)) },
	}
	addConfigFlag(cmd)
	addEndpointFlags(cmd)
	f := cmd.Flags()
	f.String("manifests", "", "file of Kubernetes manifests to check, - for standard input")
	f.String("profile", "", "judge a configuration as this profile, whatever it says: production or development")
	f.StringSlice("only", nil, "run only these checks, by their ids")
	f.String("fail-on", "high", "least severity that makes the exit status 1: critical, high, medium, low, info")
	f.Var(&format, "format", "how to print: "+strings.Join(app.HardenFormats(), ", "))
	f.String("explain", "", "explain this check and check nothing")
	f.Bool("list", false, "list all checks and check nothing")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(app.HardenFormats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runHarden(cmd *cobra.Command, format string) error {
	f, out := cmd.Flags(), cmd.OutOrStdout()
	if list, _ := f.GetBool("list"); list {
		return app.HardenList(out)
	}
	if id, _ := f.GetString("explain"); id != "" {
		if err := app.HardenExplain(out, id); err != nil {
			return usageError{err, cmd.CommandPath()}
		}
		return nil
	}
	o := app.HardenOptions{Environ: os.Environ(), Format: format, Version: version}
	o.Files, _ = f.GetStringArray("config")
	o.Only, _ = f.GetStringSlice("only")
	o.FailOn, _ = f.GetString("fail-on")
	o.Profile, _ = f.GetString("profile")
	if err := o.Validate(); err != nil {
		return usageError{err, cmd.CommandPath()}
	}
	if f.Changed("manifests") && (f.Changed("endpoint") || f.Changed("config")) || f.Changed("endpoint") && f.Changed("config") {
		return usageError{errors.New("--config, --endpoint and --manifests do not go together: call it once for each"), cmd.CommandPath()}
	}
	if err := hardenWhat(cmd, &o); err != nil {
		return couldNotRun{err}
	}
	err := app.Harden(cmd.Context(), o, out)
	if err != nil && !errors.Is(err, app.ErrFindings) {
		return couldNotRun{err}
	}
	return err
}

// hardenWhat opens what the flags name.
func hardenWhat(cmd *cobra.Command, o *app.HardenOptions) error {
	f := cmd.Flags()
	if name, _ := f.GetString("manifests"); name != "" {
		o.Manifests = cmd.InOrStdin()
		if name != "-" {
			content, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("--manifests: %w", err)
			}
			o.Manifests = strings.NewReader(string(content))
		}
		return nil
	}
	if !f.Changed("endpoint") {
		return nil
	}
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	o.Endpoint = a.endpoint
	o.Server = func(ctx context.Context, into any) error {
		_, err := a.send(ctx, http.MethodGet, hardenPath, nil, into)
		return err
	}
	return nil
}
