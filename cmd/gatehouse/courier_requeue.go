package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func requeueMessages() *cobra.Command {
	cmd := &cobra.Command{
		Use: "requeue [ID...]", Short: "Send abandoned messages after all, once the mail server takes them again",
		Long: `Send abandoned messages after all, once the mail server takes them again.

Messages whose code or link has expired are left alone: they would help nobody.`,
		Example: "  gatehouse courier requeue 0193f2a0-…\n  gatehouse courier requeue --abandoned",
		RunE: func(cmd *cobra.Command, ids []string) error {
			all, _ := cmd.Flags().GetBool("abandoned")
			if all == (len(ids) > 0) {
				return usageError{errors.New("give the messages' IDs, or --abandoned for all of them"), cmd.CommandPath()}
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			if all {
				if ids, err = a.abandoned(cmd); err != nil {
					return err
				}
			}
			return a.requeue(cmd, ids)
		},
	}
	cmd.Flags().Bool("abandoned", false, "all messages that were abandoned")
	return cmd
}

// abandoned lists the messages that were given up.
func (a *api) abandoned(cmd *cobra.Command) ([]string, error) {
	found, err := a.pages(cmd.Context(), messages.path, "page_size=1000&status=abandoned")
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(found))
	for _, m := range found {
		if id, ok := m["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// requeue queues one after another, and goes on after one that cannot be.
func (a *api) requeue(cmd *cobra.Command, ids []string) error {
	failed := 0
	for _, id := range ids {
		if _, err := a.send(cmd.Context(), http.MethodPost, messages.at(id)+"/requeue", nil, nil); err != nil {
			failed++
			fmt.Fprintf(cmd.ErrOrStderr(), "%v\n", messages.about(id, err))
			continue
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), printable(id)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d %s were not queued again", failed, len(ids), messages.many)
	}
	return nil
}
