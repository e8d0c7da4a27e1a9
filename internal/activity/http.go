package activity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const route = "/admin/activity"

var (
	errOrder  = fault.New(fault.Invalid, "bad_request", "order must be newest or oldest.")
	errTenant = fault.New(fault.Invalid, "bad_request", "This address belongs to another tenant: ask at one of the hosts of the tenant that you mean.")
	errFilter = fault.New(fault.Invalid, "bad_request", "The filter cannot be read.")
)

// Handler serves the log to who administers.
type Handler struct {
	// Store has it.
	Store *Store
}

// MountAdmin adds the routes to the admin listener.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("GET "+route+"/verify", h.verify)
}

type listIn struct {
	Tenant    string `query:"tenant"`
	Actor     string `query:"actor"`
	Subject   string `query:"subject"`
	Action    string `query:"action"`
	From      string `query:"from"`
	To        string `query:"to"`
	Order     string `query:"order"`
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
}

// filter reads what is asked for.
func (in *listIn) filter(ctx context.Context) (f Filter, err error) {
	if id, _ := tenant.From(ctx); in.Tenant != "" && in.Tenant != string(id) {
		return f, errTenant
	}
	if in.PageSize, err = web.PageSize(in.PageSize); err != nil {
		return f, err
	}
	f = Filter{Actor: in.Actor, Subject: in.Subject, Action: in.Action, Limit: in.PageSize, Forward: in.Order == "oldest"}
	if in.Order != "" && in.Order != "oldest" && in.Order != "newest" {
		return f, errOrder
	}
	if in.PageToken != "" {
		if f.After, err = strconv.ParseInt(in.PageToken, 10, 64); err != nil || f.After < 1 {
			return f, web.ErrPageToken
		}
	}
	if f.From, err = ParseTime(in.From); err != nil {
		return f, errFilter.With("from: " + err.Error() + ".")
	}
	if f.To, err = ParseTime(in.To); err != nil {
		return f, errFilter.With("to: " + err.Error() + ".")
	}
	if err := f.check(); err != nil {
		return f, errFilter.With(err.Error() + ".")
	}
	return f, nil
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]json.RawMessage], error) {
	var none web.Reply[[]json.RawMessage]
	f, err := in.filter(ctx)
	if err != nil {
		return none, err
	}
	page, err := h.Store.List(ctx, f)
	if err != nil {
		return none, err
	}
	next := ""
	if page.Next > 0 {
		next = strconv.FormatInt(page.Next, 10)
	}
	views := make([]json.RawMessage, len(page.Lines))
	for i, l := range page.Lines {
		views[i] = l.JSON()
	}
	links := web.PageLinks(ctx, route, in.PageSize, url.Values{
		"tenant": {in.Tenant}, "actor": {in.Actor}, "subject": {in.Subject}, "action": {in.Action},
		"from": {in.From}, "to": {in.To}, "order": {in.Order},
	}, next)
	return web.Reply[[]json.RawMessage]{Header: http.Header{"Link": {links}}, Body: views}, nil
}

// verify checks the log however long that takes: a listener's time limit would make a long log one that cannot be checked.
func (h *Handler) verify(w http.ResponseWriter, r *http.Request) error {
	known, err := ParseKnown(r.URL.Query().Get("known"))
	if err != nil {
		return errFilter.With("known: " + err.Error() + ".")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // where that cannot be set, the limit stays
	report, err := h.Store.Verify(r.Context(), known)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, report)
}
