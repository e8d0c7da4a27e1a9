package web

import (
	"context"
	"net/http"
)

// Call turns a function of the JSON admin API into a handler. In is a struct whose fields say where they come
// from:
//
//	path:"id"             a wildcard of the route's pattern
//	query:"page_size"     a query parameter; []string takes all of its values
//	header:"X-Name"       a request header
//	body:"json"           the body, decoded strictly: no unknown members, nothing after the value
//	body:"json,lenient"   the same, unknown members are ignored
//	body:"raw"            the body as []byte
//
// Path, query and header fields are string, bool, an int or uint kind, a type made from one of these, or
// []string. ",required" after the name refuses a request without it; ",optional" after "json" lets the body be
// empty. A request that cannot be bound is answered 400 (415 for a body that is not JSON, 413 for one too
// large) and fn is not called.
//
// Out is sent as JSON with 200; Reply gives another status and headers, NoContent is 204. Call panics when In
// is not such a struct, so that a mistake shows at start.
func Call[In, Out any](fn func(ctx context.Context, in In) (Out, error)) HandlerFunc {
	plan := planFor[In]()
	return func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if err := plan.bind(r, &in); err != nil {
			return err
		}
		out, err := fn(r.Context(), in)
		if err != nil {
			return err
		}
		return writeResult(w, out)
	}
}
