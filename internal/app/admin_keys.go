package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenancy"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// AdminKeys gives do the API of the admin keys over the databases of a configuration, without a server: how the first key is made,
// and how keys are made where no key is known any more. Servers that run on the databases hear of every change. It makes the tables
// where a server would.
func AdminKeys(ctx context.Context, cfg *config.Config, do func(api http.RoundTripper) error) error {
	if cfg.Databases.Management.Memory() {
		return errors.New("the databases are in the memory of their server: ask that, with --endpoint http://127.0.0.1:4445")
	}
	if err := cfg.Unwrap(ctx); err != nil {
		return err
	}
	err := withDatabases(ctx, cfg, func(d *databases) error {
		if err := d.migrate(ctx, cfg.Databases.AutoMigrate, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		if errors.Is(migrations.Check(ctx, d.byName["management"], "management"), migrations.ErrPending) {
			return ErrPending
		}
		if err := d.heed(ctx); err != nil {
			return err
		}
		system, err := followed(ctx, cfg, d)
		if err != nil {
			return err
		}
		mux := web.NewMux(web.KratosErrors, web.Options{Guard: func(_ http.ResponseWriter, r *http.Request) error {
			web.ActAs(r.Context(), actor.Actor{Kind: actor.Operator, ID: "gatehouse admin keys", Role: actor.RoleAdmin, Everywhere: true})
			return nil
		}})
		tenants, err := readTenants(ctx, cfg, d)
		if err != nil {
			return err
		}
		there := func(id tenant.ID) bool { return isPresent(tenants.List(), id) }
		(&admin.Handler{Store: newAdminKeys(d, system), Tenants: there}).MountAdmin(mux)
		return do(inProcess{mux})
	})
	if errors.Is(err, sqldb.ErrHeld) {
		return fmt.Errorf("%w. If that is the server, ask it: add --endpoint http://127.0.0.1:4445, or where its admin API is", err)
	}
	return err
}

// readTenants learns which tenants there are on the databases.
func readTenants(ctx context.Context, cfg *config.Config, d *databases) (*tenant.Directory, error) {
	directory := tenant.NewDirectory(cfg.Tenants.Directory(), cfg.Serve.Public.Options().BaseURL.Host())
	registry := tenancy.New(tenancy.Options{
		Store: tenancy.NewStore(d.byName["management"], d.feeds["management"]), Directory: directory, Log: slog.New(slog.DiscardHandler),
	})
	return directory, registry.Open(ctx)
}

// followed gives the ring of the system secrets as the servers on the databases use it.
func followed(ctx context.Context, cfg *config.Config, d *databases) (*secret.Ring, error) {
	ring, err := secret.NewRing(cfg.Secrets.System)
	if err != nil {
		return nil, err
	}
	return ring, (&seal.Seals{Store: seal.NewStore(d.sealing()), System: ring}).Follow(ctx)
}

// inProcess answers requests by a handler of this process.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper. Where a handler breaks off, as it does when nobody waits for its answer, there is none.
func (p inProcess) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	defer func() {
		switch broken := recover(); broken {
		case nil:
		case http.ErrAbortHandler:
			err = errors.Join(http.ErrAbortHandler, r.Context().Err())
		default:
			panic(broken)
		}
	}()
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	p.handler.ServeHTTP(w, in)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
