package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// caller sends JSON with a key to a path of a tenant's host.
type caller struct {
	h         http.Handler
	host, key string
}

func (c caller) send(t testing.TB, method, path, body string, want int, out any) http.Header {
	t.Helper()
	w := ask(t, c.h, method, "http://"+c.host+path, "Bearer "+c.key, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	})
	if w.Code != want {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, want, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
	}
	return w.Header()
}

type madeView struct {
	ID, Tenant, Name, Role, State, Key string
	Only                               []string
	ExpiresAt                          time.Time `json:"expires_at"`
	ReplacedBy                         string    `json:"replaced_by"`
}

func TestAPIOfKeys(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	root := caller{f.listener(), "acme.test", configured}
	var made, again, next, old madeView
	header := root.send(t, http.MethodPost, "/admin/admin-keys", `{"name":"deploys","role":"operator","only":["clients"],"expires":"2026-04-01"}`, http.StatusCreated, &made)
	if made.Tenant != "acme" || made.State != "active" || !strings.HasPrefix(made.Key, "gh_admin_") || header.Get("Location") != "/admin/admin-keys/"+made.ID {
		t.Errorf("%+v %v", made, header)
	}
	root.send(t, http.MethodGet, "/admin/admin-keys/"+made.ID, "", http.StatusOK, &again)
	if again.Key != "" || again.Name != "deploys" || len(again.Only) != 1 {
		t.Errorf("shown again: %+v", again)
	}
	caller{root.h, "acme.test", made.Key}.send(t, http.MethodPost, "/admin/clients", "", http.StatusOK, nil)
	root.send(t, http.MethodPost, "/admin/admin-keys/"+made.ID+"/rotate", `{"grace":"0s"}`, http.StatusCreated, &next)
	root.send(t, http.MethodGet, "/admin/admin-keys/"+made.ID, "", http.StatusOK, &old)
	if old.State != "expired" || old.ReplacedBy != next.ID || next.Key == made.Key || !next.ExpiresAt.Equal(made.ExpiresAt) {
		t.Errorf("%+v was rotated to %+v", old, next)
	}
	root.send(t, http.MethodPost, "/admin/admin-keys/"+made.ID+"/rotate", "", http.StatusConflict, nil)
	root.send(t, http.MethodDelete, "/admin/admin-keys/"+next.ID, "", http.StatusNoContent, nil)
	caller{root.h, "acme.test", next.Key}.send(t, http.MethodPost, "/admin/clients", "", http.StatusUnauthorized, nil)
	for _, wrong := range []string{
		`{"role":"operator"}`, `{"name":"a","role":"root"}`, `{"name":"a","role":"viewer","expires":"2020-01-01"}`,
		`{"name":"a","role":"viewer","tenant":"A B"}`, `{"name":"a","role":"viewer","tenant":"nobody"}`, `{"name":"a","role":"viewer","only":["/x"]}`, `{"name":"a","role":"viewer","rolle":"x"}`, `{"name":"a","role":"viewer","expires":"soon"}`, ``,
	} {
		root.send(t, http.MethodPost, "/admin/admin-keys", wrong, http.StatusBadRequest, nil)
	}
	root.send(t, http.MethodPost, "/admin/admin-keys/"+made.ID+"/rotate", `{"grace":"soon"}`, http.StatusBadRequest, nil)
	root.send(t, http.MethodDelete, "/admin/admin-keys/none", "", http.StatusNotFound, nil)
	root.send(t, http.MethodGet, "/admin/admin-keys?page_size=1001", "", http.StatusBadRequest, nil)
	root.send(t, http.MethodGet, "/admin/admin-keys?page_token=x", "", http.StatusBadRequest, nil)

	ids := map[string]bool{}
	for next := "/admin/admin-keys?page_size=1"; next != ""; {
		var page []madeView
		links := root.send(t, http.MethodGet, next, "", http.StatusOK, &page).Get("Link")
		for _, k := range page {
			ids[k.ID] = true
			if k.Key != "" {
				t.Errorf("the list shows a key: %+v", k)
			}
		}
		next = ""
		for link := range strings.SplitSeq(links, ",") {
			if address, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				next = strings.TrimPrefix(address, "<")
			}
		}
	}
	if len(ids) != 2 || !ids[made.ID] {
		t.Errorf("listed are %v", ids)
	}
}

// A key that is confined to the keys looks after them, and makes none that could do more than itself.
func TestAConfinedKeyMakesNoKeys(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	confined := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleAdmin, Only: []string{"admin-keys"}})
	other := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleAdmin})
	me := caller{f.listener(), "acme.test", confined.Text}
	me.send(t, http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"admin"}`, http.StatusForbidden, nil)
	me.send(t, http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"admin","only":["admin-keys"]}`, http.StatusForbidden, nil)
	for _, id := range []string{other.ID, confined.ID} {
		me.send(t, http.MethodPost, "/admin/admin-keys/"+id+"/rotate", "", http.StatusForbidden, nil)
	}
	me.send(t, http.MethodGet, "/admin/admin-keys/"+other.ID, "", http.StatusOK, nil)
	me.send(t, http.MethodDelete, "/admin/admin-keys/"+other.ID, "", http.StatusNoContent, nil)
}

// An administrator of one tenant sees, makes and ends that tenant's keys and no others.
func TestAdministratorsOfATenantStayThere(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	mine := f.add(t, admin.New{Tenant: "acme", Role: actor.RoleAdmin})
	theirs := f.add(t, admin.New{Tenant: "default", Role: actor.RoleViewer})
	every := f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleViewer})
	me := caller{f.listener(), "acme.test", mine.Text}
	for _, id := range []string{theirs.ID, every.ID} {
		me.send(t, http.MethodGet, "/admin/admin-keys/"+id, "", http.StatusNotFound, nil)
		me.send(t, http.MethodDelete, "/admin/admin-keys/"+id, "", http.StatusNotFound, nil)
		me.send(t, http.MethodPost, "/admin/admin-keys/"+id+"/rotate", "", http.StatusNotFound, nil)
	}
	for _, of := range []string{"default", "*"} {
		me.send(t, http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"viewer","tenant":"`+of+`"}`, http.StatusForbidden, nil)
		me.send(t, http.MethodGet, "/admin/admin-keys?tenant="+of, "", http.StatusForbidden, nil)
	}
	var list []madeView
	me.send(t, http.MethodGet, "/admin/admin-keys", "", http.StatusOK, &list)
	if len(list) != 1 || list[0].ID != mine.ID {
		t.Errorf("listed are %+v", list)
	}
	var made, eternal madeView
	me.send(t, http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"admin"}`, http.StatusCreated, &made)
	me.send(t, http.MethodPost, "/admin/admin-keys/"+made.ID+"/rotate", `{"expires":"never"}`, http.StatusCreated, &eternal)
	if !eternal.ExpiresAt.IsZero() {
		t.Errorf("%+v", eternal)
	}
	if made.Tenant != "acme" || !made.ExpiresAt.Equal(f.clock.Now().Add(90*24*time.Hour)) {
		t.Errorf("%+v", made)
	}
}
