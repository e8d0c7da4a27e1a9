package identity

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	defaultPageSize = 250
	maxPageSize     = 500
	maxPerPage      = 1000
	maxPage         = 100_000
)

var errPage = fault.New(fault.Invalid, "invalid_request", "The page_token is not one that this list gave out: begin again without it.")

type listIn struct {
	PageSize       int      `query:"page_size"`
	PageToken      string   `query:"page_token"`
	PerPage        int      `query:"per_page"`
	Page           string   `query:"page"`
	Consistency    string   `query:"consistency"` // every read sees all that was written
	IDs            []string `query:"ids"`
	Identifier     string   `query:"credentials_identifier"`
	Similar        string   `query:"preview_credentials_identifier_similar"`
	OrganizationID string   `query:"organization_id"`
	Search         string   `query:"search"`
	Field          string   `query:"search_field"`
	Match          string   `query:"search_match"`
	Include        []string `query:"include_credential"`
}

// filter checks the parameters and makes them a filter, without its page.
func (in *listIn) filter(ctx context.Context) (Filter, error) {
	var f Filter
	if err := checkInclude(ctx, in.Include); err != nil {
		return f, err
	}
	given := 0
	for _, one := range []string{in.Identifier, in.Similar, in.OrganizationID, in.Search} {
		given += count(one != "")
	}
	if given+count(len(in.IDs) > 0) > 1 {
		return f, ErrInvalid.With("You cannot combine multiple filters in this API.")
	}
	if len(in.IDs) > maxPageSize {
		return f, ErrInvalid.Withf("ids: more than %d cannot be asked for at once.", maxPageSize)
	}
	for _, id := range in.IDs {
		if !validID(id) {
			return f, ErrInvalid.With("ids: one of them is not a UUID.")
		}
	}
	if in.OrganizationID != "" && !validID(in.OrganizationID) {
		return f, ErrInvalid.With("organization_id: it is not a UUID.")
	}
	if in.Match != "" && in.Match != "prefix" && in.Match != "exact" {
		return f, ErrInvalid.With("search_match: it is neither prefix nor exact.")
	}
	if in.Search == "" && (in.Field != "" || in.Match != "") {
		return f, ErrInvalid.With("search: it is missing, so there is nothing to look for.")
	}
	return Filter{
		IDs: in.IDs, Identifier: in.Identifier, Similar: in.Similar, OrganizationID: in.OrganizationID,
		Search: in.Search, Field: in.Field, Exact: in.Match == "exact",
		// As Kratos does, who looks for an identifier is shown where it was found.
		Credentials: len(in.Include) > 0 || in.Identifier != "" || in.Similar != "",
	}, nil
}

// size is how many identities a page holds.
func (in *listIn) size() (int, error) {
	if in.PageSize < 0 || in.PerPage < 0 {
		return 0, ErrInvalid.With("page_size must be from 1 to 500.")
	}
	switch {
	case len(in.IDs) > 0:
		return maxPageSize, nil
	case in.PageSize > 0:
		return min(in.PageSize, maxPageSize), nil
	case in.PerPage > 0:
		return min(in.PerPage, maxPerPage), nil
	}
	return defaultPageSize, nil
}

func (h *Handler) list(ctx context.Context, in listIn) (web.Reply[[]adminIdentity], error) {
	var none web.Reply[[]adminIdentity]
	f, err := in.filter(ctx)
	if err != nil {
		return none, err
	}
	size, err := in.size()
	if err != nil {
		return none, err
	}
	if in.Page != "" && in.PageToken == "" {
		return h.numbered(ctx, in, f, size)
	}
	if in.PageToken != "" {
		last, err := h.Ring.Open(in.PageToken, in.pageData(ctx))
		if err != nil {
			return none, errPage
		}
		f.After = string(last)
	}
	f.Limit = size + 1 // one more tells whether there is a next page
	found, err := h.Admin.Store.List(ctx, f)
	if err != nil {
		return none, err
	}
	next := ""
	if len(found) > size {
		found = found[:size]
		if next, err = h.Ring.Seal([]byte(found[size-1].ID), in.pageData(ctx)); err != nil {
			return none, err
		}
	}
	return web.Reply[[]adminIdentity]{Header: http.Header{"Link": {web.PageLinks(ctx, route, size, in.values(), next)}}, Body: h.showAll(found, in.Include)}, nil
}

// numbered serves the page numbers of old clients, counted from 1, with the number of all identities. What is left out is
// counted through, so this gets slower with each page; page_token does not.
func (h *Handler) numbered(ctx context.Context, in listIn, f Filter, size int) (web.Reply[[]adminIdentity], error) {
	var none web.Reply[[]adminIdentity]
	page, err := strconv.Atoi(in.Page)
	if err != nil || page < 0 || page > maxPage {
		return none, ErrInvalid.Withf("page: it is not a number from 1 to %d. Better follow the Link header, which has a page_token.", maxPage)
	}
	page = max(page, 1)
	store := h.Admin.Store
	total, err := store.Count(ctx)
	if err != nil {
		return none, err
	}
	filtered := in.Identifier != "" || in.Similar != "" || in.OrganizationID != "" || in.Search != "" || len(in.IDs) > 0
	more := true
	if !filtered {
		if f.After, more, err = store.Skip(ctx, (page-1)*size); err != nil {
			return none, err
		}
	} else if page > 1 {
		return none, ErrInvalid.With("page: a list with a filter has no page numbers. Follow the Link header, which has a page_token.")
	}
	f.Limit = size
	found := []*Identity{}
	if more {
		if found, err = store.List(ctx, f); err != nil {
			return none, err
		}
	}
	if filtered {
		total = int64(len(found))
	}
	header := http.Header{"X-Total-Count": {strconv.FormatInt(total, 10)}, "Link": {in.numbers(ctx, page, size, int(total))}}
	return web.Reply[[]adminIdentity]{Header: header, Body: h.showAll(found, in.Include)}, nil
}

// numbers is the Link header of a page with a number: whoever began with numbers can follow them to the end.
func (in *listIn) numbers(ctx context.Context, page, size, total int) string {
	last := max((total+size-1)/size, 1)
	links := []string{}
	for _, l := range []struct {
		page int
		rel  string
	}{{1, "first"}, {page + 1, "next"}, {page - 1, "prev"}, {last, "last"}} {
		if l.page >= 1 && l.page <= last {
			q := in.values()
			q.Set("page", strconv.Itoa(l.page))
			q.Set("per_page", strconv.Itoa(size))
			links = append(links, web.Link(web.Base(ctx).Path(route), q, l.rel))
		}
	}
	return strings.Join(links, ",")
}

func (h *Handler) showAll(found []*Identity, include []string) []adminIdentity {
	all := make([]adminIdentity, len(found))
	for i, id := range found {
		all[i] = h.show(id, include...)
	}
	return all
}

// values are the parameters that make this list this list.
func (in *listIn) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"credentials_identifier": in.Identifier, "preview_credentials_identifier_similar": in.Similar,
		"organization_id": in.OrganizationID, "search": in.Search, "search_field": in.Field, "search_match": in.Match,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, values := range map[string][]string{"ids": in.IDs, "include_credential": in.Include} {
		if len(values) > 0 {
			q[name] = values
		}
	}
	return q
}

// pageData binds a page token to the list and the tenant.
func (in *listIn) pageData(ctx context.Context) []byte {
	id, _ := tenant.From(ctx)
	q := in.values()
	q.Del("include_credential") // what is shown of a page changes nothing about the next one
	return []byte(string(id) + "\x00" + q.Encode())
}
