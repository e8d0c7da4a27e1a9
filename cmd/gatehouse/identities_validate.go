package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func validateIdentities() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate FILE...", Short: "Check identities against the configured schemas, before they are imported",
		Long: `Check files of identities, one JSON object a line, against the identity schemas of a configuration. No server is
asked. Whether an identifier is taken, only the import can tell.`,
		Example: "  gatehouse identities validate people.jsonl -c gatehouse.yaml\n  jq -c '.[]' people.json | gatehouse identities validate -",
		Args:    several("the files' names, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, config.Read)
			if err != nil {
				return err
			}
			of, _ := cmd.Flags().GetString("tenant")
			check, err := app.IdentityValidator(cmd.Context(), cfg, of)
			if err != nil {
				return err
			}
			wrong, total := 0, 0
			for _, name := range args {
				w, n, err := validateFile(cmd, name, check)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				wrong, total = wrong+w, total+n
			}
			if wrong > 0 {
				return fmt.Errorf("%d of %d identities are not valid", wrong, total)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d identities are valid\n", total)
			return err
		},
	}
	cmd.Flags().String("tenant", "default", "whose schemas count, where the configuration lists some for that tenant")
	addConfigFlag(cmd)
	return cmd
}

// validateFile reports what is wrong with the lines of a file, and counts.
func validateFile(cmd *cobra.Command, name string, check func([]byte) error) (wrong, total int, err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	lines := bufio.NewReaderSize(in, 1<<20)
	for line := 1; ; line++ {
		text, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return wrong, total, err
		}
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
			total++
			if fault := check(trimmed); fault != nil {
				wrong++
				fmt.Fprintf(cmd.ErrOrStderr(), "%s line %d: %s\n", name, line, printable(strings.ReplaceAll(fault.Error(), "\n", "; ")))
			}
		}
		if err != nil {
			return wrong, total, nil
		}
	}
}
