package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// reindexBatch is how many identities the server looks at in one request.
const reindexBatch = 250

func reindexIdentities() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reindex", Short: "Find identities by what their schemas say today",
		Long: `Bring identities up to date after a schema was changed: their addresses, what they sign in with and what they are searched by
follow from the traits by the schema of the time at which they were written last. Run this when all servers have the new schema.

What is right already is not written. An identity whose traits do not fit the schema any more, or that would sign in with what
another one has, stays as it was and is reported; the exit status is then 1. An address that the new schema does not mention is
forgotten, and that it was verified too: look with --dry-run first. A run that was interrupted goes on with --after.`,
		Example: "  gatehouse identities reindex --dry-run\n  gatehouse identities reindex",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			r := reindexing{api: a, errs: cmd.ErrOrStderr()}
			r.ask.After, _ = cmd.Flags().GetString("after")
			r.ask.DryRun, _ = cmd.Flags().GetBool("dry-run")
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().String("after", "", "go on behind the identity with this ID, which an earlier run named")
	cmd.Flags().Bool("dry-run", false, "only count what would change")
	return cmd
}

// reindexing is a walk over all identities.
type reindexing struct {
	api  *api
	errs io.Writer
	ask  struct {
		After  string `json:"after"`
		Limit  int    `json:"limit"`
		DryRun bool   `json:"dry_run"`
		Count  bool   `json:"count"`
	}
	bar                      *progress
	checked, changed, failed int
}

// reindexed is what the server says of one batch.
type reindexed struct {
	Checked int    `json:"checked"`
	Changed int    `json:"changed"`
	Last    string `json:"last"`
	Done    bool   `json:"done"`
	Left    int64  `json:"left"`
	Failed  []struct {
		ID    string `json:"id"`
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	} `json:"failed"`
}

func (r *reindexing) run(ctx context.Context) error {
	r.ask.Limit, r.ask.Count = reindexBatch, true
	for {
		var got reindexed
		if _, err := r.api.send(ctx, http.MethodPost, identities.path+"/reindex", r.ask, &got); err != nil {
			return r.interrupted(err)
		}
		if r.bar == nil {
			r.bar = newProgress(r.errs, "reindexing", got.Left, 0)
		}
		r.take(got)
		if got.Done {
			break
		}
		if got.Last <= r.ask.After { // it would never end
			return fmt.Errorf("the server stays where it is, at %s", printable(got.Last))
		}
		r.ask.After, r.ask.Count = got.Last, false
		r.bar.at(int64(r.checked), r.counts())
	}
	r.bar.end(int64(r.checked), r.counts())
	if r.failed > 0 {
		return fmt.Errorf("%d of %d identities could not be brought up to date", r.failed, r.checked)
	}
	return nil
}

// take adds a batch up, and says which of its identities need a person's eye.
func (r *reindexing) take(got reindexed) {
	r.checked, r.changed, r.failed = r.checked+got.Checked, r.changed+got.Changed, r.failed+len(got.Failed)
	for _, f := range got.Failed {
		r.bar.clear()
		_, _ = fmt.Fprintf(r.errs, "identity %s: %s\n", printable(f.ID), printable(f.Error.Reason))
	}
}

func (r *reindexing) counts() string {
	word := "changed"
	if r.ask.DryRun {
		word = "to change"
	}
	return fmt.Sprintf("%d looked at, %d %s, %d refused", r.checked, r.changed, word, r.failed)
}

// interrupted says how to go on.
func (r *reindexing) interrupted(err error) error {
	if r.bar == nil {
		return err
	}
	r.bar.clear()
	return fmt.Errorf("%w\n%s; go on with --after %s", err, r.counts(), printable(r.ask.After))
}
