package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const schemasRoute = "/schemas"

// mountSchemas adds the schemas, which are public: forms are made from them.
func (h *Handler) mountSchemas(m *web.Mux) {
	m.Handle("GET "+schemasRoute, web.Call(h.listSchemas))
	m.Handle("GET "+schemasRoute+"/{id}", web.Call(h.getSchema))
}

type schemaOut struct {
	ID     string          `json:"id"`
	Schema json.RawMessage `json:"schema"`
}

type schemasIn struct {
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
	PerPage   int    `query:"per_page"`
	Page      int    `query:"page"`
}

// listSchemas lists the schemas of the tenant in their order. The token of a page is the id of the schema before it.
func (h *Handler) listSchemas(ctx context.Context, in schemasIn) (web.Reply[[]schemaOut], error) {
	var none web.Reply[[]schemaOut]
	schemas := h.Admin.Store.schemas.Of(ctx)
	all := schemas.IDs()
	if in.PageSize < 0 || in.PerPage < 0 || in.Page < 0 {
		return none, ErrInvalid.With("page_size must be from 1 to 500.")
	}
	size := min(max(in.PageSize, in.PerPage), maxPageSize)
	if size == 0 {
		size = defaultPageSize
	}
	from := min(min(max(in.Page-1, 0), len(all))*size, len(all))
	if in.PageToken != "" {
		at := slices.Index(all, in.PageToken)
		if at < 0 {
			return none, errPage
		}
		from = at + 1
	}
	ids := all[from:min(from+size, len(all))]
	list := make([]schemaOut, len(ids))
	for i, id := range ids {
		found, err := schemas.give(id)
		if err != nil {
			return none, err
		}
		list[i] = schemaOut{ID: id, Schema: found.Raw}
	}
	next := ""
	if from+size < len(all) {
		next = ids[len(ids)-1]
	}
	header := http.Header{"Link": {web.PageLinks(ctx, schemasRoute, size, nil, next)}, "X-Total-Count": {strconv.Itoa(len(all))}}
	return web.Reply[[]schemaOut]{Header: header, Body: list}, nil
}

// getSchema finds a schema that people of the tenant may follow by its id, or by the id in base64url as schema_url has it.
func (h *Handler) getSchema(ctx context.Context, in idIn) (json.RawMessage, error) {
	found, err := h.Admin.Store.schemas.Get(ctx, in.ID)
	if errors.Is(err, ErrSchema) {
		id, wrong := base64.RawURLEncoding.DecodeString(in.ID)
		if wrong != nil || len(id) == 0 {
			return nil, ErrSchema
		}
		found, err = h.Admin.Store.schemas.Get(ctx, string(id))
	}
	if err != nil {
		return nil, err
	}
	return found.Raw, nil
}
