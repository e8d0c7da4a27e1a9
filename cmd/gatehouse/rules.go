package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

var rules = resource{"/admin/rules", "rule", "rules"}

var ruleColumns = []column{
	{title: "ID", field: "id"}, {title: "SOURCE", field: "source"}, {title: "DESCRIPTION", field: "description"},
	{title: "PRIORITY", field: "priority"}, {title: "MATCH", field: "match"}, {title: "AUTHENTICATORS", field: "authenticators"},
	{title: "AUTHORIZER", field: "authorizer"}, {title: "MUTATORS", field: "mutators"}, {title: "ERRORS", field: "errors"},
	{title: "UPSTREAM", field: "upstream"},
}

var ruleListColumns = []column{
	{title: "ID", field: "id"}, {title: "METHODS", field: "methods"}, {title: "MATCH", field: "url"},
	{title: "AUTHENTICATORS", field: "authenticators"}, {title: "AUTHORIZER", field: "authorizer"}, {title: "UPSTREAM", field: "upstream"},
}

var ruleChangeColumns = []column{
	{title: "SET", field: "set"}, {title: "RULES", field: "rules"}, {title: "ADDED", field: "added"}, {title: "CHANGED", field: "changed"},
	{title: "REMOVED", field: "removed"}, {title: "IN FORCE", field: "in_force"}, {title: "NOTES", field: "notes"}, {title: "ETAG", field: "etag"},
}

var ruleSourceColumns = []column{
	{title: "NAME", field: "name"}, {title: "TENANT", field: "tenant"}, {title: "STATE", field: "state"}, {title: "RULES", field: "rules"}, {title: "LOADED", field: "loaded_at"},
	{title: "KEPT", field: "kept_at"}, {title: "CHECKED", field: "checked_at"}, {title: "ERROR", field: "error"},
}

func rulesCommand() *cobra.Command {
	cmd := group("rules", "Say who may make which requests to applications",
		`  gatehouse rules apply rules.yaml
  gatehouse rules list
  gatehouse rules test GET https://api.example.com/orders/7 --token-file token.txt
  gatehouse rules check rules.yaml -c gatehouse.yaml`,
		applyRules(), listRules(), getRule(), deleteRules(), testRule(), listRuleSources(), checkRules())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

func applyRules() *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply FILE...", Short: "Put rules in the place of those of a set, all or none",
		Long: `Reads rules from files (JSON or YAML, a list or one rule), directories (their .json, .yaml and .yml files) or standard
input (-), and replaces a set of the server's by them: what is not in them is removed. The server checks them together with all
other rules and takes all or none. They are in force when this command ends; other replicas follow within a second. A
server that has not been able to read one of its sources since it started keeps them and has none in force yet, which is said.`,
		Example: `  gatehouse rules apply rules.yaml
  gatehouse rules apply --set team-a team-a/
  gatehouse rules apply --dry-run rules.yaml
  jsonnet rules.jsonnet | gatehouse rules apply --set team-b -`,
		Args: several("the files' or directories' names, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			document, err := readRules(cmd, args)
			if err != nil {
				return err
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			set, _ := cmd.Flags().GetString("set")
			match, _ := cmd.Flags().GetString("if-match")
			query := "?" + url.Values{"set": {set}}.Encode()
			if dry, _ := cmd.Flags().GetBool("dry-run"); dry {
				var checked map[string]any
				if err := a.sendRules(cmd, http.MethodPost, rules.path+"/check"+query, document, "", &checked); err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the server would take the rules (%s)\n", cell(checked["rules"]))
				return err
			}
			var done map[string]any
			if err := a.sendRules(cmd, http.MethodPut, rules.path+query, document, match, &done); err != nil {
				return err
			}
			if cmd.Flag("format").Value.String() == "table" {
				for _, what := range []string{"added", "changed", "removed"} {
					done[what] = fewNames(done[what])
				}
			}
			return showOne(cmd, ruleChangeColumns, done)
		},
	}
	cmd.Flags().String("set", "default", "set whose rules are replaced: a name for the rules that are applied together")
	cmd.Flags().Bool("dry-run", false, "only ask whether the server would take them")
	cmd.Flags().String("if-match", "", "only replace the set that has this ETag, as an earlier apply printed it")
	return cmd
}

// manyNames is how many ids fill a line that nobody reads.
const manyNames = 20

// fewNames is a list of ids as a table shows it: how many there are, and which where they are few.
func fewNames(v any) any {
	ids, _ := v.([]any)
	switch {
	case len(ids) == 0:
		return nil
	case len(ids) > manyNames:
		return fmt.Sprintf("%d (--format json names them)", len(ids))
	}
	return fmt.Sprintf("%d: %s", len(ids), cell(ids))
}

func listRules() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules in force, all pages",
		Example: "  gatehouse rules list\n  gatehouse rules list --set team-a --format yaml",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			query := url.Values{"limit": {"500"}}
			if set, _ := cmd.Flags().GetString("set"); set != "" {
				query.Set("set", set)
			}
			all, err := a.pages(cmd.Context(), rules.path, query.Encode())
			if err != nil {
				return err
			}
			if cmd.Flag("format").Value.String() == "table" {
				for i := range all {
					all[i] = ruleRow(all[i])
				}
			}
			return showList(cmd, ruleListColumns, all)
		},
	}
	cmd.Flags().String("set", "", "the rules of one set of the admin API's, instead of those in force")
	return cmd
}

// ruleRow is a rule as one line of a table.
func ruleRow(d document) document {
	match, _ := d["match"].(document)
	upstream, _ := d["upstream"].(document)
	at := match["url"]
	if at == nil {
		at = strings.TrimSpace(cell(match["hosts"]) + " " + cell(match["path"]))
	}
	authenticators, _ := d["authenticators"].([]any)
	names := make([]any, len(authenticators))
	for i := range authenticators {
		names[i] = handlerName(authenticators[i])
	}
	return document{
		"id": d["id"], "methods": match["methods"], "url": at, "authenticators": names, "authorizer": handlerName(d["authorizer"]), "upstream": upstream["url"],
	}
}

func handlerName(v any) any {
	d, _ := v.(document)
	return d["handler"]
}

func getRule() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show one rule that is in force, and where it comes from", Example: "  gatehouse rules get orders --format yaml",
		Args: exactly("the rule's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var d document
			header, err := a.send(cmd.Context(), http.MethodGet, rules.at(args[0]), nil, &d)
			if err != nil {
				return rules.about(args[0], err)
			}
			if cmd.Flag("format").Value.String() == "table" { // elsewhere it stays a rule that can be applied
				d["source"] = header.Get("Gatehouse-Rule-Source")
			}
			return showOne(cmd, ruleColumns, d)
		},
	}
}

func deleteRules() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID...", Short: "Delete rules that were applied; those of files and URLs are deleted there", Example: "  gatehouse rules delete orders",
		Args: several("the rules' IDs"),
		RunE: rules.deleteAll,
	}
}

func listRuleSources() *cobra.Command {
	return &cobra.Command{
		Use: "sources", Short: "List where rules come from, and what is wrong there",
		Long:    `Lists the sources of the endpoint's tenant and the admin API itself; with a key that is for all tenants, the sources of all.`,
		Example: "  gatehouse rules sources\n  gatehouse rules sources --format json-pretty", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var all []document
			if _, err := a.send(cmd.Context(), http.MethodGet, "/admin/rule-sources", nil, &all); err != nil {
				return err
			}
			return showList(cmd, ruleSourceColumns, all)
		},
	}
}

// sendRules sends a document of rules, and prints everything that is wrong with them where the server says so.
func (a *api) sendRules(cmd *cobra.Command, method, path string, content []byte, match string, out any) error {
	body := apiclient.Document{Type: "application/yaml", Content: content}
	if json.Valid(content) {
		body.Type = "application/json"
	}
	c := apiclient.Call{Method: method, Path: path, Body: body, Header: http.Header{}}
	if match != "" {
		c.Header.Set("If-Match", match)
	}
	_, err := a.call(cmd.Context(), c, out)
	return withFaults(cmd, err)
}

// withFaults prints what a server that refuses rules has to say of each.
func withFaults(cmd *cobra.Command, err error) error {
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		return err
	}
	var details struct {
		Faults []struct{ Rule, Source, Path, Message string }
	}
	if json.Unmarshal(no.Details, &details) != nil || len(details.Faults) == 0 {
		return err
	}
	for _, f := range details.Faults {
		var said []string // what cannot be read as rules has no place in one
		for _, part := range []string{f.Source, f.Rule, f.Path, f.Message} {
			if part != "" {
				said = append(said, printable(part))
			}
		}
		fmt.Fprintln(cmd.ErrOrStderr(), strings.Join(said, ": "))
	}
	return errors.New("the rules are refused, and those that were there stay in force")
}

// readRules reads files and directories. One document is sent as it is written; of several, one list is made.
func readRules(cmd *cobra.Command, names []string) ([]byte, error) {
	files, err := ruleFiles(names)
	if err != nil {
		return nil, err
	}
	if len(files) == 1 {
		return readInput(cmd, files[0])
	}
	all := []any{}
	for _, name := range files {
		content, err := readInput(cmd, name)
		if err != nil {
			return nil, err
		}
		some, err := ruleList(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return json.Marshal(all)
}

// ruleFiles puts the files of a directory in its place.
func ruleFiles(names []string) (files []string, err error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if name == "-" || err == nil && !info.IsDir() {
			files = append(files, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		before := len(files)
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(e.Name()))) {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
		if len(files) == before { // a wrong directory must not remove everything
			return nil, fmt.Errorf("%s: no file in this directory ends in .json, .yaml or .yml", name)
		}
	}
	return files, nil
}

// ruleList reads a list of rules, or one, without looking into them.
func ruleList(content []byte) ([]any, error) {
	var v any
	if err := yaml.NewDecoder(bytes.NewReader(content)).Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch v := v.(type) {
	case []any:
		return v, nil
	case map[string]any:
		return []any{v}, nil
	default:
		return nil, errors.New("is neither a list of rules nor a rule")
	}
}
