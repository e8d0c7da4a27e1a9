package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func checkRules() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check FILE...", Short: "Check files of rules without a server, before they are put into use",
		Long: `Checks files of rules, or directories with such files, together: their form, their patterns, the settings of their handlers
as a configuration completes them, and whether one request can match two of them. No server is asked; ` + "`gatehouse rules apply\n--dry-run`" + ` also knows the rules that a server has already.`,
		Example: `  gatehouse rules check rules.yaml -c gatehouse.yaml
  gatehouse rules check rules/`,
		Args: several("the files' or directories' names, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, config.Read)
			if err != nil {
				return err
			}
			files, err := ruleFiles(args)
			if err != nil {
				return err
			}
			var documents []app.RuleDocument
			for _, name := range files {
				content, err := readInput(cmd, name)
				if err != nil {
					return err
				}
				documents = append(documents, app.RuleDocument{Name: name, Content: content})
			}
			n, notes, err := app.CheckRules(cmd.Context(), cfg, documents)
			if err != nil {
				printLines(cmd, strings.Split(err.Error(), "\n"))
				return errors.New("the rules are not valid")
			}
			printLines(cmd, notes)
			text := fmt.Sprintf("%d rules are valid", n)
			if n == 1 {
				text = "1 rule is valid"
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	addConfigFlag(cmd)
	return cmd
}

func printLines(cmd *cobra.Command, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(cmd.ErrOrStderr(), printable(line))
	}
}
