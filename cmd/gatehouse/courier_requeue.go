package main

import (
	"errors"
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
			return messages.each(cmd, a, ids, http.MethodPost, "/requeue", "queued again")
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
