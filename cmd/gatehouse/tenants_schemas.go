package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

var schemaColumns = []column{
	{title: "ID", field: "id"}, {title: "SOURCE", field: "source"}, {title: "DEFAULT", field: "default"}, {title: "SELECTABLE", field: "selfservice_selectable"},
	{title: "UPDATED", field: "updated_at"}, {title: "REMOVED", field: "removed_at"},
}

// schemasOf is the admin API of the identity schemas of a tenant.
func schemasOf(id string) resource {
	return resource{"/t/" + url.PathEscape(id) + "/admin/schemas", "identity schema", "identity schemas"}
}

func tenantSchemasCommand() *cobra.Command {
	return group("schemas", "Manage a tenant's own identity schemas: which traits its people have, and what they sign in with",
		`  gatehouse tenants schemas set acme customer customer.schema.json
  gatehouse tenants schemas list acme
  gatehouse tenants schemas delete acme customer`,
		listSchemas(), getSchema(), setSchema(), deleteSchema())
}

func listSchemas() *cobra.Command {
	return &cobra.Command{
		Use: "list TENANT", Short: "List the identity schemas that a tenant has",
		Long: `Lists the schemas that the people of a tenant can be given. SOURCE says whose they are: the tenant's own, the configuration's for
this tenant, or the installation's, which every tenant has that has none of its own.`,
		Example: "  gatehouse tenants schemas list acme\n  gatehouse tenants schemas list acme --format json",
		Args:    exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var all []document
			if _, err := a.send(cmd.Context(), http.MethodGet, schemasOf(args[0]).path, nil, &all); err != nil {
				return tenants.about(args[0], err)
			}
			return showList(cmd, schemaColumns, all)
		},
	}
}

func getSchema() *cobra.Command {
	return &cobra.Command{
		Use: "get TENANT ID", Short: "Print an identity schema of a tenant", Example: "  gatehouse tenants schemas get acme customer > customer.schema.json",
		Args: exactly("the tenant's ID", "the schema's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var one struct {
				Schema json.RawMessage `json:"schema"`
			}
			r := schemasOf(args[0])
			if _, err := a.send(cmd.Context(), http.MethodGet, r.at(args[1]), nil, &one); err != nil {
				return tenants.about(args[0], r.about(args[1], err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", one.Schema)
			return err
		},
	}
}

func setSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use: "set TENANT ID FILE", Short: "Give a tenant an identity schema of its own, or change it",
		Long: `Writes a schema from a FILE, - for standard input. With its first one a tenant has its own schemas and no others, and that one is
the default; people who came before keep the installation's schema that they follow. The ID is written into each identity that follows
the schema, so it never changes. After a change of which traits are identifiers or addresses, run
gatehouse identities reindex --endpoint …/t/TENANT.`,
		Example: `  gatehouse tenants schemas set acme customer customer.schema.json
  gatehouse tenants schemas set acme partner partner.schema.json --selectable
  gatehouse tenants schemas set acme customer2 - --default <customer2.schema.json`,
		Args: exactly("the tenant's ID", "the schema's ID", "the file's name, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := readInput(cmd, args[2])
			if err != nil {
				return err
			}
			if !json.Valid(content) {
				return fmt.Errorf("%s is not JSON", printable(args[2]))
			}
			body := document{"schema": json.RawMessage(content)}
			if cmd.Flags().Changed("selectable") {
				body["selfservice_selectable"], _ = cmd.Flags().GetBool("selectable")
			}
			if isDefault, _ := cmd.Flags().GetBool("default"); isDefault {
				body["default"] = true
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var d document
			r := schemasOf(args[0])
			if _, err := a.send(cmd.Context(), http.MethodPut, r.at(args[1]), body, &d); err != nil {
				return tenants.about(args[0], r.about(args[1], err))
			}
			return showOne(cmd, schemaColumns, d)
		},
	}
	cmd.Flags().Bool("default", false, "make it the schema that an identity gets where nobody names one")
	cmd.Flags().Bool("selectable", false, "let people choose it when they register; without, that stays as it is")
	return cmd
}

func deleteSchema() *cobra.Command {
	return &cobra.Command{
		Use: "delete TENANT ID...", Short: "Remove identity schemas of a tenant that nobody follows",
		Long: `Removes schemas. One that people follow stays, and the default one as long as there are others. With its last one gone a tenant has
the installation's schemas again.`,
		Example: "  gatehouse tenants schemas delete acme customer",
		Args:    several("the tenant's ID and the schemas' IDs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{fmt.Errorf("name the schemas behind the tenant's ID"), cmd.CommandPath()}
			}
			return schemasOf(args[0]).deleteAll(cmd, args[1:])
		},
	}
}
