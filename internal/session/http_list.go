package session

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	defaultPageSize = 250
	maxPageSize     = 1000
)

// page is which part of a list a request asks for.
type page struct {
	list string // which list; a token of another is refused
	size int
	own  url.Values // the list's own parameters
}

// readPage reads page_size (or per_page) and page_token into the filter. Lists go on behind a key: page numbers of old are
// refused where they would be believed to work.
func (h *Handler) readPage(r *http.Request, list string, f *Filter) (page, error) {
	query := r.URL.Query()
	p := page{list: list, size: defaultPageSize, own: url.Values{}}
	for _, name := range []string{"per_page", "page_size"} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, errInvalid.Withf("%s must be a number from 1 to %d.", name, maxPageSize)
		}
		p.size = min(n, maxPageSize)
	}
	if number := query.Get("page"); number != "" && number != "0" && number != "1" {
		return p, errInvalid.With("This list has no page numbers: follow the address of rel=\"next\" in the Link header.")
	}
	if text := query.Get("active"); text != "" {
		active, err := strconv.ParseBool(text)
		if err != nil {
			return p, errInvalid.With("active must be true or false.")
		}
		f.Active = &active
		p.own.Set("active", text)
	}
	for _, word := range query["expand"] {
		p.own.Add("expand", word)
	}
	f.Limit = p.size + 1 // one more tells whether there is a next page
	token := query.Get("page_token")
	if token == "" {
		return p, nil
	}
	after, err := h.Ring.Open(token, p.data(r))
	if err != nil {
		return p, errInvalid.With("The page_token is not one that this list gave out: begin again without it.").Because(err)
	}
	f.After = string(after)
	return p, nil
}

// data is what a page token is bound to.
func (p page) data(r *http.Request) []byte {
	id, _ := tenant.From(r.Context())
	return []byte("session page\x00" + string(id) + "\x00" + p.list + "\x00" + p.own.Encode())
}

// finish sets the Link header and returns the part of the list that belongs on the page.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, route string, p page, found []*Session) ([]*Session, error) {
	next := ""
	if len(found) > p.size {
		found = found[:p.size]
		var err error
		if next, err = h.Ring.Seal([]byte(found[p.size-1].ID), p.data(r)); err != nil {
			return nil, err
		}
	}
	w.Header().Set("Link", web.PageLinks(r.Context(), route, p.size, p.own, next))
	return found, nil
}

// count sets the header X-Total-Count.
func (h *Handler) count(w http.ResponseWriter, r *http.Request, f Filter) error {
	n, err := h.Store.Count(r.Context(), f)
	if err == nil {
		w.Header().Set("X-Total-Count", strconv.FormatInt(n, 10))
	}
	return err
}
