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
	arriving      = fault.New(fault.Unavailable, "arriving", "The databases are being filled by `gatehouse data copy`.")
	errAdminCreds = fault.New(fault.Unauthenticated, "request_unauthorized",
		"The admin API asks for a credential: send an admin key as `Authorization: Bearer …`, or a client certificate that serve.admin.tls.client_ca_file signed.")
)

// adminGuard lets through only who shows an admin key or a client certificate.
type adminGuard struct {
	keys [][sha256.Size]byte
}

// digests makes what the guard compares with: of equal length whatever the keys' are, so that time says nothing.
func digests(keys []secret.String) [][sha256.Size]byte {
	all := make([][sha256.Size]byte, len(keys))
	for i, k := range keys {
		all[i] = sha256.Sum256([]byte(k.Reveal()))
	}
	return all
}

// check is web.Options.Guard of the admin listener.
func (g *adminGuard) check(w http.ResponseWriter, r *http.Request) error {
	if g.admits(r) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse admin"`) // RFC 9110 §15.5.2
	return errAdminCreds
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
