package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// resource is what the admin API has many of, each below one path under its id.
type resource struct{ path, one, many string }

var (
	clients    = resource{"/admin/clients", "client", "clients"}
	identities = resource{"/admin/identities", "identity", "identities"}
	messages   = resource{"/admin/courier/messages", "message", "messages"}
)

// at is the path of one of them.
func (r resource) at(id string) string { return r.path + "/" + url.PathEscape(id) }

// about says which one an error is about: "not found" alone does not.
func (r resource) about(id string, err error) error {
	return fmt.Errorf("%s %s: %w", r.one, printable(id), err)
}

// addPageSizeFlag gives a list its --page-size.
func addPageSizeFlag(cmd *cobra.Command, size int) {
	cmd.Flags().Int("page-size", size, "how many to ask the server for at a time; all are listed in any case")
}

// listQuery is what a list asks the server for: pages of --page-size, and of the flags that filter, which map to parameters of
// the API, those that were given.
func listQuery(cmd *cobra.Command, filters map[string]string) (url.Values, error) {
	size, _ := cmd.Flags().GetInt("page-size")
	if size < 1 {
		return nil, usageError{errors.New("--page-size is 1 or more"), cmd.CommandPath()}
	}
	query := url.Values{"page_size": {strconv.Itoa(size)}}
	for flag, parameter := range filters {
		if v, _ := cmd.Flags().GetString(flag); v != "" {
			query.Set(parameter, v)
		}
	}
	return query, nil
}

// list prints all pages.
func (r resource) list(cmd *cobra.Command, columns []column, query url.Values) error {
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	all, err := a.pages(cmd.Context(), r.path, query.Encode())
	if err != nil {
		return err
	}
	return showList(cmd, columns, all)
}

// pages follows the Link headers to the end.
func (a *api) pages(ctx context.Context, path, query string) ([]document, error) {
	all := []document{}
	for query != "" {
		var page []document
		header, err := a.send(ctx, http.MethodGet, path+"?"+query, nil, &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		next, err := apiclient.NextPage(header)
		if err != nil {
			return nil, err
		}
		if next.Encode() == query {
			return nil, errors.New("the server names a page as the one after itself")
		}
		query = next.Encode()
	}
	return all, nil
}

// deleteAll deletes those of the ids.
func (r resource) deleteAll(cmd *cobra.Command, ids []string) error {
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	return r.each(cmd, a, ids, http.MethodDelete, "", "deleted")
}

// each makes a call for one id after another, to a path below theirs, and goes on after one that fails. done is what then did
// not happen to it.
func (r resource) each(cmd *cobra.Command, a *api, ids []string, method, below, done string) error {
	failed := 0
	for _, id := range ids {
		if _, err := a.send(cmd.Context(), method, r.at(id)+below, nil, nil); err != nil {
			failed++
			fmt.Fprintln(cmd.ErrOrStderr(), legible(r.about(id, err)))
			continue
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), printable(id)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d %s were not %s", failed, len(ids), r.many, done)
	}
	return nil
}
