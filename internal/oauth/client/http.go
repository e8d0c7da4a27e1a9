package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	route           = "/admin/clients"
	defaultPageSize = 100
	maxPageSize     = 500
)

var errPage = fault.New(fault.Invalid, "invalid_request", "The page_token is not one that this list gave out: begin again without it.")

// Handler serves the admin API of clients.
type Handler struct {
	// Register has the rules.
	Register *Register
	// Ring seals page tokens. Give it a ring of its own purpose.
	Ring *secret.Ring
}

// MountAdmin adds the routes to the admin listener. Their errors have the flat
// shape of Ory Hydra's.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.HydraErrors)
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("POST "+route, web.Call(h.create))
	m.Handle("GET "+route+"/{id}", web.Call(h.get))
	m.Handle("PUT "+route+"/{id}", web.Call(h.put))
	m.Handle("PATCH "+route+"/{id}", web.Call(h.patch))
	m.Handle("DELETE "+route+"/{id}", web.Call(h.remove))
	m.Handle("PUT "+route+"/{id}/lifespans", web.Call(h.lifespans))
	m.Handle("POST "+route+"/{id}/secrets/rotate", web.Call(h.rotate))
	m.Handle("DELETE "+route+"/{id}/secrets/rotate", web.Call(h.endRotated))
}

type bodyIn struct {
	Body json.RawMessage `body:"json"`
}

type idIn struct {
	ID string `path:"id"`
}

type changeIn struct {
	ID   string          `path:"id"`
	Body json.RawMessage `body:"json"`
}

func (h *Handler) create(ctx context.Context, in bodyIn) (web.Reply[Registration], error) {
	given, err := decode(in.Body)
	if err != nil {
		return web.Reply[Registration]{}, err
	}
	made, err := h.Register.Create(ctx, given)
	if err != nil {
		return web.Reply[Registration]{}, err
	}
	location := web.Base(ctx).Path(route + "/" + url.PathEscape(made.ID))
	return web.Reply[Registration]{Status: http.StatusCreated, Header: http.Header{"Location": {location}}, Body: made}, nil
}

func (h *Handler) get(ctx context.Context, in idIn) (*Client, error) {
	return h.Register.Store.read(ctx, in.ID)
}

func (h *Handler) put(ctx context.Context, in changeIn) (Registration, error) {
	return h.Register.Replace(ctx, in.ID, in.Body)
}

func (h *Handler) patch(ctx context.Context, in changeIn) (Registration, error) {
	return h.Register.Patch(ctx, in.ID, in.Body)
}

func (h *Handler) remove(ctx context.Context, in idIn) (web.NoContent, error) {
	return web.NoContent{}, h.Register.Delete(ctx, in.ID)
}

func (h *Handler) lifespans(ctx context.Context, in changeIn) (*Client, error) {
	var l Lifespans
	if err := json.Unmarshal(in.Body, &l); err != nil {
		return nil, explain(err)
	}
	return h.Register.SetLifespans(ctx, in.ID, l)
}

type rotateIn struct {
	ID   string `path:"id"`
	Body struct {
		Secret string `json:"client_secret"`
	} `body:"json,optional"`
}

func (h *Handler) rotate(ctx context.Context, in rotateIn) (Registration, error) {
	return h.Register.Rotate(ctx, in.ID, in.Body.Secret)
}

func (h *Handler) endRotated(ctx context.Context, in idIn) (*Client, error) {
	return h.Register.EndRotated(ctx, in.ID)
}

type listIn struct {
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
	Name      string `query:"client_name"`
	Owner     string `query:"owner"`
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]*Client], error) {
	var none web.Reply[[]*Client]
	size, err := pageSize(in.PageSize)
	if err != nil {
		return none, err
	}
	f := Filter{Name: in.Name, Owner: in.Owner, Limit: size + 1} // one more tells whether there is a next page
	if in.PageToken != "" {
		if f.After, err = h.openPage(ctx, in); err != nil {
			return none, err
		}
	}
	clients, err := h.Register.Store.List(ctx, f)
	if err != nil {
		return none, err
	}
	next := ""
	if len(clients) > size {
		clients = clients[:size]
		if next, err = h.sealPage(ctx, in, clients[size-1].ID); err != nil {
			return none, err
		}
	}
	links := web.PageLinks(ctx, route, size, url.Values{"client_name": {in.Name}, "owner": {in.Owner}}, next)
	return web.Reply[[]*Client]{Header: http.Header{"Link": {links}}, Body: clients}, nil
}

func pageSize(asked int) (int, error) {
	switch {
	case asked == 0:
		return defaultPageSize, nil
	case asked < 0:
		return 0, fault.New(fault.Invalid, "invalid_request", "page_size must be from 1 to 500.")
	}
	return min(asked, maxPageSize), nil
}

// sealPage makes a page token: opaque, and good for the same list of the same
// tenant only.
func (h *Handler) sealPage(ctx context.Context, in listIn, last string) (string, error) {
	return h.Ring.Seal([]byte(last), pageData(ctx, in))
}

func (h *Handler) openPage(ctx context.Context, in listIn) (string, error) {
	last, err := h.Ring.Open(in.PageToken, pageData(ctx, in))
	if err != nil {
		return "", errPage.Because(err)
	}
	return string(last), nil
}

func pageData(ctx context.Context, in listIn) []byte {
	id, _ := tenant.From(ctx)
	return []byte(string(id) + "\x00" + in.Name + "\x00" + in.Owner)
}
