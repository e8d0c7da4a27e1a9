package tenancy

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	route     = "/admin/tenants"
	maxReason = 200
)

var (
	errFilter = fault.New(fault.Invalid, "bad_request", "state is active, suspended, deleting, deleted or all.")
	errReason = fault.New(fault.Invalid, "bad_request", "reason is one line of at most 200 bytes.")
	errMedia  = fault.New(fault.Unsupported, "unsupported_media_type", "Send the change as JSON, with the header Content-Type: application/merge-patch+json or application/json.")
)

// Handler serves the admin API of tenants. It is for the admin listener alone.
type Handler struct {
	// Registry has the tenants.
	Registry *Registry
	// URL is where a tenant is reached, Issuer its issuer identifier.
	URL, Issuer func(id tenant.ID) string
}

// MountAdmin adds the routes to the admin listener. They are the installation's: no tenant is needed to ask them.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors).Everywhere()
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("GET "+route+"/{id}", web.Call(h.get))
	m = m.For(actor.RoleAdmin)
	m.Handle("POST "+route, web.Call(h.create))
	m.Handle("PATCH "+route+"/{id}", web.Call(h.update))
	m.Handle("POST "+route+"/{id}/suspend", web.Call(h.suspend))
	m.Handle("POST "+route+"/{id}/resume", web.Call(h.resume))
	m.Handle("DELETE "+route+"/{id}", web.Call(h.remove))
}

// document is a tenant as the API shows it.
type document struct {
	ID             tenant.ID       `json:"id"`
	State          tenant.State    `json:"state"`
	Source         tenant.Source   `json:"source"`
	Name           string          `json:"name"`
	Hosts          []string        `json:"hosts"`
	Prefix         string          `json:"path_prefix"`
	URL            string          `json:"url,omitempty"`
	Issuer         string          `json:"issuer,omitempty"`
	Settings       tenant.Settings `json:"settings"`
	CreatedAt      time.Time       `json:"created_at,omitzero"`
	UpdatedAt      time.Time       `json:"updated_at,omitzero"`
	StateChangedAt time.Time       `json:"state_changed_at,omitzero"`
	Deletion       *Erasure        `json:"deletion,omitempty"`
}

func (h *Handler) show(t *tenant.Tenant) document {
	d := document{
		ID: t.ID, State: t.State, Source: t.Source, Name: t.Name, Hosts: t.Hosts, Prefix: t.Prefix, Settings: t.Settings,
		CreatedAt: t.Created, UpdatedAt: t.Changed, StateChangedAt: t.Since,
	}
	if d.Hosts == nil {
		d.Hosts = []string{}
	}
	if t.State == tenant.Active || t.State == tenant.Suspended {
		d.Issuer = h.Issuer(t.ID)
		if len(t.Hosts) > 0 || t.Prefix != "" || t.ID == tenant.Default {
			d.URL = h.URL(t.ID)
		}
	}
	return d
}

func (h *Handler) reply(status int, t *tenant.Tenant, err error) (web.Reply[document], error) {
	if err != nil {
		return web.Reply[document]{}, err
	}
	return web.Reply[document]{Status: status, Header: http.Header{"Etag": {etag(t)}}, Body: h.show(t)}, nil
}

func etag(t *tenant.Tenant) string { return `"` + strconv.FormatInt(t.Version, 10) + `"` }

type listIn struct {
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
	State     string `query:"state"`
}

func (in listIn) shows(t *tenant.Tenant) bool {
	switch in.State {
	case "":
		return t.State != tenant.Deleted
	case "all":
		return true
	default:
		return string(t.State) == in.State
	}
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]document], error) {
	none := web.Reply[[]document]{}
	switch in.State {
	case "", "all", string(tenant.Active), string(tenant.Suspended), string(tenant.Deleting), string(tenant.Deleted):
	default:
		return none, errFilter
	}
	size, err := web.PageSize(in.PageSize)
	if err != nil {
		return none, err
	}
	after, err := base64.RawURLEncoding.DecodeString(in.PageToken)
	if err != nil {
		return none, web.ErrPageToken.Because(err)
	}
	page, next := []document{}, ""
	for _, t := range h.Registry.Directory.List().All() {
		if string(t.ID) <= string(after) || !in.shows(t) {
			continue
		}
		if len(page) == size {
			next = base64.RawURLEncoding.EncodeToString([]byte(page[size-1].ID))
			break
		}
		page = append(page, h.show(t))
	}
	links := web.PageLinks(ctx, route, size, url.Values{"state": {in.State}}, next)
	return web.Reply[[]document]{Header: http.Header{"Link": {links}}, Body: page}, nil
}

type createIn struct {
	ContentType string `header:"Content-Type"`
	Reuse       bool   `query:"reuse"`
	Body        []byte `body:"raw"`
}

func (h *Handler) create(ctx context.Context, in createIn) (web.Reply[document], error) {
	if !web.IsJSON(in.ContentType) {
		return web.Reply[document]{}, errMedia
	}
	d, err := ParseNew(in.Body)
	if err != nil {
		return web.Reply[document]{}, err
	}
	t, err := h.Registry.Create(ctx, d, in.Reuse)
	return h.reply(http.StatusCreated, t, err)
}

type idIn struct {
	ID string `path:"id"`
}

// get tells of one that is being deleted how far that is.
func (h *Handler) get(ctx context.Context, in idIn) (web.Reply[document], error) {
	t, err := h.Registry.Get(tenant.ID(in.ID))
	reply, err := h.reply(http.StatusOK, t, err)
	if err == nil && (t.State == tenant.Deleting || t.State == tenant.Deleted) {
		erasure, err := h.Registry.Erasure(ctx, t.ID)
		reply.Body.Deletion = &erasure
		return reply, err
	}
	return reply, err
}

type updateIn struct {
	ID          string `path:"id"`
	IfMatch     string `header:"If-Match"`
	ContentType string `header:"Content-Type"`
	Body        []byte `body:"raw"`
}

func (h *Handler) update(ctx context.Context, in updateIn) (web.Reply[document], error) {
	if !web.IsJSON(in.ContentType) {
		return web.Reply[document]{}, errMedia
	}
	t, err := h.Registry.Update(ctx, tenant.ID(in.ID), in.Body, precondition.Of(in.IfMatch, ""))
	return h.reply(http.StatusOK, t, err)
}

type stateIn struct {
	ID      string    `path:"id"`
	IfMatch string    `header:"If-Match"`
	Body    stateBody `body:"json,optional"`
}

type stateBody struct {
	Reason string `json:"reason"`
}

func (h *Handler) suspend(ctx context.Context, in stateIn) (web.Reply[document], error) {
	if !spell.Line(in.Body.Reason, maxReason) {
		return web.Reply[document]{}, errReason
	}
	t, err := h.Registry.Suspend(ctx, tenant.ID(in.ID), in.Body.Reason, precondition.Of(in.IfMatch, ""))
	return h.reply(http.StatusOK, t, err)
}

type resumeIn struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
}

func (h *Handler) resume(ctx context.Context, in resumeIn) (web.Reply[document], error) {
	t, err := h.Registry.Resume(ctx, tenant.ID(in.ID), precondition.Of(in.IfMatch, ""))
	return h.reply(http.StatusOK, t, err)
}

type removeIn struct {
	ID       string `path:"id"`
	Confirm  string `query:"confirm"`
	Activity string `query:"activity"`
	IfMatch  string `header:"If-Match"`
}

var errActivity = fault.New(fault.Invalid, "bad_request", "activity is keep or delete.")

// remove answers when the deletion has begun; get tells how far it is.
func (h *Handler) remove(ctx context.Context, in removeIn) (web.Reply[document], error) {
	switch {
	case in.Confirm != in.ID:
		return web.Reply[document]{}, ErrConfirm
	case in.Activity != "" && in.Activity != "keep" && in.Activity != "delete":
		return web.Reply[document]{}, errActivity
	}
	t, err := h.Registry.Delete(ctx, tenant.ID(in.ID), in.Activity == "delete", precondition.Of(in.IfMatch, ""))
	return h.reply(http.StatusAccepted, t, err)
}
