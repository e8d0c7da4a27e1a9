package harden

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Handler tells who administers what `gatehouse harden` judges of a running server.
type Handler struct {
	// Facts gathers them.
	Facts func(ctx context.Context) (*Facts, error)
}

// MountAdmin adds the route to the admin listener. Facts hold no secret, but tell of the whole installation.
func (h *Handler) MountAdmin(m *web.Mux) {
	m.With(web.KratosErrors).Everywhere().Handle("GET /admin/harden", web.Call(func(ctx context.Context, _ struct{}) (*Facts, error) {
		return h.Facts(ctx)
	}))
}
