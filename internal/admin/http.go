package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	route = "/admin/admin-keys"
	// defaultGrace is how long a key that was rotated goes on, and defaultSpan how long a new one lives, where nothing else is
	// asked for.
	defaultGrace = 24 * time.Hour
	defaultSpan  = 90 * 24 * time.Hour
)

// Handler serves the admin keys to administrators. Who may act for one tenant sees and makes that tenant's.
type Handler struct {
	// Store has the keys.
	Store *Store
	// Tenants tells which tenants there are; nil believes that all are there.
	Tenants func(id tenant.ID) bool
}

// MountAdmin adds the routes to the admin listener. Their errors have the shape of Ory Kratos'.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors).For(actor.RoleAdmin)
	m.Handle("GET "+route, web.Call(h.list))
	m.Unconfined().Handle("POST "+route, web.Call(h.create))
	m.Handle("GET "+route+"/{id}", web.Call(func(ctx context.Context, in idIn) (*Key, error) { return h.Store.Get(ctx, in.ID, within(ctx)) }))
	m.Unconfined().Handle("POST "+route+"/{id}/rotate", web.Call(h.rotate))
	m.Handle("DELETE "+route+"/{id}", web.Call(func(ctx context.Context, in idIn) (web.NoContent, error) {
		return web.NoContent{}, h.Store.Revoke(ctx, in.ID, within(ctx))
	}))
}

// within is whose keys the caller may see and change.
func within(ctx context.Context) tenant.ID {
	if actor.From(ctx).Everywhere {
		return All
	}
	of, _ := tenant.From(ctx)
	return of
}

// own refuses another tenant than the request's to who may act for that one only.
func own(ctx context.Context, of tenant.ID) error {
	if of == within(ctx) {
		return nil
	}
	return web.Require(ctx, web.Need{Role: actor.RoleAdmin, Everywhere: true})
}

type idIn struct {
	ID string `path:"id"`
}

type createIn struct {
	Body struct {
		// Tenant is the request's where it is not given.
		Tenant tenant.ID  `json:"tenant"`
		Name   string     `json:"name"`
		Role   actor.Role `json:"role"`
		Only   []string   `json:"only"`
		// Expires is as ParseExpiry reads it; 90d where it is not given.
		Expires string `json:"expires"`
	} `body:"json"`
}

func (h *Handler) create(ctx context.Context, in createIn) (web.Reply[Made], error) {
	n := New{Tenant: in.Body.Tenant, Name: in.Body.Name, Role: in.Body.Role, Only: in.Body.Only, Expires: h.Store.now().Add(defaultSpan)}
	if in.Body.Expires != "" {
		var err error
		if n.Expires, err = ParseExpiry(in.Body.Expires, h.Store.now()); err != nil {
			return web.Reply[Made]{}, ErrInvalid.With("expires: " + err.Error() + ".")
		}
	}
	if n.Tenant == "" {
		n.Tenant, _ = tenant.From(ctx)
	}
	if err := own(ctx, n.Tenant); err != nil {
		return web.Reply[Made]{}, err
	}
	if n.Tenant.Valid() && h.Tenants != nil && !h.Tenants(n.Tenant) {
		return web.Reply[Made]{}, ErrInvalid.Withf("tenant: there is no tenant %q. `gatehouse tenants create %[1]s` makes it, and `gatehouse tenants list` shows those that there are.", n.Tenant)
	}
	made, err := h.Store.Create(ctx, n)
	return created(ctx, made), err
}

// created answers with a key that was made.
func created(ctx context.Context, made Made) (reply web.Reply[Made]) {
	if made.Key != nil {
		location := web.Base(ctx).Path(route + "/" + made.ID)
		reply = web.Reply[Made]{Status: http.StatusCreated, Header: http.Header{"Location": {location}}, Body: made}
	}
	return reply
}

type rotateIn struct {
	ID   string `path:"id"`
	Body struct {
		// Grace is how long the old key goes on: "0s", "36h", "7d". Default: 24h.
		Grace string `json:"grace"`
		// Expires is when the new one ends, as ParseExpiry reads it; where it is not given, it lives as long as the old one was
		// made for.
		Expires string `json:"expires"`
	} `body:"json,optional"`
}

func (h *Handler) rotate(ctx context.Context, in rotateIn) (web.Reply[Made], error) {
	grace := defaultGrace
	if in.Body.Grace != "" {
		var err error
		if grace, err = ParseSpan(in.Body.Grace); err != nil {
			return web.Reply[Made]{}, ErrInvalid.With("grace: " + err.Error() + ".")
		}
	}
	var expires time.Time
	if in.Body.Expires != "" {
		var err error
		if expires, err = ParseExpiry(in.Body.Expires, h.Store.now()); err != nil {
			return web.Reply[Made]{}, ErrInvalid.With("expires: " + err.Error() + ".")
		}
	}
	made, err := h.Store.Rotate(ctx, in.ID, within(ctx), grace, expires, in.Body.Expires != "")
	return created(ctx, made), err
}

type listIn struct {
	Tenant    tenant.ID `query:"tenant"`
	PageSize  int       `query:"page_size"`
	PageToken string    `query:"page_token"`
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]*Key], error) {
	var none web.Reply[[]*Key]
	f := Filter{Tenant: in.Tenant, After: in.PageToken}
	if f.Tenant == "" {
		f.Tenant = within(ctx)
	}
	if err := own(ctx, f.Tenant); err != nil {
		return none, err
	}
	size, err := web.PageSize(in.PageSize)
	if err != nil {
		return none, err
	}
	if in.PageToken != "" {
		if _, err := uuid.Parse(in.PageToken); err != nil {
			return none, web.ErrPageToken.Because(err)
		}
	}
	f.Limit = size + 1 // one more tells whether there is a next page
	keys, err := h.Store.List(ctx, f)
	if err != nil {
		return none, err
	}
	next := ""
	if len(keys) > size {
		keys, next = keys[:size], keys[size-1].ID
	}
	links := web.PageLinks(ctx, route, size, url.Values{"tenant": {string(in.Tenant)}}, next)
	return web.Reply[[]*Key]{Header: http.Header{"Link": {links}}, Body: keys}, nil
}
