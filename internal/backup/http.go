package backup

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	route = "/admin/data/backups"
	// tellIn bounds how long the end of a backup is told, and noted.
	tellIn = 10 * time.Second
)

// Report tells a server of a backup that somebody else made of it: how it went.
type Report struct {
	// ID names the backup; empty: there is none. Kind, Rows, Bytes, Millis and Destinations are as in its manifest.
	ID           string   `json:"id,omitempty"`
	Kind         Kind     `json:"kind,omitempty"`
	Rows         int64    `json:"rows,omitempty"`
	Bytes        int64    `json:"bytes,omitempty"`
	Millis       int64    `json:"millis,omitempty"`
	Destinations []string `json:"destinations,omitempty"`
	// Failed says why destinations did not get it, by their names; Fault what else was wrong.
	Failed map[string]string `json:"failed,omitempty"`
	Fault  string            `json:"fault,omitempty"`
}

// ReportOf says what Create returned.
func ReportOf(made *Created, err error) (r Report) {
	if made != nil {
		r = Report{ID: made.ID, Kind: made.Kind, Rows: made.Rows, Bytes: made.Data.Size, Millis: made.Millis, Destinations: made.Destinations}
	}
	failed, ok := errors.AsType[*Failed](err)
	switch {
	case ok:
		r.Failed = map[string]string{}
		for name, why := range failed.Unreachable {
			r.Failed[name] = spell.Short(why.Error(), maxWhy)
		}
	case err != nil:
		r.Fault = spell.Short(err.Error(), maxWhy)
	}
	return r
}

// ToTell is a context in which the end of a backup is told: it goes on for a while where that end was that ctx had ended, as it has
// when whoever calls the command interrupts it.
func ToTell(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tellIn)
}

// Send tells the server, also when ctx has ended.
func (r Report) Send(ctx context.Context, to *apiclient.Server) error {
	ctx, cancel := ToTell(ctx)
	defer cancel()
	_, err := to.Do(ctx, apiclient.Call{Method: http.MethodPost, Path: route, Body: r}, nil)
	return err
}

// maxWhy bounds what is kept of an error. Unit: bytes.
const maxWhy = 500

// result is what ReportOf was given, as far as servers tell of it.
func (r Report) result() (made *Created, err error) {
	if r.ID != "" {
		made = &Created{Manifest: Manifest{ID: r.ID, Kind: r.Kind, Rows: r.Rows, Millis: r.Millis, Data: File{Size: r.Bytes}}, Destinations: r.Destinations}
	}
	if r.Fault != "" {
		return made, errors.New(spell.Short(r.Fault, maxWhy))
	}
	if len(r.Failed) == 0 {
		return made, nil
	}
	failed := &Failed{Unreachable: Unreachable{}, Anywhere: made != nil}
	for name, why := range r.Failed {
		failed.Unreachable[name] = errors.New(spell.Short(why, maxWhy))
	}
	return made, failed
}

var errReport = fault.New(fault.Invalid, "bad_request", "A report names a backup by its id and kind, or says what failed; destinations are named as in backup.destinations.")

// valid tells whether all can be what ReportOf wrote.
func (r Report) valid() bool {
	for _, name := range r.Destinations {
		if !isName(name) {
			return false
		}
	}
	for name := range r.Failed {
		if !isName(name) {
			return false
		}
	}
	if r.ID == "" {
		return r.Fault != "" || len(r.Failed) > 0
	}
	_, _, ok := taken(prefix + r.ID + manifestSuffix)
	return ok && (r.Kind == Full || r.Kind == Incremental) && r.Rows >= 0 && r.Bytes >= 0 && r.Millis >= 0
}

// Handler has who made a backup of a running server tell it how that went. It is for the admin listener alone.
type Handler struct {
	// Tell is Schedule.Tell, and notes the backup besides.
	Tell func(ctx context.Context, made *Created, fault error) error
}

type reportIn struct {
	Body Report `body:"json"`
}

// MountAdmin adds the route to the admin listener.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors).For(actor.RoleAdmin).Everywhere()
	m.Handle("POST "+route, web.Call(func(ctx context.Context, in reportIn) (web.NoContent, error) {
		if !in.Body.valid() {
			return web.NoContent{}, errReport
		}
		made, err := in.Body.result()
		return web.NoContent{}, h.Tell(ctx, made, err)
	}))
}
