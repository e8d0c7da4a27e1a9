package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func addFormatFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().String("format", "table", "how to print: table, json, json-pretty, yaml")
}

// column is one field of a document in a table.
type column struct{ title, field string }

// show prints documents in the format that was asked for. A single document prints as an object, not as a list of one.
func show(cmd *cobra.Command, columns []column, single bool, documents ...document) error {
	format, err := cmd.Flags().GetString("format")
	if err != nil {
		return err
	}
	var value any = documents
	if single {
		value = documents[0]
	}
	out := cmd.OutOrStdout()
	switch format {
	case "json":
		return json.NewEncoder(out).Encode(value)
	case "json-pretty":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case "yaml":
		encoder := yaml.NewEncoder(out)
		encoder.SetIndent(2)
		return encoder.Encode(value)
	case "table":
	default:
		return usageError{fmt.Errorf("--format %q: known are table, json, json-pretty, yaml", format), cmd.CommandPath()}
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	if single {
		for _, c := range columns {
			if s := cell(documents[0][c.field]); s != "" {
				_, _ = fmt.Fprintf(w, "%s\t%s\n", c.title, s)
			}
		}
		return w.Flush()
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	_, _ = fmt.Fprintln(w, strings.Join(titles, "\t"))
	for _, d := range documents {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = cell(d[c.field])
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// cell prints a JSON value on one line. Control characters are quoted: a name that a stranger chose must not move the
// operator's cursor.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) }) {
			return fmt.Sprintf("%q", v)
		}
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = cell(v[i])
		}
		return strings.Join(parts, " ")
	default:
		encoded, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(encoded)
	}
}
