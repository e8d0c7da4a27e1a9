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

func reseal() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reseal", Short: "Seal what is stored anew under the key in use, while the servers serve",
		Long: `Seal every stored value anew that another key than the first has sealed, in batches, while the servers serve. Who changes a value
at the same time wins. A run that was interrupted, whatever was killed, is finished by running it again: what is sealed anew
already is passed over.`,
		Example: "  gatehouse keys seal reseal\n  gatehouse keys seal reseal --batch 50",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			a.http.Timeout = sealPatience
			r := resealing{api: a, errs: cmd.ErrOrStderr()}
			r.ask.Limit, _ = cmd.Flags().GetInt("batch")
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().Int("batch", 200, "values sealed anew in one transaction: fewer hold up others for a shorter time")
	return cmd
}

// resealing is a walk over all sealed values.
type resealing struct {
	api  *api
	errs io.Writer
	ask  struct {
		After string `json:"after"`
		Limit int    `json:"limit"`
		Count bool   `json:"count"`
	}
	bar                         *progress
	resealed, overtaken, failed int
}

// resealed is what the server says of one batch.
type resealed struct {
	Resealed  int    `json:"resealed"`
	Overtaken int    `json:"overtaken"`
	After     string `json:"after"`
	Done      bool   `json:"done"`
	Left      int64  `json:"left"`
	Failed    []struct {
		Column string `json:"column"`
		Row    string `json:"row"`
		Why    string `json:"why"`
	} `json:"failed"`
}

func (r *resealing) run(ctx context.Context) error {
	r.ask.Count = true
	for {
		var got resealed
		if _, err := r.api.send(ctx, http.MethodPost, sealPath+"/reseal", r.ask, &got); err != nil {
			return r.interrupted(err)
		}
		if r.bar == nil {
			r.bar = newProgress(r.errs, "sealing anew", got.Left, 0)
		}
		r.take(got)
		if got.Done {
			break
		}
		if got.After == r.ask.After { // it would never end
			return errors.New("the server stays where it is")
		}
		r.ask.After, r.ask.Count = got.After, false
		r.bar.at(r.done(), r.counts())
	}
	if r.bar.total == 0 {
		r.bar.total = 1 // nothing was to be done, and that is all of it
	}
	r.bar.end(r.bar.total, r.counts())
	if r.failed > 0 {
		return fmt.Errorf("%d values could not be sealed anew and are as they were", r.failed)
	}
	return nil
}

func (r *resealing) done() int64 { return min(int64(r.resealed+r.overtaken+r.failed), r.bar.total) }

// take adds a batch up, and says which of its values need a person's eye.
func (r *resealing) take(got resealed) {
	r.resealed, r.overtaken, r.failed = r.resealed+got.Resealed, r.overtaken+got.Overtaken, r.failed+len(got.Failed)
	for _, f := range got.Failed {
		r.bar.clear()
		_, _ = fmt.Fprintf(r.errs, "%s of row %s does not open: %s\n", printable(f.Column), printable(f.Row), printable(f.Why))
	}
}

func (r *resealing) counts() string {
	parts := []string{fmt.Sprintf("%d sealed anew", r.resealed)}
	if r.overtaken > 0 {
		parts = append(parts, fmt.Sprintf("%d changed by others meanwhile", r.overtaken))
	}
	if r.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d do not open", r.failed))
	}
	return strings.Join(parts, ", ")
}

// interrupted says how to go on.
func (r *resealing) interrupted(err error) error {
	if r.bar == nil {
		return err
	}
	r.bar.clear()
	return fmt.Errorf("%w\n%s; run it again for the rest", err, r.counts())
}
