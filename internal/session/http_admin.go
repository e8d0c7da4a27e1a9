package session

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	adminRoute    = "/admin/sessions"
	identityRoute = "/admin/identities/{id}/sessions"
	// maxBulk is how many ids one call may name.
	maxBulk = 500
	// everybody stands for all identities in a bulk call.
	everybody = "*"
)

// MountAdmin registers the routes of the admin listener.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m.Handle("GET "+adminRoute, h.adminList)
	m.Handle("POST "+adminRoute, web.Call(h.adminManage))
	m.Handle("GET "+adminRoute+"/{id}", h.adminGet)
	m.Handle("DELETE "+adminRoute+"/{id}", h.adminRevoke)
	m.Handle("PATCH "+adminRoute+"/{id}/extend", h.adminExtend)
	m.Handle("GET "+identityRoute, h.adminListOf)
	m.Handle("DELETE "+identityRoute, h.adminDeleteOf)
}

func (h *Handler) adminList(w http.ResponseWriter, r *http.Request) error {
	f := Filter{}
	p, err := h.readPage(r, "all", &f)
	if err != nil {
		return err
	}
	if f.People, f.Devices, err = expand(r); err != nil {
		return err
	}
	return h.answerList(w, r, adminRoute, p, f)
}

func (h *Handler) adminListOf(w http.ResponseWriter, r *http.Request) error {
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	f := Filter{IdentityID: id, People: true, Devices: true}
	p, err := h.readPage(r, "of "+id, &f)
	if err != nil {
		return err
	}
	if err := h.count(w, r, f); err != nil {
		return err
	}
	return h.answerList(w, r, strings.Replace(identityRoute, "{id}", url.PathEscape(id), 1), p, f)
}

func (h *Handler) answerList(w http.ResponseWriter, r *http.Request, path string, p page, f Filter) error {
	found, err := h.Store.List(r.Context(), f)
	if err != nil {
		return err
	}
	if found, err = h.finish(w, r, path, p, found); err != nil {
		return err
	}
	list := make([]Admin, len(found))
	for i, s := range found {
		list[i] = Admin{s}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// expand reads which parts of a session's document are asked for: expand=identity&expand=devices.
func expand(r *http.Request) (people, devices bool, err error) {
	for _, word := range r.URL.Query()["expand"] {
		switch strings.ToLower(word) {
		case "identity":
			people = true
		case "devices":
			devices = true
		default:
			return false, false, errInvalid.With("expand must be identity or devices; give it twice for both.")
		}
	}
	return people, devices, nil
}

func (h *Handler) adminGet(w http.ResponseWriter, r *http.Request) error {
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	people, devices, err := expand(r)
	if err != nil {
		return err
	}
	got, err := h.Store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if !people {
		got.Identity = nil
	}
	if !devices {
		got.Devices = nil
	}
	return web.WriteJSON(w, http.StatusOK, Admin{got})
}

func (h *Handler) adminRevoke(w http.ResponseWriter, r *http.Request) error {
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	if err := h.Store.Revoke(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) adminExtend(w http.ResponseWriter, r *http.Request) error {
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	got, err := h.Store.Extend(r.Context(), id)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, Admin{got})
}

func (h *Handler) adminDeleteOf(w http.ResponseWriter, r *http.Request) error {
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	n, err := h.Store.DeleteAll(r.Context(), id)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound.With("There is no session of this identity.")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// manageIn is the body of a bulk call.
type manageIn struct {
	Body struct {
		Action     string   `json:"action"`
		Identities []string `json:"identities"`
		Sessions   []string `json:"sessions"`
	} `body:"json"`
}

// manageOut is its answer.
type manageOut struct {
	Processed int  `json:"processed"`
	More      bool `json:"more"`
}

func (h *Handler) adminManage(ctx context.Context, in manageIn) (manageOut, error) {
	b, err := bulk(in)
	if err != nil {
		return manageOut{}, err
	}
	n, more, err := h.Store.Manage(ctx, b)
	return manageOut{n, more}, err
}

func bulk(in manageIn) (b Bulk, err error) {
	body := in.Body
	if !slices.Contains([]string{"disable", "delete"}, body.Action) {
		return b, errInvalid.With("action must be disable or delete.")
	}
	if (len(body.Identities) > 0) == (len(body.Sessions) > 0) {
		return b, errInvalid.With("Give ids either in identities or in sessions.")
	}
	b.Delete = body.Action == "delete"
	if len(body.Identities) == 1 && body.Identities[0] == everybody {
		b.Everybody = true
		return b, nil
	}
	if b.Identities, err = parseIDs("identities", body.Identities); err != nil {
		return b, err
	}
	b.Sessions, err = parseIDs("sessions", body.Sessions)
	return b, err
}

func parseIDs(name string, texts []string) ([]string, error) {
	if len(texts) > maxBulk {
		return nil, errInvalid.Withf("%s may hold at most %d ids.", name, maxBulk)
	}
	ids := make([]string, 0, len(texts))
	for i, text := range texts {
		id, err := parseID(text)
		if err != nil {
			return nil, errInvalid.Withf("%s[%d] is not a UUID. \"*\" may only stand alone in identities.", name, i)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
