package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// format is the value of --format. A wrong one is refused when flags are read, before anything is done: what a command
// made and could not print, such as a secret that is shown once, would be lost.
type format string

var formats = []string{"table", "json", "json-pretty", "yaml"}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	if !slices.Contains(formats, s) {
		return fmt.Errorf("known are %s", strings.Join(formats, ", "))
	}
	*f = format(s)
	return nil
}

func addFormatFlag(cmd *cobra.Command) {
	f := format("table")
	cmd.PersistentFlags().Var(&f, "format", "how to print: "+strings.Join(formats, ", "))
	// The name is right: the flag was added the line before.
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// column is one field of a document in a table. A moment is a number of seconds since 1970.
type column struct {
	title, field string
	moment       bool
}

// showOne prints a document as an object.
func showOne(cmd *cobra.Command, columns []column, d document) error {
	return show(cmd, d, func(w io.Writer) { rows(w, columns, d) })
}

// rows prints the fields of a document that are not empty, each on its line.
func rows(w io.Writer, columns []column, d document) {
	for _, c := range columns {
		if s := c.cell(d); s != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", c.title, s)
		}
	}
}

// showList prints documents as a list, also when it is one or none.
func showList(cmd *cobra.Command, columns []column, documents []document) error {
	if documents == nil {
		documents = []document{}
	}
	return show(cmd, documents, func(w io.Writer) {
		titles := make([]string, len(columns))
		for i, c := range columns {
			titles[i] = c.title
		}
		_, _ = fmt.Fprintln(w, strings.Join(titles, "\t"))
		for _, d := range documents {
			cells := make([]string, len(columns))
			for i, c := range columns {
				cells[i] = c.cell(d)
			}
			_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
	})
}

// show prints a value in the format that was asked for.
func show(cmd *cobra.Command, value any, table func(w io.Writer)) error {
	out := cmd.OutOrStdout()
	switch cmd.Flag("format").Value.String() {
	case "json", "json-pretty":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false) // addresses are to be copied, not to be put into a page
		if cmd.Flag("format").Value.String() == "json-pretty" {
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(value)
	case "yaml":
		encoder := yaml.NewEncoder(out)
		encoder.SetIndent(2)
		if err := encoder.Encode(plain(value)); err != nil {
			return err
		}
		return encoder.Close()
	default:
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		table(w)
		return w.Flush()
	}
}

// plain gives numbers a type that YAML prints as a number.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case document:
		c := make(document, len(v))
		for name, member := range v {
			c[name] = plain(member)
		}
		return c
	case []document:
		c := make([]any, len(v))
		for i := range v {
			c[i] = plain(v[i])
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = plain(v[i])
		}
		return c
	default:
		return v
	}
}

func (c column) cell(d document) string {
	v := d[c.field]
	if n, ok := v.(json.Number); ok && c.moment {
		if seconds, err := n.Int64(); err == nil {
			return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		}
	}
	return cell(v)
}

// cell prints a JSON value on one line.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return printable(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = cell(v[i])
		}
		return strings.Join(parts, " ")
	default:
		var encoded strings.Builder
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false) // a rule's pattern is to be read as it is written
		if err := encoder.Encode(v); err != nil {
			return printable(fmt.Sprint(v))
		}
		return printable(strings.TrimSuffix(encoded.String(), "\n"))
	}
}

// legible is an error on as many lines as it has. Some of what it says may be a stranger's: the names in a server's certificate are.
func legible(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// printable quotes text with control characters, or with ones that turn the direction of writing: a name that a stranger
// chose must neither move the operator's cursor nor read otherwise than it is.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
