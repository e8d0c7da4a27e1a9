package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

var identityColumns = []column{
	{title: "ID", field: "id"}, {title: "EXTERNAL ID", field: "external_id"}, {title: "SCHEMA", field: "schema_id"}, {title: "STATE", field: "state"},
	{title: "TRAITS", field: "traits"}, {title: "PUBLIC METADATA", field: "metadata_public"}, {title: "ADMIN METADATA", field: "metadata_admin"},
	{title: "CREATED", field: "created_at"}, {title: "UPDATED", field: "updated_at"},
}

var identityListColumns = []column{
	{title: "ID", field: "id"}, {title: "SCHEMA", field: "schema_id"}, {title: "STATE", field: "state"}, {title: "TRAITS", field: "traits"},
	{title: "CREATED", field: "created_at"},
}

func identitiesCommand() *cobra.Command {
	cmd := group("identities", "Manage the people who sign in",
		`  gatehouse identities list --trait email=ann@example.com
  gatehouse identities import people.jsonl
  gatehouse identities delete ID`,
		getIdentity(), listIdentities(), deleteIdentities(), importIdentities(), validateIdentities(), reindexIdentities())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

func getIdentity() *cobra.Command {
	cmd := &cobra.Command{
		Use: "get ID", Short: "Show one identity", Example: "  gatehouse identities get 0193f2a0-… --format json-pretty",
		Args: exactly("the identity's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			kinds, _ := cmd.Flags().GetStringArray("include-credential")
			path := identities.at(args[0])
			if external, _ := cmd.Flags().GetBool("external"); external {
				path = identities.path + "/by/external/" + url.PathEscape(args[0])
			}
			if len(kinds) > 0 {
				path += "?" + url.Values{"include_credential": kinds}.Encode()
			}
			var d document
			if _, err := a.send(cmd.Context(), http.MethodGet, path, nil, &d); err != nil {
				return identities.about(args[0], err)
			}
			return showOne(cmd, identityColumns, d)
		},
	}
	addIncludeFlag(cmd)
	cmd.Flags().Bool("external", false, "the argument is the identity's external ID")
	return cmd
}

func addIncludeFlag(cmd *cobra.Command) {
	cmd.Flags().StringArray("include-credential", nil, "kinds of credential to show with their configuration, such as password or oidc; repeat for several. They are secrets")
}

// identityFilters are the flags of list that the API knows as a parameter. The API takes one at a time.
var identityFilters = map[string]string{
	"credentials-identifier": "credentials_identifier", "similar": "preview_credentials_identifier_similar", "organization": "organization_id",
}

func listIdentities() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List identities, all pages",
		Example: `  gatehouse identities list --format json --include-credential password > people.json
  gatehouse identities list --credentials-identifier ann@example.com
  gatehouse identities list --trait name.last=Miller`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := identityQuery(cmd)
			if err != nil {
				return err
			}
			return identities.list(cmd, identityListColumns, query)
		},
	}
	addIncludeFlag(cmd)
	cmd.Flags().String("credentials-identifier", "", "only the identity that signs in with this identifier")
	cmd.Flags().String("similar", "", "only identities whose identifier is like this")
	cmd.Flags().String("organization", "", "only identities of this organization")
	cmd.Flags().String("trait", "", "only identities with this word in a trait, as path=word: name.last=Miller")
	cmd.Flags().String("search", "", "only identities with traits that have words beginning so, anywhere: names, addresses")
	addPageSizeFlag(cmd, 500)
	return cmd
}

func identityQuery(cmd *cobra.Command) (url.Values, error) {
	query, err := listQuery(cmd, identityFilters)
	if err != nil {
		return nil, err
	}
	if kinds, _ := cmd.Flags().GetStringArray("include-credential"); len(kinds) > 0 {
		query["include_credential"] = kinds
	}
	if t, _ := cmd.Flags().GetString("trait"); t != "" {
		path, value, ok := strings.Cut(t, "=")
		if !ok || path == "" || value == "" {
			return nil, usageError{fmt.Errorf("--trait %q is not of the form path=word", t), cmd.CommandPath()}
		}
		query.Set("search", value)
		query.Set("search_field", "traits."+strings.TrimPrefix(path, "traits."))
		query.Set("search_match", "exact")
	}
	if words, _ := cmd.Flags().GetString("search"); words != "" {
		if query.Has("search") {
			return nil, usageError{errors.New("--trait and --search exclude each other"), cmd.CommandPath()}
		}
		query.Set("search", words)
	}
	return query, nil
}

func deleteIdentities() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID...", Short: "Delete identities; their sessions end with them", Example: "  gatehouse identities delete 0193f2a0-…",
		Args: several("the identities' IDs"),
		RunE: identities.deleteAll,
	}
}
