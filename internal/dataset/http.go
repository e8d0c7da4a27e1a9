package dataset

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// The routes of the admin API.
const (
	route        = "/admin/data"
	routeFreeze  = route + "/freeze"
	routeExport  = route + "/export"
	routeSecrets = route + "/secrets"
)

const maxWhy = 200

var (
	errRecipient = fault.New(fault.Invalid, "bad_request", "recipient is a public key of HPKE (RFC 9180) with the KEM MLKEM768-X25519, in base64.")
	// errKept says that a server has no secrets but those that stand in its configuration.
	errKept = fault.New(fault.Conflict, "secrets_kept", "This server's secrets stand in its configuration, or in secrets.yaml in its data_dir: take them from there.")
)

var errWhy = fault.New(fault.Invalid, "bad_request", "why is one line of at most 200 bytes.")

// Handler lets who administers hold a running server still and read all that it has. It is for the admin listener alone.
type Handler struct {
	// Gate is the server's.
	Gate *Gate
	// Secrets are those that the server made for itself and that nothing else has, as a configuration file; empty where there are none.
	Secrets secret.String
}

// MountAdmin adds the routes to the admin listener.
func (h *Handler) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors).For(actor.RoleAdmin).Everywhere()
	m.Handle("GET "+route, web.Call(func(ctx context.Context, _ struct{}) (Overview, error) {
		o, err := overview(ctx, h.Gate.states, h.Gate.o.Databases)
		o.SecretsInMemory = h.Secrets != ""
		return o, err
	}))
	m.Handle("POST "+routeFreeze, web.Call(func(ctx context.Context, in freezeIn) (State, error) {
		if !spell.Line(in.Body.Why, maxWhy) {
			return State{}, errWhy
		}
		return h.Gate.Freeze(ctx, cmp.Or(in.Body.Why, "asked for by the admin API"))
	}))
	m.Handle("DELETE "+routeFreeze, web.Call(func(ctx context.Context, _ struct{}) (State, error) { return h.Gate.Thaw(ctx) }))
	m.Handle("GET "+routeExport, h.export)
	m.Unconfined().Handle("POST "+routeSecrets, web.Call(h.secrets)) // with which every other part can be opened
}

type freezeIn struct {
	Body freezeBody `body:"json,optional"`
}

type freezeBody struct {
	Why string `json:"why"`
}

type secretsIn struct {
	Body secretsBody `body:"json"`
}

type secretsBody struct {
	Recipient []byte `json:"recipient"`
}

// secretsOut is a configuration file that only the recipient can read.
type secretsOut struct {
	Sealed []byte `json:"sealed"`
}

// secrets hands over what is nowhere else, and would end with this process.
func (h *Handler) secrets(ctx context.Context, in secretsIn) (out secretsOut, err error) {
	if h.Secrets == "" {
		return out, errKept
	}
	if out.Sealed, err = sealFor(in.Body.Recipient, h.Secrets); err != nil {
		return out, err
	}
	return out, h.Gate.tell(ctx, activity.SecretsExported)
}

// export writes all databases as one stream. What is in memory waits while it is read, so it is read at once and sent afterwards:
// a slow client must hold nobody up.
func (h *Handler) export(w http.ResponseWriter, r *http.Request) error {
	if err := h.Gate.exported(r.Context()); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // where that cannot be set, the limit stays
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	web.NoStore(header)
	if !h.Gate.o.Databases.ephemeral() {
		return h.write(r.Context(), w)
	}
	var all bytes.Buffer
	if err := h.write(r.Context(), &all); err != nil {
		return err
	}
	_, err := all.WriteTo(w)
	return err
}

func (h *Handler) write(ctx context.Context, w io.Writer) error {
	return Snapshot(ctx, h.Gate.o.Databases, func(ctx context.Context, src Source) error {
		_, err := Write(ctx, w, src, WriteOptions{})
		return err
	})
}
