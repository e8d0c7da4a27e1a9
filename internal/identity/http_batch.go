package identity

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

type batchIn struct {
	Body struct {
		Identities []batchItem `json:"identities"`
	} `body:"json"`
}

type batchItem struct {
	Create  *NewIdentity `json:"create"`
	PatchID *string      `json:"patch_id"`
}

type batchOut struct {
	Identities []batchAnswer `json:"identities"`
}

// batchAnswer says what became of one identity: action is create or error.
type batchAnswer struct {
	Action   string      `json:"action"`
	Identity *string     `json:"identity,omitempty"`
	PatchID  *string     `json:"patch_id,omitempty"`
	Error    *batchError `json:"error,omitempty"`
}

type batchError struct {
	Code    int            `json:"code"`
	Status  string         `json:"status"`
	ID      string         `json:"id,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

var (
	errBatchSize    = ErrInvalid.Withf("The maximum number of identities per request that can be created at once is %d.", MaxBatch)
	errBatchPlain   = ErrInvalid.Withf("The maximum number of identities per request that can be created with a plaintext password is %d.", MaxBatchPlain)
	errBatchRefused = ErrInvalid.With("None of the identities could be created: the details say of each why.")
	errBatchTaken   = ErrExists.With("None of the identities could be created: each conflicts with another identity that already exists.")
)

// batch creates identities, each on its own merits. The answer is 200 when one of them was created, or there was nothing
// to do; else the error holds the answers in its details.
func (h *Handler) batch(ctx context.Context, in batchIn) (batchOut, error) {
	items := in.Body.Identities
	if len(items) > MaxBatch {
		return batchOut{}, errBatchSize
	}
	all, plain := make([]*NewIdentity, len(items)), 0
	for n, item := range items {
		if all[n] = item.Create; item.Create != nil && item.Create.Credentials.plain() {
			plain++
		}
	}
	if plain > MaxBatchPlain {
		return batchOut{}, errBatchPlain
	}
	ids, errs := h.Admin.CreateMany(ctx, all)
	out := batchOut{Identities: make([]batchAnswer, len(items))}
	created, conflicts := 0, 0
	for n, item := range items {
		answer := &out.Identities[n]
		answer.PatchID = item.PatchID
		switch {
		case item.Create == nil:
			answer.Action, answer.Error = "error", explainItem(ErrInvalid.With("create: it is missing, and nothing else can be done in a batch."))
		case errs[n] != nil:
			answer.Action, answer.Error = "error", explainItem(errs[n])
			if errors.Is(errs[n], ErrExists) {
				conflicts++
			}
		default:
			answer.Action, answer.Identity = "create", &ids[n].ID
			created++
		}
	}
	if bad := worst(errs); bad != errBatchRefused {
		web.Record(ctx, bad) // its cause is nowhere else
	}
	switch {
	case created > 0 || len(items) == 0:
		return out, nil
	case conflicts == len(items):
		return batchOut{}, errBatchTaken.WithDetail("identities", out.Identities)
	}
	return batchOut{}, worst(errs).WithDetail("identities", out.Identities)
}

// worst is what is answered where nothing was created: what is our fault stays ours.
func worst(errs []error) *fault.Error {
	for _, err := range errs {
		if f := fault.From(err); f != nil && f.Kind.Status() >= http.StatusInternalServerError {
			return f
		}
	}
	return errBatchRefused
}

// explainItem is an error in the shape that it would have as an answer of its own.
func explainItem(err error) *batchError {
	f := fault.From(err)
	status := f.Kind.Status()
	return &batchError{
		Code: status, Status: http.StatusText(status), ID: f.Code, Reason: f.Message, Message: http.StatusText(status), Details: f.Details,
	}
}
