package keys

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Path is where the public key set is, as discovery names it.
const Path = "/.well-known/jwks.json"

// MountPublic serves the public key set.
func (k *Keys) MountPublic(m *web.Mux) {
	maxAge := "public, max-age=" + strconv.Itoa(int(k.Config.maxAge()/time.Second))
	m.Handle("GET "+Path, func(w http.ResponseWriter, r *http.Request) error {
		d, err := k.document(r.Context())
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Cache-Control", maxAge)
		h.Set("ETag", d.etag)
		if matches(r.Header.Get("If-None-Match"), d.etag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return web.WriteRawJSON(w, http.StatusOK, d.body)
	})
}

// matches compares weakly, as RFC 9110 §13.1.2 says for If-None-Match.
func matches(header, etag string) bool {
	if header == "" {
		return false
	}
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}

// MountAdmin serves Ory's API of key sets, and two routes of our own: the list of all sets, and rotation. Those two show no key and
// take none. Whoever reads or writes one can be this server to all who believe its signatures, so that is for admins.
func (k *Keys) MountAdmin(m *web.Mux) {
	m = m.With(web.HydraErrors)
	m.Handle("GET /admin/keys", web.Call(k.listSets))
	m.Handle("POST /admin/keys/{set}/rotate", web.Call(k.rotateSet))
	m = m.For(actor.RoleAdmin)
	m.Handle("GET /admin/keys/{set}", web.Call(func(ctx context.Context, in inSet) (jose.JSONWebKeySet, error) {
		return k.Get(ctx, in.Set)
	}))
	m.Handle("POST /admin/keys/{set}", web.Call(k.createKey))
	m.Handle("PUT /admin/keys/{set}", web.Call(func(ctx context.Context, in putSet) (jose.JSONWebKeySet, error) {
		return k.PutSet(ctx, in.Set, in.Body.Keys)
	}))
	m.Handle("DELETE /admin/keys/{set}", web.Call(func(ctx context.Context, in inSet) (web.NoContent, error) {
		return web.NoContent{}, k.DeleteSet(ctx, in.Set)
	}))
	m.Handle("GET /admin/keys/{set}/{kid}", web.Call(func(ctx context.Context, in inKey) (jose.JSONWebKeySet, error) {
		return k.GetKey(ctx, in.Set, in.ID)
	}))
	m.Handle("PUT /admin/keys/{set}/{kid}", web.Call(func(ctx context.Context, in putKey) (jose.JSONWebKey, error) {
		return k.Put(ctx, in.Set, in.Body)
	}))
	m.Handle("DELETE /admin/keys/{set}/{kid}", web.Call(func(ctx context.Context, in inKey) (web.NoContent, error) {
		return web.NoContent{}, k.Delete(ctx, in.Set, in.ID)
	}))
}

type inSet struct {
	Set string `path:"set"`
}

type inKey struct {
	Set string `path:"set"`
	ID  string `path:"kid"`
}

type createKey struct {
	Set  string `path:"set"`
	Body NewKey `body:"json,lenient"`
}

type putSet struct {
	Set  string `path:"set"`
	Body struct {
		Keys []json.RawMessage `json:"keys"`
	} `body:"json,lenient"`
}

// putKey has no kid: Ory takes the one of the body, and so do we.
type putKey struct {
	Set  string          `path:"set"`
	Body json.RawMessage `body:"json"`
}

type rotateSet struct {
	Set       string `path:"set"`
	Emergency bool   `query:"emergency"`
}

func (k *Keys) createKey(ctx context.Context, in createKey) (web.Reply[jose.JSONWebKeySet], error) {
	made, err := k.Create(ctx, in.Set, in.Body)
	return web.Reply[jose.JSONWebKeySet]{
		Status: http.StatusCreated,
		Header: http.Header{"Location": {"/admin/keys/" + url.PathEscape(in.Set)}},
		Body:   made,
	}, err
}

// setView is a set as the list and the rotation show it.
type setView struct {
	Set  string    `json:"set"`
	Keys []keyView `json:"keys"`
}

type keyView struct {
	ID          string     `json:"kid"`
	Algorithm   string     `json:"alg"`
	Use         string     `json:"use"`
	State       State      `json:"state"`
	Origin      Origin     `json:"origin"`
	CreatedAt   time.Time  `json:"created_at"`
	ActivatedAt *time.Time `json:"activated_at,omitempty"`
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	RemoveAt    *time.Time `json:"remove_at,omitempty"`
}

func (s *Set) view() setView {
	v := setView{Set: s.Name, Keys: make([]keyView, len(s.Keys))}
	for i, k := range s.Keys {
		v.Keys[i] = keyView{
			ID: k.ID, Algorithm: k.Algorithm, Use: k.Use, State: k.State, Origin: k.Origin, CreatedAt: k.CreatedAt,
			ActivatedAt: given(k.ActivatedAt), RetiredAt: given(k.RetiredAt), RemoveAt: given(k.RemoveAt),
		}
	}
	return v
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (k *Keys) listSets(ctx context.Context, _ struct{}) ([]setView, error) {
	sets, err := k.List(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]setView, len(sets))
	for i := range sets {
		views[i] = sets[i].view()
	}
	return views, nil
}

func (k *Keys) rotateSet(ctx context.Context, in rotateSet) (setView, error) {
	how := k.Rotate
	if in.Emergency {
		how = k.RotateEmergency
	}
	if err := how(ctx, in.Set); err != nil {
		return setView{}, err
	}
	s, err := k.Describe(ctx, in.Set)
	return s.view(), err
}
