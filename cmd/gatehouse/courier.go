package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

var messageColumns = []column{
	{title: "ID", field: "id"}, {title: "STATUS", field: "status"}, {title: "TYPE", field: "type"}, {title: "TEMPLATE", field: "template_type"},
	{title: "RECIPIENT", field: "recipient"}, {title: "SUBJECT", field: "subject"}, {title: "ATTEMPTS", field: "send_count"},
	{title: "CREATED", field: "created_at"},
}

func courierCommand() *cobra.Command {
	cmd := group("courier", "See the mails and short messages that the server sends",
		`  gatehouse courier list --status abandoned
  gatehouse courier get`,
		listMessages(), getMessage(), requeueMessages())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

func listMessages() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List messages, newest first, all pages",
		Example: "  gatehouse courier list\n  gatehouse courier list --status abandoned --recipient ann@example.com",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := listQuery(cmd, map[string]string{"status": "status", "recipient": "recipient"})
			if err != nil {
				return err
			}
			return messages.list(cmd, messageColumns, query)
		},
	}
	cmd.Flags().String("status", "", "only messages of this status: queued, processing, sent or abandoned")
	cmd.Flags().String("recipient", "", "only messages to this address")
	addPageSizeFlag(cmd, 250)
	return cmd
}

func getMessage() *cobra.Command {
	return &cobra.Command{
		Use: "get [ID]", Short: "Show one message, the newest without an ID, and its text where the server's configuration shows it",
		Example: "  gatehouse courier get\n  gatehouse courier get 0193f2a0-…", Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			id, err := a.messageID(cmd.Context(), args)
			if err != nil {
				return err
			}
			var d document
			if _, err := a.send(cmd.Context(), http.MethodGet, messages.at(id), nil, &d); err != nil {
				return messages.about(id, err)
			}
			return show(cmd, d, func(w io.Writer) { letter(w, d) })
		},
	}
}

// letter prints a message as one reads it: what it is, and below it the text, line by line.
func letter(w io.Writer, d document) {
	rows(w, messageColumns, d)
	if body, _ := d["body"].(string); body != "" {
		_, _ = fmt.Fprintln(w)
		for line := range strings.Lines(body) {
			_, _ = fmt.Fprintln(w, printable(strings.TrimRight(line, "\r\n")))
		}
	}
}

// messageID is the argument, or the newest message's.
func (a *api) messageID(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	var newest []struct{ ID string }
	if _, err := a.send(ctx, http.MethodGet, messages.path+"?page_size=1", nil, &newest); err != nil {
		return "", err
	}
	if len(newest) == 0 {
		return "", errors.New("there is no message yet")
	}
	return newest[0].ID, nil
}
