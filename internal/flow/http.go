package flow

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const route = "/admin/decisions"

var (
	errVerdict = fault.New(fault.Invalid, "bad_request", "verdict must be allowed, unauthorized, forbidden, unmatched, invalid or failed.")
	errLimit   = fault.New(fault.Invalid, "bad_request", "There is no limit here: page_size says how many events a page has.")
)

// Handler serves the events to who administers.
type Handler struct {
	// Store has them.
	Store *Store
}

// MountAdmin adds the route to the admin listener.
func (h *Handler) MountAdmin(mux *web.Mux) {
	mux.With(web.KratosErrors).Handle("GET "+route, web.Call(h.list))
}

// eventView is an event as the API shows it.
type eventView struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Rule     string    `json:"rule,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Method   string    `json:"method"`
	Host     string    `json:"host"`
	Path     string    `json:"path"`
	Verdict  Verdict   `json:"verdict"`
	Reason   string    `json:"reason,omitempty"`
	Duration int64     `json:"duration_us"`
	Bytes    int64     `json:"bytes"`
}

type listIn struct {
	PageSize  int     `query:"page_size"`
	Limit     string  `query:"limit"`
	PageToken string  `query:"page_token"`
	Rule      string  `query:"rule"`
	Verdict   Verdict `query:"verdict"`
	Subject   string  `query:"subject"`
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]eventView], error) {
	var none web.Reply[[]eventView]
	switch {
	case in.Limit != "":
		return none, errLimit
	case in.Verdict != "" && !in.Verdict.valid():
		return none, errVerdict
	}
	var err error
	if in.PageSize, err = web.PageSize(in.PageSize); err != nil {
		return none, err
	}
	if in.PageToken != "" {
		if _, err := uuid.Parse(in.PageToken); err != nil {
			return none, web.ErrPageToken.Because(err)
		}
	}
	// One more tells whether there is a next page.
	events, err := h.Store.List(ctx, Filter{Rule: in.Rule, Verdict: in.Verdict, Subject: in.Subject, Before: in.PageToken, Limit: in.PageSize + 1})
	if err != nil {
		return none, err
	}
	next := ""
	if len(events) > in.PageSize {
		events = events[:in.PageSize]
		next = events[in.PageSize-1].ID
	}
	views := make([]eventView, len(events))
	for i, e := range events {
		views[i] = eventView{
			ID: e.ID, Time: e.Time, Rule: e.Rule, Subject: e.Subject, Method: e.Method, Host: e.Host, Path: e.Path,
			Verdict: e.Verdict, Reason: e.Reason, Duration: e.Duration.Microseconds(), Bytes: e.Bytes,
		}
	}
	links := web.PageLinks(ctx, route, in.PageSize,
		url.Values{"rule": {in.Rule}, "verdict": {string(in.Verdict)}, "subject": {in.Subject}}, next)
	return web.Reply[[]eventView]{Header: http.Header{"Link": {links}}, Body: views}, nil
}
