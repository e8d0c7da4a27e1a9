package identity

import "context"

type reindexIn struct {
	Body struct {
		// After is the last id that is done already; "" begins with the first identity.
		After string `json:"after"`
		// Limit is how many identities this call looks at.
		Limit int `json:"limit"`
		// DryRun only counts.
		DryRun bool `json:"dry_run"`
		// Count asks how many there are behind After.
		Count bool `json:"count"`
	} `body:"json"`
}

type reindexOut struct {
	Checked int             `json:"checked"`
	Changed int             `json:"changed"`
	Failed  []reindexFailed `json:"failed"`
	Last    string          `json:"last"`
	Done    bool            `json:"done"`
	Left    *int64          `json:"left,omitempty"`
}

type reindexFailed struct {
	ID    string      `json:"id"`
	Error *batchError `json:"error"`
}

const defaultReindex = 250

// reindex brings some identities up to date with their schemas; whoever calls goes on after the last.
func (h *Handler) reindex(ctx context.Context, in reindexIn) (reindexOut, error) {
	b := in.Body
	if b.After != "" && !validID(b.After) {
		return reindexOut{}, ErrInvalid.With("after: it is not a UUID.")
	}
	if b.Limit < 0 || b.Limit > MaxReindex {
		return reindexOut{}, ErrInvalid.Withf("limit: it is from 1 to %d.", MaxReindex)
	}
	if b.Limit == 0 {
		b.Limit = defaultReindex
	}
	var left *int64
	if b.Count {
		n, err := h.Admin.Store.CountAfter(ctx, b.After)
		if err != nil {
			return reindexOut{}, err
		}
		left = &n
	}
	done, err := h.Admin.Store.Reindex(ctx, b.After, b.Limit, b.DryRun)
	if err != nil {
		return reindexOut{}, err
	}
	out := reindexOut{Checked: done.Checked, Changed: done.Changed, Failed: []reindexFailed{}, Last: done.Last, Done: done.Done, Left: left}
	for _, f := range done.Failed {
		out.Failed = append(out.Failed, reindexFailed{f.ID, explainItem(shown(f.Err))})
	}
	return out, nil
}
