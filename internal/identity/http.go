package identity

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const route = "/admin/identities"

// Handler serves the admin API of identities, and the schemas.
type Handler struct {
	// Admin has the rules.
	Admin *Admin
	// Ring seals page tokens. Give it a ring of its own purpose.
	Ring *secret.Ring
}

// MountAdmin adds the routes to the admin listener. Their errors have the shape of Ory Kratos'.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m.Handle("GET "+route, web.Call(h.list))
	m.Handle("POST "+route, web.Call(h.create))
	m.Handle("PATCH "+route, web.Call(h.batch))
	m.Handle("POST "+route+"/reindex", web.Call(h.reindex))
	m.Handle("GET "+route+"/{id}", web.Call(h.get))
	m.Handle("GET "+route+"/by/external/{id}", web.Call(h.getExternal))
	m.Handle("PUT "+route+"/{id}", web.Call(h.put))
	m.Handle("PATCH "+route+"/{id}", web.Call(h.patch))
	m.Handle("DELETE "+route+"/{id}", web.Call(h.remove))
	m.Handle("DELETE "+route+"/{id}/credentials/{type}", web.Call(h.removeCredential))
	h.mountSchemas(m)
}

// MountPublic adds the schemas to the public listener.
func (h *Handler) MountPublic(mux *web.Mux) { h.mountSchemas(mux.With(web.KratosErrors)) }

// adminIdentity is an identity as an operator sees it: metadata_admin is there even when it is null, and of credentials the
// documents that were asked for.
type adminIdentity struct {
	*Identity
	Credentials   map[string]Credential `json:"credentials,omitempty"`
	MetadataAdmin json.RawMessage       `json:"metadata_admin"`
}

func (h *Handler) show(id *Identity, include ...string) adminIdentity {
	view := adminIdentity{Identity: id, MetadataAdmin: id.MetadataAdmin}
	if id.Credentials != nil {
		view.Credentials = make(map[string]Credential, len(id.Credentials))
	}
	for kind, c := range id.Credentials {
		if !slices.Contains(include, kind) {
			c.Config = nil
		}
		view.Credentials[kind] = c
	}
	return view
}

// checkInclude refuses types of credentials that there are not, and whoever may not see any: they hold hashes of passwords and
// secrets of second factors.
func checkInclude(ctx context.Context, types []string) error {
	if len(types) > 0 {
		if err := web.Require(ctx, web.Need{Role: actor.RoleOperator}); err != nil {
			return err
		}
	}
	for _, t := range types {
		if !slices.Contains(append(credentialKinds(), "profile", "identifier_first", "link_recovery", "code_recovery"), t) {
			return ErrInvalid.With("include_credential: it is no type of credentials. Those there are: password, oidc, saml, totp, lookup_secret, webauthn, passkey, code, deviceauthn.")
		}
	}
	return nil
}

type createIn struct {
	Body NewIdentity `body:"json"`
}

func (h *Handler) create(ctx context.Context, in createIn) (web.Reply[adminIdentity], error) {
	made, err := h.Admin.Create(ctx, &in.Body)
	if err != nil {
		return web.Reply[adminIdentity]{}, err
	}
	location := web.Base(ctx).Path(route + "/" + made.ID)
	return web.Reply[adminIdentity]{Status: http.StatusCreated, Header: http.Header{"Location": {location}}, Body: h.show(made)}, nil
}

type getIn struct {
	ID      string   `path:"id"`
	Include []string `query:"include_credential"`
}

func (h *Handler) get(ctx context.Context, in getIn) (adminIdentity, error) {
	if err := checkInclude(ctx, in.Include); err != nil {
		return adminIdentity{}, err
	}
	id, err := h.Admin.Store.WithCredentials(ctx, in.ID)
	if err != nil {
		return adminIdentity{}, err
	}
	return h.show(id, in.Include...), nil
}

func (h *Handler) getExternal(ctx context.Context, in getIn) (adminIdentity, error) {
	id, err := h.Admin.Store.ByExternalID(ctx, in.ID)
	if err != nil {
		return adminIdentity{}, err
	}
	return h.get(ctx, getIn{ID: id.ID, Include: in.Include})
}

type putIn struct {
	ID   string      `path:"id"`
	Body Replacement `body:"json"`
}

func (h *Handler) put(ctx context.Context, in putIn) (adminIdentity, error) {
	id, err := h.Admin.Replace(ctx, in.ID, &in.Body)
	if err != nil {
		return adminIdentity{}, err
	}
	return h.show(id), nil
}

type patchIn struct {
	ID   string          `path:"id"`
	Body json.RawMessage `body:"json"`
}

func (h *Handler) patch(ctx context.Context, in patchIn) (adminIdentity, error) {
	id, err := h.Admin.Patch(ctx, in.ID, in.Body)
	if err != nil {
		return adminIdentity{}, err
	}
	return h.show(id), nil
}

type idIn struct {
	ID string `path:"id"`
}

func (h *Handler) remove(ctx context.Context, in idIn) (web.NoContent, error) {
	return web.NoContent{}, h.Admin.Store.Delete(ctx, in.ID)
}

type credentialIn struct {
	ID         string `path:"id"`
	Type       string `path:"type"`
	Identifier string `query:"identifier"`
}

func (h *Handler) removeCredential(ctx context.Context, in credentialIn) (web.NoContent, error) {
	return web.NoContent{}, h.Admin.RemoveCredential(ctx, in.ID, in.Type, in.Identifier)
}
