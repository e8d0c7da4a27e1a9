package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var (
	notMigrated   = fault.New(fault.Unavailable, "not_migrated", "The database's schema is not this server's: run `gatehouse migrate up`.")
	errAdminCreds = fault.New(fault.Unauthenticated, "request_unauthorized",
		"The admin API asks for a credential: send an admin key as `Authorization: Bearer …`, or a client certificate that serve.admin.tls.client_ca_file signed.")
)

// adminGuard stands before the admin listener and lets through only who shows an admin key or a client certificate.
// Health stays open: probes carry no secrets.
type adminGuard struct {
	next http.Handler
	keys [][sha256.Size]byte
	// cors tells that next answers browsers' preflights, which carry no credentials, before anything else sees them.
	cors bool
}

// digests makes what the guard compares with: of equal length whatever the keys' are, so that time says nothing.
func digests(keys []secret.String) [][sha256.Size]byte {
	all := make([][sha256.Size]byte, len(keys))
	for i, k := range keys {
		all[i] = sha256.Sum256([]byte(k.Reveal()))
	}
	return all
}

// ServeHTTP implements http.Handler.
func (g *adminGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	preflight := g.cors && r.Method == http.MethodOptions && len(r.Header["Origin"]) == 1 && r.Header.Get("Access-Control-Request-Method") != ""
	if preflight || strings.HasPrefix(r.URL.Path, "/health/") || g.admits(r) {
		g.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse admin"`)
	web.NoStore(w.Header())
	web.HydraErrors(w, r, errAdminCreds)
}

func (g *adminGuard) admits(r *http.Request) bool {
	if _, ok := web.ClientCertificate(r); ok {
		return true
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return false
	}
	shown := sha256.Sum256([]byte(key))
	found := 0
	for _, k := range g.keys {
		found |= subtle.ConstantTimeCompare(shown[:], k[:])
	}
	return found == 1
}
