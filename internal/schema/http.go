package schema

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const route = "/admin/schemas"

// Handler serves the admin API of the schemas of a tenant.
type Handler struct {
	// Library has the schemas.
	Library *Library
}

// MountAdmin adds the routes to the admin listener. A schema says what people sign in with, so only administrators change one.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("GET "+route+"/{id}", web.Call(h.get))
	m = m.For(actor.RoleAdmin)
	m.Handle("PUT "+route+"/{id}", web.Call(h.put))
	m.Handle("DELETE "+route+"/{id}", web.Call(h.remove))
}

// The sources of schemas.
const (
	fromTenant        = "tenant"
	fromConfiguration = "configuration"
	fromInstallation  = "installation"
)

// document is a schema as the API shows it.
type document struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	Default    bool            `json:"default"`
	Selectable bool            `json:"selfservice_selectable"`
	CreatedAt  time.Time       `json:"created_at,omitzero"`
	UpdatedAt  time.Time       `json:"updated_at,omitzero"`
	RemovedAt  *time.Time      `json:"removed_at,omitempty"`
	Schema     json.RawMessage `json:"schema,omitempty"`

	etag string
}

type listIn struct{}

// list shows what the tenant has: its own, what the configuration has for it, or the installation's.
func (h *Handler) list(ctx context.Context, _ listIn) ([]document, error) {
	list, schemas := []document{}, h.Library.Schemas
	if configured := schemas.Configured(ctx); configured || !schemas.Own(ctx) {
		source, set := fromInstallation, schemas.Of(ctx)
		if configured {
			source = fromConfiguration
		}
		for _, id := range set.IDs() {
			list = append(list, document{ID: id, Source: source, Default: id == set.Default(), Selectable: set.Selectable(id)})
		}
		return list, nil
	}
	stored, err := h.Library.Store.of(ctx)
	if err != nil {
		return nil, err
	}
	fallback := defaultOf(stored)
	for _, s := range stored {
		list = append(list, document{
			ID: s.ID, Source: fromTenant, Default: s.ID == fallback, Selectable: s.Selectable,
			CreatedAt: s.Created, UpdatedAt: s.Changed, RemovedAt: s.Removed, etag: s.etag(),
		})
	}
	return list, nil
}

type idIn struct {
	ID string `path:"id"`
}

func (h *Handler) get(ctx context.Context, in idIn) (web.Reply[document], error) {
	return h.reply(ctx, http.StatusOK, in.ID)
}

// reply shows a schema as it is by now.
func (h *Handler) reply(ctx context.Context, status int, id string) (web.Reply[document], error) {
	none := web.Reply[document]{}
	all, err := h.list(ctx, listIn{})
	if err != nil {
		return none, err
	}
	at := slices.IndexFunc(all, func(d document) bool { return d.ID == id })
	if at < 0 {
		return none, identity.ErrSchema
	}
	schema, err := h.Library.Schemas.Get(ctx, id)
	if err != nil {
		return none, err
	}
	all[at].Schema = schema.Raw
	header := http.Header{}
	if tag := all[at].etag; tag != "" {
		header["Etag"] = []string{tag}
	}
	return web.Reply[document]{Status: status, Header: header, Body: all[at]}, nil
}

type putIn struct {
	ID          string  `path:"id"`
	IfMatch     string  `header:"If-Match"`
	IfNoneMatch string  `header:"If-None-Match"`
	Body        putBody `body:"json"`
}

type putBody struct {
	Schema     json.RawMessage `json:"schema"`
	Selectable *bool           `json:"selfservice_selectable"`
	Default    bool            `json:"default"`
}

func (h *Handler) put(ctx context.Context, in putIn) (web.Reply[document], error) {
	d := Draft{Schema: in.Body.Schema, Selectable: in.Body.Selectable, Default: in.Body.Default}
	created, err := h.Library.Put(ctx, in.ID, d, precondition.Of(in.IfMatch, in.IfNoneMatch))
	if err != nil {
		return web.Reply[document]{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return h.reply(ctx, status, in.ID)
}

type removeIn struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
}

func (h *Handler) remove(ctx context.Context, in removeIn) (web.NoContent, error) {
	return web.NoContent{}, h.Library.Remove(ctx, in.ID, precondition.Of(in.IfMatch, ""))
}
