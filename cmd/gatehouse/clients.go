package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

var clientColumns = []column{
	{title: "CLIENT ID", field: "client_id"}, {title: "CLIENT SECRET", field: "client_secret"}, {title: "NAME", field: "client_name"},
	{title: "GRANT TYPES", field: "grant_types"}, {title: "RESPONSE TYPES", field: "response_types"}, {title: "SCOPE", field: "scope"},
	{title: "AUDIENCE", field: "audience"}, {title: "REDIRECT URIS", field: "redirect_uris"},
	{title: "AUTH METHOD", field: "token_endpoint_auth_method"}, {title: "OWNER", field: "owner"}, {title: "CREATED", field: "created_at"},
	{title: "UPDATED", field: "updated_at"},
}

var clientListColumns = []column{
	{title: "CLIENT ID", field: "client_id"}, {title: "NAME", field: "client_name"}, {title: "GRANT TYPES", field: "grant_types"},
	{title: "SCOPE", field: "scope"}, {title: "AUTH METHOD", field: "token_endpoint_auth_method"}, {title: "CREATED", field: "created_at"},
}

func clientsCommand() *cobra.Command {
	cmd := group("clients", "Register and manage OAuth 2.0 clients",
		`  gatehouse clients create --name "Batch job" --grant-type client_credentials --scope read
  gatehouse clients list --format json
  gatehouse clients rotate-secret ID`,
		createClient(), getClient(), listClients(), updateClient(), deleteClients(), importClients(), rotateClientSecret(), revokeRotatedSecrets())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

// clientFlags are the fields that have a flag; every other field comes by --file.
var clientFlags = []struct{ flag, field, kind, usage string }{
	{"id", "client_id", "string", "client id; made by the server when absent"},
	{"name", "client_name", "string", "name shown to people at consent"},
	{"owner", "owner", "string", "who is responsible for the client"},
	{"grant-type", "grant_types", "list", "grant types: authorization_code, client_credentials, refresh_token, implicit"},
	{"response-type", "response_types", "list", "response types, such as code or \"code id_token\""},
	{"scope", "scope", "words", "scopes that the client may ask for"},
	{"audience", "audience", "list", "audiences that the client may ask for"},
	{"redirect-uri", "redirect_uris", "list", "where a login may come back to"},
	{"post-logout-callback", "post_logout_redirect_uris", "list", "where a logout may come back to"},
	{"token-endpoint-auth-method", "token_endpoint_auth_method", "string", "client_secret_basic, client_secret_post, private_key_jwt or none"},
	{"jwks-uri", "jwks_uri", "string", "where the client publishes its keys, for private_key_jwt"},
	{"access-token-strategy", "access_token_strategy", "string", "opaque or jwt; the server's default when absent"},
	{"subject-type", "subject_type", "string", "public or pairwise"},
	{"skip-consent", "skip_consent", "bool", "tell the consent app not to ask (first-party clients)"},
	{"skip-logout-consent", "skip_logout_consent", "bool", "do not ask before a logout that this client starts"},
}

func addClientFlags(flags *pflag.FlagSet, leaveOut ...string) {
	for _, f := range clientFlags {
		if slices.Contains(leaveOut, f.flag) {
			continue
		}
		switch f.kind {
		case "list", "words":
			flags.StringArray(f.flag, nil, f.usage+"; repeat for several")
		case "bool":
			flags.Bool(f.flag, false, f.usage)
		default:
			flags.String(f.flag, "", f.usage)
		}
	}
	flags.String("file", "", "JSON document with any field of the API; - is standard input; flags win over it")
	flags.String("secret-file", "", "file whose first line is the client secret; - is standard input")
}

// clientFromFlags puts together the document to send: the file first, then every flag that was given.
func clientFromFlags(cmd *cobra.Command) (document, error) {
	flags := cmd.Flags()
	file, _ := flags.GetString("file")
	secretFile, _ := flags.GetString("secret-file")
	if file == "-" && secretFile == "-" {
		return nil, usageError{errors.New("--file and --secret-file cannot both be standard input"), cmd.CommandPath()}
	}
	client := document{}
	if file != "" {
		content, err := readInput(cmd, file)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		if err := apiclient.Decode(bytes.NewReader(content), &client); err != nil || client == nil {
			return nil, fmt.Errorf("--file %s: not a JSON object", file)
		}
	}
	for _, f := range clientFlags {
		if !flags.Changed(f.flag) {
			continue
		}
		switch f.kind {
		case "list":
			client[f.field], _ = flags.GetStringArray(f.flag)
		case "words":
			words, _ := flags.GetStringArray(f.flag)
			client[f.field] = strings.Join(words, " ")
		case "bool":
			client[f.field], _ = flags.GetBool(f.flag)
		default:
			client[f.field], _ = flags.GetString(f.flag)
		}
	}
	if secretFile == "" {
		return client, nil
	}
	var err error
	client["client_secret"], err = firstLine(cmd, "--secret-file", secretFile)
	return client, err
}

// firstLine is the first line of the file that a flag names.
func firstLine(cmd *cobra.Command, flag, name string) (string, error) {
	content, err := readInput(cmd, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	line, err := secret.FirstLine(content)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return line.Reveal(), nil
}

// inputLimit bounds what is read of a pipe. Unit: bytes.
const inputLimit = 32 << 20

func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), inputLimit))
	}
	return os.ReadFile(name)
}

func createClient() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "Register a client; its secret is shown this once",
		Example: `  gatehouse clients create --name "Batch job" --grant-type client_credentials --scope read
  gatehouse clients create --grant-type authorization_code --grant-type refresh_token --response-type code \
    --scope openid --scope offline --redirect-uri http://127.0.0.1:5555/callback`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			body, err := clientFromFlags(cmd)
			if err != nil {
				return err
			}
			var made document
			if _, err := a.send(cmd.Context(), http.MethodPost, clients.path, body, &made); err != nil {
				return err
			}
			return showOne(cmd, clientColumns, made)
		},
	}
	addClientFlags(cmd.Flags())
	return cmd
}

func getClient() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show one client", Example: "  gatehouse clients get my-app --format json-pretty",
		Args: exactly("the client's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var c document
			if _, err := a.send(cmd.Context(), http.MethodGet, clients.at(args[0]), nil, &c); err != nil {
				return clients.about(args[0], err)
			}
			return showOne(cmd, clientColumns, c)
		},
	}
}

func listClients() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List clients, all pages",
		Example: "  gatehouse clients list\n  gatehouse clients list --owner team-a --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := listQuery(cmd, map[string]string{"name": "client_name", "owner": "owner"})
			if err != nil {
				return err
			}
			return clients.list(cmd, clientListColumns, query)
		},
	}
	cmd.Flags().String("name", "", "only clients with this name")
	cmd.Flags().String("owner", "", "only clients of this owner")
	addPageSizeFlag(cmd, 500)
	return cmd
}

func updateClient() *cobra.Command {
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change the given fields of a client and leave the others",
		Example: "  gatehouse clients update my-app --scope openid --scope offline",
		Args:    exactly("the client's ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			changes, err := clientFromFlags(cmd)
			if err != nil {
				return err
			}
			if len(changes) == 0 {
				return usageError{errors.New("nothing to change: give at least one field"), cmd.CommandPath()}
			}
			// A patch of the given fields and not a get and a put: between those, somebody else's change would be lost.
			patch := make([]document, 0, len(changes))
			for _, field := range slices.Sorted(maps.Keys(changes)) {
				pointer := strings.NewReplacer("~", "~0", "/", "~1").Replace(field) // RFC 6901 §3
				patch = append(patch, document{"op": "add", "path": "/" + pointer, "value": changes[field]})
			}
			var changed document
			if _, err := a.send(cmd.Context(), http.MethodPatch, clients.at(args[0]), patch, &changed); err != nil {
				return clients.about(args[0], err)
			}
			return showOne(cmd, clientColumns, changed)
		},
	}
	addClientFlags(cmd.Flags(), "id") // it names the client and does not change
	return cmd
}

func deleteClients() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID...", Short: "Delete clients; their tokens end with them", Example: "  gatehouse clients delete my-app",
		Args: several("the clients' IDs"),
		RunE: clients.deleteAll,
	}
}

func rotateClientSecret() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-secret ID", Short: "Give a client a new secret; the old one stays valid until revoke-rotated",
		Example: "  gatehouse clients rotate-secret my-app",
		Args:    exactly("the client's ID"),
		RunE:    secrets(http.MethodPost),
	}
}

func revokeRotatedSecrets() *cobra.Command {
	return &cobra.Command{
		Use: "revoke-rotated ID", Short: "End the validity of a client's former secrets",
		Example: "  gatehouse clients revoke-rotated my-app",
		Args:    exactly("the client's ID"),
		RunE:    secrets(http.MethodDelete),
	}
}

func secrets(method string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a, err := newAPI(cmd)
		if err != nil {
			return err
		}
		var c document
		if _, err := a.send(cmd.Context(), method, clients.at(args[0])+"/secrets/rotate", nil, &c); err != nil {
			return clients.about(args[0], err)
		}
		return showOne(cmd, clientColumns, c)
	}
}
