package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	// inspectedClients is how many clients are looked at, pageOfClients how many at a time.
	inspectedClients = 20_000
	pageOfClients    = 500
	// toldClients bounds how many findings about clients are told.
	toldClients = 500
	// inspectedKeys is how many admin keys are looked at.
	inspectedKeys = 1000
	// listBackupsIn is how long looking for backups may take.
	listBackupsIn = 10 * time.Second
)

// hardenFacts gathers what only a running server knows.
type hardenFacts struct {
	app     *App
	system  *secret.Ring
	seals   *seal.Seals
	clients *client.Store
	keys    *admin.Store
	geo     *authz.Geo
}

// gather gives the facts of this server and its configuration, without a secret.
func (h *hardenFacts) gather(ctx context.Context) (*harden.Facts, error) {
	f := h.app.cfg.Facts(now(), h.app.AdminURL(), nil)
	f.Server = &harden.Running{Version: h.app.version, Connections: h.connections(ctx, f.Databases)}
	// No tenant has a host below invalid (RFC 6761 §6.4): whoever answers for one answers for all.
	if t := h.app.tenants.List().Find("nobody.invalid", "").Tenant; t != nil {
		f.Server.AnyHost = string(t.ID)
	}
	for _, g := range h.geo.Status() {
		f.Server.Countries = append(f.Server.Countries, harden.Countries{Edition: g.Edition, Built: g.Built})
	}
	h.backups(ctx, f.Server)
	h.drills(ctx, f.Server)
	return f, errors.Join(h.sealing(ctx, f.Server), h.endless(ctx, f.Server), h.inspect(ctx, f.Server))
}

// sealing tells of the secrets, and of the servers that use them.
func (h *hardenFacts) sealing(ctx context.Context, r *harden.Running) error {
	list, err := h.seals.List(ctx)
	if err != nil {
		return err
	}
	r.Replicas, r.Waiting = max(1, len(list.Servers)), list.Waiting
	for _, k := range list.Keys {
		if k.State == seal.Opening && k.Since != nil {
			r.Sealing = append(r.Sealing, k.ID)
		}
	}
	return nil
}

// connections tells how the connections to databases on other machines are encrypted. A database that does not answer is no reason to
// tell nothing.
func (h *hardenFacts) connections(ctx context.Context, databases []harden.Database) []harden.Connection {
	var all []harden.Connection
	for _, d := range databases {
		db := h.app.databases.byName[d.Name]
		if d.Near || d.TLS == "" || db == nil {
			continue
		}
		c := harden.Connection{Name: d.Name, Path: d.Path}
		var err error
		if c.Cipher, err = db.Cipher(ctx); errors.Is(err, sqldb.ErrNoCipher) {
			c.Unknown = err.Error()
		} else if err != nil {
			c.Unknown = "the database did not say how the connection is encrypted"
		}
		all = append(all, c)
	}
	return all
}

// backups tells of the newest good backup at each destination. One that does not answer is no reason to tell nothing.
func (h *hardenFacts) backups(ctx context.Context, r *harden.Running) {
	ctx, cancel := context.WithTimeout(ctx, listBackupsIn)
	defer cancel()
	for _, d := range h.app.cfg.Backup.Destinations {
		r.Backups = append(r.Backups, harden.BackupsAt{Destination: d.Name})
	}
	b, err := newBackups(h.app.cfg, h.system, h.app.version, h.app.log)
	if err != nil {
		return
	}
	list, err := b.List(ctx)
	for _, one := range list {
		if one.Fault == "" {
			r.Note(one.Destinations, one.CreatedAt)
		}
	}
	var unread backup.Unreachable
	errors.As(err, &unread)
	for i := range r.Backups {
		if unread[r.Backups[i].Destination] != nil {
			r.Backups[i].Unread = "it cannot be read by this server"
		}
	}
}

// drills tells when backups were tried last, as far as this server has heard of it.
func (h *hardenFacts) drills(ctx context.Context, r *harden.Running) {
	last, err := backup.NewStore(h.app.databases.byName["management"]).LastDrill(ctx)
	if err != nil {
		r.Drills.Unread = "the management database does not say when backups were tried"
		return
	}
	r.Drills = harden.Drills{Succeeded: last.SucceededAt, Failed: last.FailedAt, Fault: last.Fault}
}

// endless tells of admin keys that never expire.
func (h *hardenFacts) endless(ctx context.Context, r *harden.Running) error {
	list, err := h.keys.List(ctx, admin.Filter{Tenant: admin.All, Limit: inspectedKeys})
	for _, k := range list {
		if k.State == admin.Active && k.ExpiresAt.IsZero() {
			r.EndlessKeys = append(r.EndlessKeys, k.ID)
		}
	}
	return err
}

// inspect looks at the clients of all tenants.
func (h *hardenFacts) inspect(ctx context.Context, r *harden.Running) error {
	for _, id := range h.app.tenants.List().Present() {
		ctx := tenant.With(ctx, id)
		for after := ""; ; {
			page, err := h.clients.List(ctx, client.Filter{After: after, Limit: pageOfClients})
			if err != nil {
				return err
			}
			for _, c := range page {
				r.Inspected++
				r.Clients = append(r.Clients, harden.InspectClient(harden.Registered{
					Tenant: string(id), ID: c.ID, Name: c.Name, RedirectURIs: c.RedirectURIs, ResponseTypes: c.ResponseTypes, Origins: c.AllowedCORSOrigins,
				})...)
			}
			if r.Inspected >= inspectedClients || len(r.Clients) > toldClients {
				r.Uninspected = fmt.Sprintf("there are more clients than the %d that were looked at", r.Inspected)
				return nil
			}
			if len(page) < pageOfClients {
				break
			}
			after = page[len(page)-1].ID
		}
	}
	return nil
}
