package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

var adminKeys = resource{"/admin/admin-keys", "admin key", "admin keys"}

var adminKeyColumns = []column{
	{title: "KEY ID", field: "id"}, {title: "NAME", field: "name"}, {title: "ROLE", field: "role"}, {title: "TENANT", field: "tenant"},
	{title: "ONLY", field: "only"}, {title: "STATE", field: "state"}, {title: "CREATED", field: "created_at"},
	{title: "EXPIRES", field: "expires_at"}, {title: "LAST USED", field: "used_at"},
}

// adminKeyDetails are the columns of one key.
var adminKeyDetails = append(slices.Clip(adminKeyColumns),
	column{title: "REVOKED", field: "revoked_at"}, column{title: "REPLACED BY", field: "replaced_by"})

// adminHelp is what all of these commands have in common.
const adminHelp = `
Works on the databases of the configuration (-c, and the environment over it), so it needs no server and no key: how the first key is
made. Servers that reach them take notice within a second. With --endpoint, or GATEHOUSE_ENDPOINT in the environment and without -c, the
admin API of a running server is asked, with a key of role admin: the way where a server uses embedded databases.`

func adminCommand() *cobra.Command {
	keys := group("keys", "Make, list, rotate and revoke the keys that open the admin API",
		"  gatehouse admin keys create --name ci --role operator --expires 90d\n  gatehouse admin keys list",
		createAdminKey(), listAdminKeys(), showAdminKey(), rotateAdminKey(), revokeAdminKeys())
	cmd := group("admin", "Say who may use the admin API",
		"  gatehouse admin keys create -c gatehouse.yaml --name ops --role admin --expires 30d", keys)
	addConfigFlag(cmd)
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

// withAdminKeys gives do the API of admin keys: that of the configuration's databases, or that of the server which the call names.
func withAdminKeys(cmd *cobra.Command, do func(a *api) error) error {
	named, configured := cmd.Flags().Changed("endpoint"), cmd.Flags().Changed("config")
	if named && configured {
		return usageError{errors.New("--endpoint asks a server, --config works on its databases: give one of the two"), cmd.CommandPath()}
	}
	if named || !configured && os.Getenv(endpointVariable) != "" {
		a, err := newAPI(cmd)
		if err != nil {
			return err
		}
		return do(a)
	}
	cfg, err := loadConfig(cmd, config.Load)
	if err != nil {
		return err
	}
	return app.AdminKeys(cmd.Context(), cfg, func(local http.RoundTripper) error {
		return do(&api{endpoint: "http://localhost", http: &http.Client{Transport: local}, local: true})
	})
}

func createAdminKey() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "Make a key; it is shown this once",
		Long: `Make a key and print it, and nothing else, on standard output. It is shown this once: only a digest is kept.

Roles, each of which may do what those before it may:
  viewer     reads all but secrets, and changes nothing: dashboards
  operator   daily work: people, clients, logins, rules. For login apps and for what deploys applications
  admin      what could take over the installation: admin keys, private keys, tenants, all data

--tenant confines it to one tenant; what concerns the whole installation, such as metrics, needs '*'. --only confines it to parts of the
API, named as their paths below /admin are.
` + adminHelp,
		Example: `  gatehouse admin keys create --name ci --role operator --tenant acme --expires 90d
  gatehouse admin keys create --name prometheus --role viewer --only metrics --expires never
  gatehouse admin keys create --name login-app --role operator --only oauth2/auth/requests > login-app.key`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := document{}
			for _, flag := range []string{"name", "role", "tenant", "expires"} {
				body[flag], _ = cmd.Flags().GetString(flag)
				if body[flag] == "" {
					return usageError{fmt.Errorf("--%s is missing", flag), cmd.CommandPath()}
				}
			}
			if only, _ := cmd.Flags().GetStringArray("only"); len(only) > 0 {
				body["only"] = only
			}
			return withAdminKeys(cmd, func(a *api) error {
				var made document
				if _, err := a.send(cmd.Context(), http.MethodPost, adminKeys.path, body, &made); err != nil {
					return err
				}
				return showMadeKey(cmd, made)
			})
		},
	}
	f := cmd.Flags()
	f.String("name", "", "who uses the key and for what; logs show it")
	f.String("role", "", "viewer, operator or admin")
	f.String("tenant", "*", "tenant that it may act for; * is all of them and the installation")
	f.String("expires", "90d", "when it ends: 90d, 12h, 2027-01-31 or never")
	f.StringArray("only", nil, "part of the API that it is confined to, such as metrics or oauth2/introspect; repeat for several")
	return cmd
}

// showMadeKey prints the key alone on standard output, so that it can be led into a file, and what it is beside it.
func showMadeKey(cmd *cobra.Command, made document) error {
	if cmd.Flag("format").Value.String() != "table" {
		return showOne(cmd, nil, made)
	}
	w := tabwriter.NewWriter(cmd.ErrOrStderr(), 0, 4, 2, ' ', 0)
	rows(w, adminKeyDetails, made)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), cell(made["key"]))
	return err
}

func listAdminKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List keys, those that are over too; never the keys themselves",
		Long:    "List keys, those that are over too. When one was used last is written once an hour.\n" + adminHelp,
		Example: "  gatehouse admin keys list\n  gatehouse admin keys list --tenant acme --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := listQuery(cmd, map[string]string{"tenant": "tenant"})
			if err != nil {
				return err
			}
			return withAdminKeys(cmd, func(a *api) error {
				all, err := a.pages(cmd.Context(), adminKeys.path, query.Encode())
				if err != nil {
					return err
				}
				return showList(cmd, adminKeyColumns, all)
			})
		},
	}
	cmd.Flags().String("tenant", "", "only keys of this tenant")
	addPageSizeFlag(cmd, 1000)
	return cmd
}

func showAdminKey() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show what a key may; never the key itself",
		Long:    "Show what a key may, and when it was used last.\n" + adminHelp,
		Example: "  gatehouse admin keys show 019ab3c4-5d6e-7f80-9123-456789abcdef",
		Args:    exactly("the key's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAdminKeys(cmd, func(a *api) error {
				var k document
				if _, err := a.send(cmd.Context(), http.MethodGet, adminKeys.at(args[0]), nil, &k); err != nil {
					return adminKeys.about(args[0], err)
				}
				return showOne(cmd, adminKeyDetails, k)
			})
		},
	}
}

func rotateAdminKey() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate ID", Short: "Make the successor of a key; the old one goes on for a while",
		Long: `Make a key with the same name, role and tenant, and print it alone on standard output. It lives as long as the old one was made for,
unless --expires says otherwise. The old one goes on for --grace, so that whoever uses it can change over.
` + adminHelp,
		Example: "  gatehouse admin keys rotate 019ab3c4-5d6e-7f80-9123-456789abcdef --grace 1h > ci.key",
		Args:    exactly("the key's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := document{}
			for _, flag := range []string{"grace", "expires"} {
				if v, _ := cmd.Flags().GetString(flag); v != "" {
					body[flag] = v
				}
			}
			return withAdminKeys(cmd, func(a *api) error {
				var made document
				if _, err := a.send(cmd.Context(), http.MethodPost, adminKeys.at(args[0])+"/rotate", body, &made); err != nil {
					return adminKeys.about(args[0], err)
				}
				return showMadeKey(cmd, made)
			})
		},
	}
	cmd.Flags().String("grace", "24h", "how long the old key goes on; 0s ends it at once")
	cmd.Flags().String("expires", "", "when the new one ends: 90d, 12h, 2027-01-31 or never")
	return cmd
}

func revokeAdminKeys() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID...", Short: "End keys at once",
		Long:    "End keys at once: in the server that is asked when the command returns, in all others within a second, or databases.max_staleness where one is cut off.\n" + adminHelp,
		Example: "  gatehouse admin keys revoke 019ab3c4-5d6e-7f80-9123-456789abcdef",
		Args:    several("the keys' IDs"),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return withAdminKeys(cmd, func(a *api) error {
				return adminKeys.each(cmd, a, ids, http.MethodDelete, "", "revoked")
			})
		},
	}
}
