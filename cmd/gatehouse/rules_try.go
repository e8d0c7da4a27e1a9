package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func testRule() *cobra.Command {
	cmd := &cobra.Command{
		Use: "test METHOD URL", Short: "Say what would become of a request: which rule, what each handler decides, what the application gets",
		Long: `Asks the server what would become of a request that nobody makes: which rule matches, what each of its handlers decides
and why, and what the application would get. The rules' handlers are really asked, foreign ones too.

A token or session is read from a file, or from standard input (-), so that it stands neither in the shell's history nor in the
process list.`,
		Example: `  gatehouse rules test GET https://api.example.com/orders/7
  gatehouse rules test POST https://api.example.com/orders --token-file token.txt -H "Content-Type: application/json"
  gatehouse rules test GET https://api.example.com/admin --expect 403`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New("two arguments are needed: the request's METHOD and URL"), cmd.CommandPath()}
			}
			return nil
		},
		RunE: runTestRule,
	}
	cmd.Flags().StringArrayP("header", "H", nil, "header of the request, as \"Name: value\"; repeat for several")
	cmd.Flags().String("token-file", "", "file with a bearer token; - is standard input")
	cmd.Flags().String("session-file", "", "file with a session, as it stands in the cookie; - is standard input")
	cmd.Flags().String("body-file", "", "file with the request's body; - is standard input; without it, a request whose body the proxy that asks keeps to itself")
	cmd.Flags().String("remote-ip", "", "address from which the request comes")
	cmd.Flags().Int("expect", 0, "fail unless the request would be answered with this status; 200 is a request that passes")
	return cmd
}

func runTestRule(cmd *cobra.Command, args []string) error {
	body, err := trialFromFlags(cmd)
	if err != nil {
		return err
	}
	body["method"], body["url"] = args[0], args[1]
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	var verdict document
	if _, err := a.send(cmd.Context(), http.MethodPost, rules.path+"/test", body, &verdict); err != nil {
		return err
	}
	if err := show(cmd, verdict, func(w io.Writer) { printVerdict(w, verdict) }); err != nil {
		return err
	}
	if want, _ := cmd.Flags().GetInt("expect"); want != 0 && cell(verdict["status"]) != strconv.Itoa(want) {
		return fmt.Errorf("the request would be answered with %s and not with %d", cell(verdict["status"]), want)
	}
	return nil
}

// trialFromFlags puts together what is known of the request.
func trialFromFlags(cmd *cobra.Command) (document, error) {
	flags := cmd.Flags()
	token, _ := flags.GetString("token-file")
	session, _ := flags.GetString("session-file")
	content, _ := flags.GetString("body-file")
	if token == "-" && session == "-" || content == "-" && (token == "-" || session == "-") {
		return nil, usageError{errors.New("of --token-file, --session-file and --body-file, one can be standard input"), cmd.CommandPath()}
	}
	body := document{}
	if content != "" {
		text, err := readInput(cmd, content)
		if err != nil {
			return nil, fmt.Errorf("--body-file: %w", err)
		}
		body["body"] = string(text)
	}
	for _, f := range []struct{ flag, field, name string }{{"--token-file", "token", token}, {"--session-file", "session", session}} {
		if f.name == "" {
			continue
		}
		content, err := readInput(cmd, f.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.flag, err)
		}
		text := strings.TrimSpace(string(content))
		if text == "" {
			return nil, fmt.Errorf("%s %s: is empty", f.flag, f.name)
		}
		body[f.field] = text
	}
	headers := document{}
	lines, _ := flags.GetStringArray("header")
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" { // it may hold a credential, so it is not repeated
			return nil, usageError{errors.New("--header is not of the form \"Name: value\""), cmd.CommandPath()}
		}
		headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if len(headers) > 0 {
		body["headers"] = headers
	}
	if ip, _ := flags.GetString("remote-ip"); ip != "" {
		body["remote_ip"] = ip
	}
	return body, nil
}

// printVerdict prints what would become of a request, for people.
func printVerdict(w io.Writer, v document) {
	line := func(title string, value any) {
		if s := cell(value); s != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", title, s)
		}
	}
	line("ALLOWED", v["allowed"])
	line("STATUS", v["status"])
	line("LOCATION", v["location"])
	if e, ok := v["error"].(document); ok {
		line("BECAUSE", e["message"])
	}
	if t, ok := v["target"].(document); ok {
		line("READ AS", t["url"])
	}
	if r, ok := v["rule"].(document); ok {
		line("RULE", r["id"])
	}
	line("SOURCE", v["source"])
	line("SUBJECT", v["subject"])
	if up, ok := v["upstream"].(document); ok {
		line("UPSTREAM", up["url"])
		line("HOST", up["host"])
		headers, _ := up["headers"].(document)
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			line("HEADER", name+": "+cell(headers[name]))
		}
	}
	steps, _ := v["steps"].([]any)
	if len(steps) == 0 {
		return
	}
	if t, ok := w.(*tabwriter.Writer); ok { // the steps are a table of their own, with columns of their own
		_ = t.Flush()
	}
	_, _ = fmt.Fprintln(w, "\nSTAGE\tHANDLER\tOUTCOME\tREASON")
	for _, s := range steps {
		step, _ := s.(document)
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", cell(step["stage"]), cell(step["handler"]), cell(step["outcome"]), cell(step["reason"]))
	}
}
