package client

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// AllowOrigin reports whether a browser may call from the origin because a
// client lists it in allowed_cors_origins; it is web.Options.AllowOrigin of the
// public listener. Which client calls cannot be asked, for a preflight does not
// say: the origins of all clients of the tenant count. What an answer holds is
// guarded by the client's own credentials and code, not by its origin.
func (s *Store) AllowOrigin(r *http.Request, origin string) bool {
	ok, err := s.OriginAllowed(r.Context(), origin)
	if err != nil {
		web.Record(r.Context(), err)
	}
	return ok
}
