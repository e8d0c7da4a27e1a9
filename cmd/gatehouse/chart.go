package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-iam/gatehouse/internal/app"
)

func chartCommand() *cobra.Command {
	return group("chart", "Work with values of the Helm chart", "  gatehouse chart values --from kyma-overrides.yaml > values.yaml", chartValues())
}

func chartValues() *cobra.Command {
	var from []string
	kind := chartKind("")
	cmd := &cobra.Command{
		Use: "values --from FILE...", Short: "Print values of this chart, made of another chart's",
		Long: `Reads values of another chart and prints those of deploy/chart/gatehouse: overrides of Kyma's OAuth2 server (ConfigMaps and Secrets,
or values), of Ory's charts hydra, kratos and oathkeeper, of Cloudentity's acp, and of openZro's. Several files are merged; files of
different charts become one installation.

What has an equal is carried over. A secret becomes a reference to a Secret, and a comment says how to make that; no secret is printed.
What has no equal is listed in comments with the reason. Read them before you install.`,
		Example: `  gatehouse chart values --from ory-overrides.yaml --from ory-overrides-secrets.yaml > values.yaml
  gatehouse chart values --from hydra.yaml --from kratos.yaml --from oathkeeper.yaml > values.yaml
  helm get values acp -o yaml | gatehouse chart values --from - --kind cloudentity > values.yaml`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(from) == 0 {
				return usageError{fmt.Errorf("--from is missing: a file of another chart's values, or -"), cmd.CommandPath()}
			}
			var sources []app.ChartSource
			for _, name := range from {
				content, err := readInput(cmd, name)
				if err != nil {
					return fmt.Errorf("--from: %w", err)
				}
				sources = append(sources, app.ChartSource{Name: name, Text: content})
			}
			v, err := app.ChartValues(sources, string(kind))
			if err != nil {
				return err
			}
			for _, line := range v.Remarks {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace("# "+line)); err != nil {
					return err
				}
			}
			encoder := yaml.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent(2)
			if err := encoder.Encode(v.Tree); err != nil {
				return err
			}
			return encoder.Close()
		},
	}
	cmd.Flags().StringArrayVar(&from, "from", nil, "file of another chart's values, - for standard input; may be given several times")
	cmd.Flags().Var(&kind, "kind", "what the files are, where that is not found out: "+strings.Join(app.ChartKinds(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(app.ChartKinds(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// chartKind is the value of --kind.
type chartKind string

// String implements pflag.Value.
func (k *chartKind) String() string { return string(*k) }

// Type implements pflag.Value.
func (k *chartKind) Type() string { return "kind" }

// Set implements pflag.Value.
func (k *chartKind) Set(s string) error {
	if !slices.Contains(app.ChartKinds(), s) {
		return fmt.Errorf("known are %s", strings.Join(app.ChartKinds(), ", "))
	}
	*k = chartKind(s)
	return nil
}
