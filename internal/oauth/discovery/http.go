package discovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// The addresses of the document: OpenID Connect Discovery §4, RFC 8414 §3.
const (
	PathOpenID = "/.well-known/openid-configuration"
	PathOAuth  = "/.well-known/oauth-authorization-server"
)

// Handler serves the document.
type Handler struct {
	// Facts are the same for every request, but for Issuer, Public and IDTokenAlgs, which the functions give.
	Facts Facts
	// Public gives the URL of a path on the public listener for the request's tenant.
	Public func(ctx context.Context, path string) string
	// Issuer gives the issuer identifier of the request's tenant.
	Issuer func(ctx context.Context) string
	// Algs gives the algorithms that sign ID tokens now or next.
	Algs func(ctx context.Context) []string

	written atomic.Pointer[[]written]
}

// written is a document that was written before.
type written struct {
	issuer string
	public string
	algs   []string
	body   []byte
	etag   string
}

// maxWritten is how many documents are kept: of so many tenants, or of so many changes of algorithms.
const maxWritten = 64

// MountPublic adds both addresses.
func (h *Handler) MountPublic(m *web.Mux) {
	m.Handle("GET "+PathOpenID, h.serve)
	m.Handle("GET "+PathOAuth, h.serve)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	d, err := h.document(r.Context())
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("ETag", d.etag)
	if header.Get("Access-Control-Allow-Origin") == "" {
		header.Set("Access-Control-Allow-Origin", "*") // public by its nature, and applications in browsers read it
	}
	if strings.Contains(r.Header.Get("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return web.WriteRawJSON(w, http.StatusOK, d.body)
}

// document finds the document that was written for the issuer, the address and the algorithms of the request, or writes it.
func (h *Handler) document(ctx context.Context) (*written, error) {
	issuer, public, algs := h.Issuer(ctx), h.Public(ctx, "/"), h.Algs(ctx)
	var all []written
	if p := h.written.Load(); p != nil {
		all = *p
	}
	for i := range all {
		if all[i].issuer == issuer && all[i].public == public && slices.Equal(all[i].algs, algs) {
			return &all[i], nil
		}
	}
	facts := h.Facts
	facts.Issuer, facts.IDTokenAlgs = issuer, algs
	facts.Public = func(path string) string { return h.Public(ctx, path) }
	body, err := json.Marshal(New(facts))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	d := written{issuer: issuer, public: public, algs: slices.Clone(algs), body: body, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	if len(all) >= maxWritten {
		all = all[1:]
	}
	next := append(slices.Clone(all), d) // who loses a race writes it again, to the same effect
	h.written.Store(&next)
	return &d, nil
}
