package web

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// How many entries a page of our own lists has where the request does not say, and at most. Lists of Ory's APIs have theirs.
const (
	usualPage = 100
	mostPage  = 1000
)

var errPageSize = fault.New(fault.Invalid, "bad_request", "page_size must be from 1 to 1000.")

// ErrPageToken refuses a page token.
var ErrPageToken = fault.New(fault.Invalid, "bad_request", "The page_token is not one that this list gave out: begin again without it.")

// PageSize is how many entries are asked for by page_size, 0 where it is not given.
func PageSize(asked int) (int, error) {
	switch {
	case asked == 0:
		return usualPage, nil
	case asked < 0 || asked > mostPage:
		return 0, errPageSize
	}
	return asked, nil
}

// PageLinks is the Link header (RFC 8288 §3) of one page of the list at a route: its first page and, where next is a page token,
// the page after this one. own are the parameters that make the list this list; those that are empty are left out.
func PageLinks(ctx context.Context, route string, size int, own url.Values, next string) string {
	q := maps.Clone(own)
	maps.DeleteFunc(q, func(_ string, values []string) bool { return len(values) == 0 || len(values) == 1 && values[0] == "" })
	if q == nil {
		q = url.Values{}
	}
	q.Set("page_size", strconv.Itoa(size))
	links := Link(Base(ctx).Path(route), q, "first")
	if next != "" {
		q.Set("page_token", next)
		links += "," + Link(Base(ctx).Path(route), q, "next")
	}
	return links
}

// Link is one entry of a Link header (RFC 8288 §3).
func Link(address string, q url.Values, rel string) string {
	return "<" + address + "?" + q.Encode() + `>; rel="` + rel + `"`
}
