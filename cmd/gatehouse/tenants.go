package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

var tenants = resource{"/admin/tenants", "tenant", "tenants"}

var tenantColumns = []column{
	{title: "ID", field: "id"}, {title: "STATE", field: "state"}, {title: "SOURCE", field: "source"}, {title: "NAME", field: "name"},
	{title: "HOSTS", field: "hosts"}, {title: "PATH PREFIX", field: "path_prefix"}, {title: "URL", field: "url"}, {title: "ISSUER", field: "issuer"},
	{title: "SETTINGS", field: "settings"}, {title: "CREATED", field: "created_at"}, {title: "UPDATED", field: "updated_at"},
	{title: "STATE SINCE", field: "state_changed_at"}, {title: "DELETED", field: "deletion"},
}

var tenantListColumns = []column{
	{title: "ID", field: "id"}, {title: "STATE", field: "state"}, {title: "SOURCE", field: "source"}, {title: "NAME", field: "name"}, {title: "URL", field: "url"},
}

func tenantsCommand() *cobra.Command {
	cmd := group("tenants", "Manage tenants: separate worlds with their own people, clients and keys",
		`  gatehouse tenants create acme --host login.acme.example
  gatehouse tenants list
  gatehouse tenants suspend acme --reason "payment overdue"
  gatehouse tenants resume acme
  gatehouse tenants delete acme --yes`,
		createTenant(), listTenants(), getTenant(), updateTenant(), suspendTenant(), resumeTenant(), deleteTenant(), tenantSchemasCommand())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

func addTenantFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("name", "", "what operators call it")
	flags.StringArray("host", nil, "host name at which it is reached; repeat for several. Links lead to the first")
	flags.String("path-prefix", "", "path below which it is reached in place of hosts of its own, such as /t/acme")
	flags.String("issuer", "", "its issuer identifier; where none is set it follows from where it is reached")
	flags.String("settings", "", "file with more of its settings as JSON, - for standard input")
}

// tenantBody is what the flags say, of those that were given.
func tenantBody(cmd *cobra.Command) (document, error) {
	flags, body, settings := cmd.Flags(), document{}, document{}
	if name, _ := flags.GetString("settings"); name != "" {
		content, err := readInput(cmd, name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &settings); err != nil || settings == nil {
			return nil, fmt.Errorf("--settings: %s is no JSON object", name)
		}
	}
	if flags.Changed("issuer") {
		settings["issuer"], _ = flags.GetString("issuer")
	}
	if len(settings) > 0 {
		body["settings"] = settings
	}
	for flag, member := range map[string]string{"name": "name", "path-prefix": "path_prefix"} {
		if flags.Changed(flag) {
			body[member], _ = flags.GetString(flag)
		}
	}
	if flags.Changed("host") {
		if !flags.Changed("path-prefix") {
			body["path_prefix"] = "" // hosts take its place
		}
		hosts, _ := flags.GetStringArray("host")
		if len(hosts) == 1 && hosts[0] == "" {
			hosts = []string{}
		}
		body["hosts"] = hosts
	}
	return body, nil
}

func createTenant() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create ID", Short: "Make a tenant, with keys of its own",
		Long: `Makes a tenant. Its ID is 1 to 63 of a-z, 0-9 and "-", is written into every row of its and never changes. It is reached by its
hosts, or below a path prefix, which is /t/ID where neither is given, as soon as this command ends; other replicas follow within a second.
Its admin API is the server's with /t/ID before each path.`,
		Example: `  gatehouse tenants create acme --host login.acme.example --name "Acme Ltd"
  gatehouse tenants create beta
  gatehouse clients list --endpoint http://127.0.0.1:4445/t/beta`,
		Args: exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := tenantBody(cmd)
			if err != nil {
				return err
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			path := tenants.path
			if reuse, _ := cmd.Flags().GetBool("reuse"); reuse {
				path += "?reuse=true"
			}
			body["id"] = args[0]
			var d document
			if _, err := a.send(cmd.Context(), http.MethodPost, path, body, &d); err != nil {
				return tenants.about(args[0], err)
			}
			return showOne(cmd, tenantColumns, d)
		},
	}
	addTenantFlags(cmd)
	cmd.Flags().Bool("reuse", false, "take the ID also if it was that of a tenant that is deleted")
	return cmd
}

func listTenants() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List tenants, those of the configuration too, all pages",
		Example: "  gatehouse tenants list\n  gatehouse tenants list --state suspended --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := listQuery(cmd, map[string]string{"state": "state"})
			if err != nil {
				return err
			}
			return tenants.list(cmd, tenantListColumns, query)
		},
	}
	cmd.Flags().String("state", "", "only those that are active, suspended, deleting or deleted; all: every one. Without, all that are not deleted")
	addPageSizeFlag(cmd, 500)
	return cmd
}

func getTenant() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show one tenant", Example: "  gatehouse tenants get acme --format json-pretty",
		Args: exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tenants.showAfter(cmd, args[0], http.MethodGet, "", nil)
		},
	}
}

// showAfter makes a call about a tenant and shows it as it is then.
func (r resource) showAfter(cmd *cobra.Command, id, method, below string, body any) error {
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	var d document
	if _, err := a.send(cmd.Context(), method, r.at(id)+below, body, &d); err != nil {
		return r.about(id, err)
	}
	return showOne(cmd, tenantColumns, d)
}

func updateTenant() *cobra.Command {
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change where a tenant is reached and what is its own",
		Long: `Changes what the flags say and leaves the rest. --host replaces all of its hosts, and a path prefix; "" takes a value away. --settings names a file
with settings that are merged into those that there are (RFC 7396): a member that is null takes the setting away.`,
		Example: `  gatehouse tenants update acme --host login.acme.example --host id.acme.example
  gatehouse tenants update acme --issuer https://id.acme.example/`,
		Args: exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := tenantBody(cmd)
			if err != nil {
				return err
			}
			if len(body) == 0 {
				return usageError{errors.New("nothing to change: name what shall be another with a flag"), cmd.CommandPath()}
			}
			return tenants.showAfter(cmd, args[0], http.MethodPatch, "", body)
		},
	}
	addTenantFlags(cmd)
	return cmd
}

func suspendTenant() *cobra.Command {
	cmd := &cobra.Command{
		Use: "suspend ID", Short: "Serve nothing of a tenant until it is resumed; nothing is lost",
		Long: `Has every server answer requests to the tenant with 503, on the public listener and at the doors. Its tokens and sessions count
for nothing until it is resumed, here at once and on other replicas within a second. Its admin API goes on.`,
		Example: `  gatehouse tenants suspend acme --reason "payment overdue"`,
		Args:    exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			reason, _ := cmd.Flags().GetString("reason")
			return tenants.showAfter(cmd, args[0], http.MethodPost, "/suspend", document{"reason": reason})
		},
	}
	cmd.Flags().String("reason", "", "why, for the activity log")
	return cmd
}

func resumeTenant() *cobra.Command {
	return &cobra.Command{
		Use: "resume ID", Short: "Serve a suspended tenant again", Example: "  gatehouse tenants resume acme",
		Args: exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tenants.showAfter(cmd, args[0], http.MethodPost, "/resume", nil)
		},
	}
}

func deleteTenant() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete a tenant with everything of its: people, clients, tokens, keys",
		Long: `Has nothing of a tenant served any more, and deletes all of its rows in every database. That cannot be undone: what a backup has
is all that is left. It takes 15 seconds or more; a server goes on with it whether or not this command waits, and another one where
that server dies. Its activity log stays for as long as logs are kept, unless --activity is delete, and its ID stays taken.`,
		Example: `  gatehouse tenants delete acme --yes
  gatehouse tenants delete acme --yes --activity delete --wait=false`,
		Args: exactly("the tenant's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes, _ := cmd.Flags().GetBool("yes"); !yes {
				return usageError{fmt.Errorf("everything of the tenant %s would be deleted: say so with --yes", printable(args[0])), cmd.CommandPath()}
			}
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			query := url.Values{"confirm": {args[0]}}
			if log, _ := cmd.Flags().GetString("activity"); log != "" {
				query.Set("activity", log)
			}
			var d document
			if _, err := a.send(cmd.Context(), http.MethodDelete, tenants.at(args[0])+"?"+query.Encode(), nil, &d); err != nil {
				return tenants.about(args[0], err)
			}
			if wait, _ := cmd.Flags().GetBool("wait"); wait {
				if d, err = a.untilDeleted(cmd, args[0]); err != nil {
					return tenants.about(args[0], err)
				}
			}
			return showOne(cmd, tenantColumns, d)
		},
	}
	cmd.Flags().Bool("yes", false, "everything of the tenant is to be deleted")
	cmd.Flags().String("activity", "keep", "what becomes of its activity log: keep or delete")
	cmd.Flags().Bool("wait", true, "wait until all is deleted, and say how far that is")
	return cmd
}

const askDeletionEvery = time.Second

// untilDeleted waits for the end of a deletion, and says how many rows have gone.
func (a *api) untilDeleted(cmd *cobra.Command, id string) (document, error) {
	bar := newProgress(cmd.ErrOrStderr(), "rows deleted", 0, 0)
	for {
		var d document
		if _, err := a.send(cmd.Context(), http.MethodGet, tenants.at(id), nil, &d); err != nil {
			return nil, err
		}
		gone := int64(0)
		deletion, _ := d["deletion"].(document)
		rows, _ := deletion["rows"].(document)
		for _, n := range rows {
			if n, ok := n.(json.Number); ok {
				some, _ := n.Int64() // the server counts in whole numbers
				gone += some
			}
		}
		if d["state"] != "deleting" {
			bar.end(gone, "")
			return d, nil
		}
		bar.at(gone, "")
		select {
		case <-cmd.Context().Done():
			return nil, errors.New("the server goes on with the deletion; `gatehouse tenants get` says how far it is")
		case <-time.After(askDeletionEvery):
		}
	}
}
