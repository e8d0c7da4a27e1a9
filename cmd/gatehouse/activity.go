package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

const activityPath = "/admin/activity"

var activityColumns = []column{
	{title: "SEQ", field: "seq"}, {title: "TIME", field: "time"}, {title: "ACTION", field: "action"}, {title: "ACTOR", field: "actor"},
	{title: "SUBJECT", field: "subject"}, {title: "ADDRESS", field: "address"}, {title: "DETAIL", field: "detail"},
}

var activityReportColumns = []column{
	{title: "TENANT", field: "tenant"}, {title: "INTACT", field: "intact"}, {title: "LINES", field: "lines"}, {title: "FIRST", field: "first"},
	{title: "LAST", field: "last"}, {title: "HASH", field: "hash"},
}

func activityCommand() *cobra.Command {
	cmd := group("activity", "Read and check the log of who did what",
		`  gatehouse activity list --action login.failed --from 2026-01-31
  gatehouse activity verify
  gatehouse activity export --from 2026-01-01 --to 2026-02-01 > january.jsonl
  gatehouse activity tail`,
		listActivity(), verifyActivity(), exportActivity(), tailActivity())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

// addActivityFilter gives a command the flags that say which events.
func addActivityFilter(cmd *cobra.Command) {
	cmd.Flags().String("actor", "", "who did it: the id of an identity, client, admin key …")
	cmd.Flags().String("subject", "", "what it was done to: an id")
	cmd.Flags().String("action", "", "what was done, for example client.deleted, or client for all about clients")
	cmd.Flags().String("tenant", "", "refuse unless the endpoint is this tenant's")
}

// addActivityTimes gives a command the flags that bound when.
func addActivityTimes(cmd *cobra.Command) {
	cmd.Flags().String("from", "", "from this time on: 2026-01-31, or 2026-01-31T15:04:05Z")
	cmd.Flags().String("to", "", "before this time")
}

// activityQuery is what the flags ask for.
func activityQuery(cmd *cobra.Command, order string, size int) url.Values {
	q := url.Values{"order": {order}, "page_size": {strconv.Itoa(size)}}
	for _, name := range []string{"actor", "subject", "action", "tenant", "from", "to"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.String() != "" {
			q.Set(name, f.Value.String())
		}
	}
	return q
}

func listActivity() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List events, newest first",
		Example: `  gatehouse activity list
  gatehouse activity list --action login.failed --from 2026-01-31 --limit 1000
  gatehouse activity list --subject my-app --format json`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limit, _ := cmd.Flags().GetInt("limit")
			if limit < 1 {
				return usageError{errors.New("--limit must be 1 or more"), cmd.CommandPath()}
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			events := []document{}
			for q := activityQuery(cmd, "newest", min(limit, 1000)).Encode(); q != "" && len(events) < limit; {
				page, next, err := a.activity(cmd, q)
				if err != nil {
					return err
				}
				events, q = append(events, page...), next
			}
			events = events[:min(limit, len(events))]
			if cmd.Flag("format").Value.String() == "table" {
				for i := range events {
					events[i] = activityRow(events[i])
				}
			}
			return showList(cmd, activityColumns, events)
		},
	}
	cmd.Flags().Int("limit", 100, "how many events at most")
	addActivityFilter(cmd)
	addActivityTimes(cmd)
	return cmd
}

// activity reads one page, and the query of the next one.
func (a *api) activity(cmd *cobra.Command, query string) (page []document, next string, err error) {
	header, err := a.send(cmd.Context(), http.MethodGet, activityPath+"?"+query, nil, &page)
	if err != nil {
		return nil, "", err
	}
	following, err := apiclient.NextPage(header)
	return page, following.Encode(), err
}

// activityRow is an event as one line of a table.
func activityRow(d document) document {
	row := document{"seq": d["seq"], "time": d["time"], "action": d["action"], "address": d["address"], "detail": d["detail"]}
	for _, name := range []string{"actor", "subject"} {
		party, _ := d[name].(document)
		if party == nil {
			continue
		}
		row[name] = cell(party["kind"])
		if id := cell(party["id"]); id != "" {
			row[name] = cell(party["kind"]) + " " + id
		}
	}
	return row
}

func verifyActivity() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that no event was removed, altered or put in",
		Long: `Goes through the whole log of the endpoint's tenant and prints what is wrong with it, if anything; then the exit status is 1. It
also prints the number and hash of the last event. Who notes them elsewhere and gives them to a later --known finds out, too, when the
log as a whole was put back to an earlier state.`,
		Example: "  gatehouse activity verify\n  gatehouse activity verify --known 4711:Pq0…",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			a.http.Timeout = 0 // a long log takes its time; the operator can interrupt it
			path := activityPath + "/verify"
			if known, _ := cmd.Flags().GetString("known"); known != "" {
				path += "?" + url.Values{"known": {known}}.Encode()
			}
			var report document
			if _, err := a.send(cmd.Context(), http.MethodGet, path, nil, &report); err != nil {
				return err
			}
			if err := showOne(cmd, activityReportColumns, report); err != nil {
				return err
			}
			faults, _ := report["faults"].([]any)
			for _, f := range faults {
				fault, _ := f.(document)
				fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cell(fault["what"]), cell(fault["message"]))
			}
			if intact, _ := report["intact"].(bool); !intact {
				return errors.New("the activity log is not what was written")
			}
			return nil
		},
	}
	cmd.Flags().String("known", "", "the number and hash of an event that were noted earlier, as 4711:Pq0…")
	return cmd
}

func exportActivity() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Print events as JSON lines, oldest first",
		Long:    `Prints one JSON object on each line, whatever --format says: what the exports of the configuration send.`,
		Example: "  gatehouse activity export --from 2026-01-01 --to 2026-02-01 > january.jsonl",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			for q := activityQuery(cmd, "oldest", 1000).Encode(); q != ""; {
				next, err := a.printActivity(cmd, q)
				if err != nil {
					return err
				}
				q = next
			}
			return nil
		},
	}
	addActivityFilter(cmd)
	addActivityTimes(cmd)
	return cmd
}

// printActivity prints a page as it is, and returns the query of the next.
func (a *api) printActivity(cmd *cobra.Command, query string) (string, error) {
	var page []json.RawMessage
	header, err := a.send(cmd.Context(), http.MethodGet, activityPath+"?"+query, nil, &page)
	if err != nil {
		return "", err
	}
	for _, line := range page {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line); err != nil {
			return "", err
		}
	}
	next, err := apiclient.NextPage(header)
	return next.Encode(), err
}

func tailActivity() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tail", Short: "Print events as they come, as JSON lines, until interrupted",
		Example: "  gatehouse activity tail\n  gatehouse activity tail --action login | jq .address",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			last, _, err := a.activity(cmd, "order=newest&page_size=1") // of all events: one that matches may lie far back
			if err != nil {
				return err
			}
			q := activityQuery(cmd, "oldest", 1000)
			if len(last) > 0 {
				q.Set("page_token", cell(last[0]["seq"]))
			}
			return a.follow(cmd, q)
		},
	}
	addActivityFilter(cmd)
	return cmd
}

// follow prints what comes behind the query's page token. A server that is away for a while, as it is while it starts anew, is
// waited for.
func (a *api) follow(cmd *cobra.Command, q url.Values) error {
	away := false
	for {
		page, next, err := a.activity(cmd, q.Encode())
		if no, answered := errors.AsType[*refusal](err); answered && no.Status < http.StatusInternalServerError {
			return err // it says what is wrong, and will say the same again
		}
		if err != nil && !away && cmd.Context().Err() == nil {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s; waiting for the server\n", legible(err))
		}
		away = err != nil
		for _, e := range page {
			encoded, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", encoded); err != nil {
				return err
			}
			q.Set("page_token", cell(e["seq"]))
		}
		if len(page) > 0 {
			continue
		}
		if behind, err := url.ParseQuery(next); err == nil && behind.Has("page_token") { // none matched among many
			q.Set("page_token", behind.Get("page_token"))
			continue
		}
		select {
		case <-cmd.Context().Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}
