package courier

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	route           = "/admin/courier/messages"
	defaultPageSize = 250
	maxPageSize     = 1000

	// hidden is what the admin API shows in place of a text, as Kratos does.
	hidden = "<redacted-unless-dev-mode>"
)

var (
	errStatus = fault.New(fault.Invalid, "bad_request", "status must be queued, processing, sent or abandoned.")
	errID     = fault.New(fault.Invalid, "bad_request", "The id of a message is a UUID.")
	errSize   = fault.New(fault.Invalid, "bad_request", "page_size must be from 1 to 1000.")
)

// Handler serves Ory's admin API of messages.
type Handler struct {
	// Courier has the messages.
	Courier *Courier
	// Ring seals page tokens. Give it a ring of its own purpose.
	Ring *secret.Ring
}

// MountAdmin adds the routes to the admin listener. Their errors have the shape of Ory Kratos'.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m = m.For(actor.RoleOperator) // messages hold codes, with which one signs in as their receiver
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("GET "+route+"/{id}", web.Call(h.get))
	m.Handle("POST "+route+"/{id}/requeue", web.Call(h.requeue))
}

// messageView is a message as Ory's API shows it.
type messageView struct {
	ID           string         `json:"id"`
	Status       Status         `json:"status"`
	Type         string         `json:"type"`
	Recipient    string         `json:"recipient"`
	Body         string         `json:"body"`
	Subject      string         `json:"subject"`
	TemplateType string         `json:"template_type"`
	Channel      string         `json:"channel"`
	SendCount    int            `json:"send_count"`
	Dispatches   []dispatchView `json:"dispatches,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
}

type dispatchView struct {
	ID        string     `json:"id"`
	MessageID string     `json:"message_id"`
	Status    string     `json:"status"`
	Error     *errorView `json:"error,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// errorView has the shape of Ory's errors.
type errorView struct {
	Code    int    `json:"code"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func (h *Handler) view(r *record) messageView {
	v := messageView{
		ID: r.ID, Status: r.Status, Type: typeOf(r.Channel), Recipient: r.Recipient, Body: hidden, TemplateType: r.Template,
		Channel: r.Channel, SendCount: r.SendCount, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if r.Document != nil {
		v.Subject = r.Document.Subject
	}
	if h.Courier.showsBodies() {
		v.Body = ""
		if r.Document != nil {
			v.Body = r.Document.Body
		}
	}
	return v
}

type idIn struct {
	ID string `path:"id"`
}

func (h *Handler) get(ctx context.Context, in idIn) (messageView, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return messageView{}, errID
	}
	r, err := h.Courier.store.get(ctx, id.String())
	if err != nil {
		return messageView{}, err
	}
	return h.whole(r), nil
}

// requeue has an abandoned message sent after all.
func (h *Handler) requeue(ctx context.Context, in idIn) (messageView, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return messageView{}, errID
	}
	r, err := h.Courier.requeue(ctx, id.String())
	if err != nil {
		return messageView{}, err
	}
	return h.whole(r), nil
}

// whole is a message with its attempts.
func (h *Handler) whole(r *record) messageView {
	v := h.view(r)
	for _, d := range r.Dispatches {
		one := dispatchView{ID: d.ID, MessageID: r.ID, Status: "success", CreatedAt: d.CreatedAt, UpdatedAt: d.CreatedAt}
		if d.Failed {
			one.Status = "failed"
			one.Error = &errorView{
				Code: http.StatusInternalServerError, Status: http.StatusText(http.StatusInternalServerError),
				Reason: d.Reason, Message: "The message could not be sent",
			}
		}
		v.Dispatches = append(v.Dispatches, one)
	}
	return v
}

type listIn struct {
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
	Status    Status `query:"status"`
	Recipient string `query:"recipient"`
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]messageView], error) {
	var none web.Reply[[]messageView]
	f, err := h.filter(ctx, in)
	if err != nil {
		return none, err
	}
	size := f.limit
	f.limit++ // one more tells whether there is a next page
	all, err := h.Courier.store.list(ctx, f)
	if err != nil {
		return none, err
	}
	total, err := h.Courier.store.count(ctx, f)
	if err != nil {
		return none, err
	}
	next := ""
	if len(all) > size {
		all = all[:size]
		if next, err = h.Ring.Seal([]byte(all[size-1].ID), pageData(ctx, in)); err != nil {
			return none, err
		}
	}
	views := make([]messageView, len(all))
	for i, r := range all {
		views[i] = h.view(r)
	}
	links := web.PageLinks(ctx, route, size, url.Values{"status": {string(in.Status)}, "recipient": {in.Recipient}}, next)
	return web.Reply[[]messageView]{Header: http.Header{"Link": {links}, "X-Total-Count": {strconv.Itoa(total)}}, Body: views}, nil
}

// filter reads which messages are asked for.
func (h *Handler) filter(ctx context.Context, in listIn) (filter, error) {
	f := filter{status: in.Status, recipient: in.Recipient, limit: min(in.PageSize, maxPageSize)}
	switch {
	case in.Status != "" && !in.Status.valid():
		return f, errStatus
	case in.PageSize < 0:
		return f, errSize
	case in.PageSize == 0:
		f.limit = defaultPageSize
	}
	if in.PageToken == "" {
		return f, nil
	}
	last, err := h.Ring.Open(in.PageToken, pageData(ctx, in))
	if err != nil {
		return f, web.ErrPageToken.Because(err)
	}
	f.before = string(last)
	return f, nil
}

// pageData binds a page token to the tenant and the list that it continues.
func pageData(ctx context.Context, in listIn) []byte {
	id, _ := tenant.From(ctx)
	return []byte(string(id) + "\x00" + string(in.Status) + "\x00" + in.Recipient)
}
