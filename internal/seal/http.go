package seal

import (
	"context"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// MountAdmin serves what the operator does with seal keys. Errors have the shape of Ory Kratos'.
func (s *Seals) MountAdmin(m *web.Mux) {
	m = m.With(web.KratosErrors).Everywhere()
	m.Handle("GET /admin/seal-keys", web.Call(func(ctx context.Context, _ struct{}) (List, error) { return s.List(ctx) }))
	// Counting reads every sealed column, which is not for whoever only looks.
	m.For(actor.RoleOperator).Handle("GET /admin/seal-keys/status", web.Call(func(ctx context.Context, _ struct{}) (Status, error) { return s.Status(ctx) }))
	m = m.For(actor.RoleAdmin)
	m.Handle("POST /admin/seal-keys/reseal", web.Call(s.resealBatch))
	m.Handle("POST /admin/seal-keys/{id}/retire", web.Call(func(ctx context.Context, in inKey) (Key, error) { return s.Retire(ctx, in.ID) }))
}

type inKey struct {
	ID string `path:"id"`
}

type resealIn struct {
	Body struct {
		// After is where the batch before ended; "" begins at the front.
		After string `json:"after"`
		// Limit is how many values this batch has at most.
		Limit int `json:"limit"`
		// Count asks how many values are left, this batch's included.
		Count bool `json:"count"`
	} `body:"json"`
}

var errLimit = fault.New(fault.Invalid, "invalid_request", fmt.Sprintf("limit: it is from 1 to %d.", MaxBatch))

func (s *Seals) resealBatch(ctx context.Context, in resealIn) (Batch, error) {
	limit := in.Body.Limit
	if limit < 0 || limit > MaxBatch {
		return Batch{}, errLimit
	}
	if limit == 0 {
		limit = defaultBatch
	}
	return s.Reseal(ctx, in.Body.After, limit, in.Body.Count)
}
