package session

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// owner gives the session of a request that asks about the person's other sessions, or ends them. It must have the level that
// whoami asks for: who knows no more than the password of somebody with a second factor is not to sign them out.
func (h *Handler) owner(r *http.Request) (*Session, error) {
	s, err := h.From(r)
	if err != nil {
		return nil, err
	}
	return s, h.Satisfied(r.Context(), s, h.Config.Whoami.RequiredAAL)
}

// listMine answers with the person's other active sessions.
func (h *Handler) listMine(w http.ResponseWriter, r *http.Request) error {
	s, err := h.owner(r)
	if err != nil {
		return err
	}
	f := Filter{}
	p, err := h.readPage(r, "of "+s.IdentityID, &f)
	if err != nil {
		return err
	}
	active := true
	f.IdentityID, f.Except, f.Active, f.People, f.Devices = s.IdentityID, s.ID, &active, true, true
	found, err := h.Store.List(r.Context(), f)
	if err != nil {
		return err
	}
	if err := h.count(w, r, f); err != nil {
		return err
	}
	if found, err = h.finish(w, r, "/sessions", p, found); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, found)
}

type countOut struct {
	Count int `json:"count"`
}

// revokeOthers ends all sessions of the person but the one that asks.
func (h *Handler) revokeOthers(w http.ResponseWriter, r *http.Request) error {
	s, err := h.owner(r)
	if err != nil {
		return err
	}
	n, err := h.Store.RevokeOthers(r.Context(), s.IdentityID, s.ID)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, countOut{n})
}

// revokeOne ends another session of the person. Of somebody else's it says the same and does nothing.
func (h *Handler) revokeOne(w http.ResponseWriter, r *http.Request) error {
	s, err := h.owner(r)
	if err != nil {
		return err
	}
	id, err := sessionID(r)
	if err != nil {
		return err
	}
	if id == s.ID {
		return ErrOwn
	}
	if err := h.Store.RevokeOwn(r.Context(), s.IdentityID, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sessionID returns the id in the path, in the form in which ids are stored.
func sessionID(r *http.Request) (string, error) { return parseID(r.PathValue("id")) }

// isID reports whether a text can be the id of a session.
func isID(text string) bool {
	_, err := parseID(text)
	return err == nil
}

func parseID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return "", errInvalid.With("The id is not a UUID.")
	}
	return id.String(), nil
}
