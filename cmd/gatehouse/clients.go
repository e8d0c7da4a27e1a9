package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const clientsPath = "/admin/clients"

var clientColumns = []column{
	{"CLIENT ID", "client_id"}, {"CLIENT SECRET", "client_secret"}, {"NAME", "client_name"}, {"GRANT TYPES", "grant_types"},
	{"RESPONSE TYPES", "response_types"}, {"SCOPE", "scope"}, {"AUDIENCE", "audience"}, {"REDIRECT URIS", "redirect_uris"},
	{"AUTH METHOD", "token_endpoint_auth_method"}, {"OWNER", "owner"}, {"CREATED", "created_at"}, {"UPDATED", "updated_at"},
}

var clientListColumns = []column{
	{"CLIENT ID", "client_id"}, {"NAME", "client_name"}, {"GRANT TYPES", "grant_types"}, {"SCOPE", "scope"},
	{"AUTH METHOD", "token_endpoint_auth_method"}, {"CREATED", "created_at"},
}

func clientsCommand() *cobra.Command {
	cmd := group("clients", "Register and manage OAuth 2.0 clients",
		`  gatehouse clients create --name "Batch job" --grant-type client_credentials --scope read
  gatehouse clients list --format json
  gatehouse clients rotate-secret ID`,
		createClient(), getClient(), listClients(), updateClient(), deleteClients(), importClients(), rotateClientSecret(), revokeRotatedSecrets())
	addEndpointFlag(cmd)
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

func addClientFlags(flags *pflag.FlagSet) {
	for _, f := range clientFlags {
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
	flags.String("secret-file", "", "file whose first line is the client secret; - is standard input; made by the server when absent")
}

// clientFromFlags puts together the document to send: the file first, then every flag that was given.
func clientFromFlags(cmd *cobra.Command, into document) error {
	flags := cmd.Flags()
	file, _ := flags.GetString("file")
	if file != "" {
		content, err := readInput(cmd, file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(content, &into); err != nil {
			return fmt.Errorf("--file %s: not a JSON object: %w", file, err)
		}
	}
	for _, f := range clientFlags {
		if !flags.Changed(f.flag) {
			continue
		}
		switch f.kind {
		case "list":
			into[f.field], _ = flags.GetStringArray(f.flag)
		case "words":
			words, _ := flags.GetStringArray(f.flag)
			into[f.field] = strings.Join(words, " ")
		case "bool":
			into[f.field], _ = flags.GetBool(f.flag)
		default:
			into[f.field], _ = flags.GetString(f.flag)
		}
	}
	secretFile, _ := flags.GetString("secret-file")
	if secretFile == "" {
		return nil
	}
	content, err := readInput(cmd, secretFile)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return fmt.Errorf("--secret-file %s: the first line is empty", secretFile)
	}
	into["client_secret"] = line
	return nil
}

func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), answerLimit))
	}
	return os.ReadFile(name) //nolint:gosec // the operator names the file
}

func createClient() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create", Short: "Register a client; its secret is shown this once",
		Example: `  gatehouse clients create --name "Batch job" --grant-type client_credentials --scope read
  gatehouse clients create --grant-type authorization_code --grant-type refresh_token --response-type code \
    --scope openid --scope offline --redirect-uri http://127.0.0.1:5555/callback`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			body := document{}
			if err := clientFromFlags(cmd, body); err != nil {
				return err
			}
			var made document
			if _, err := a.send(cmd.Context(), http.MethodPost, clientsPath, body, &made); err != nil {
				return err
			}
			return show(cmd, clientColumns, true, made)
		},
	}
	addClientFlags(cmd.Flags())
	return cmd
}

func getClient() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show one client", Example: "  gatehouse clients get my-app --format json-pretty",
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var c document
			if _, err := a.send(cmd.Context(), http.MethodGet, clientPath(args[0]), nil, &c); err != nil {
				return err
			}
			return show(cmd, clientColumns, true, c)
		},
	}
}

func clientPath(id string) string { return clientsPath + "/" + url.PathEscape(id) }

func listClients() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List clients, all pages",
		Example: "  gatehouse clients list\n  gatehouse clients list --owner team-a --format json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			query := url.Values{"page_size": {"500"}}
			for flag, parameter := range map[string]string{"name": "client_name", "owner": "owner"} {
				if v, _ := cmd.Flags().GetString(flag); v != "" {
					query.Set(parameter, v)
				}
			}
			all, err := a.pages(cmd.Context(), clientsPath, query.Encode())
			if err != nil {
				return err
			}
			return show(cmd, clientListColumns, false, all...)
		},
	}
	cmd.Flags().String("name", "", "only clients with this name")
	cmd.Flags().String("owner", "", "only clients of this owner")
	return cmd
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
		query = nextPage(header)
	}
	return all, nil
}

func updateClient() *cobra.Command {
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change the given fields of a client and leave the others",
		Example: "  gatehouse clients update my-app --scope openid --scope offline",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			changes := document{}
			if err := clientFromFlags(cmd, changes); err != nil {
				return err
			}
			if len(changes) == 0 {
				return usageError{errors.New("nothing to change: give at least one field"), cmd.CommandPath()}
			}
			// A patch of the given fields and not a get and a put: between those, somebody else's change would be lost.
			patch := make([]document, 0, len(changes))
			for field, value := range changes {
				patch = append(patch, document{"op": "add", "path": "/" + field, "value": value})
			}
			var changed document
			if _, err := a.send(cmd.Context(), http.MethodPatch, clientPath(args[0]), patch, &changed); err != nil {
				return err
			}
			return show(cmd, clientColumns, true, changed)
		},
	}
	addClientFlags(cmd.Flags())
	return cmd
}

func deleteClients() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID...", Short: "Delete clients; their tokens end with them", Example: "  gatehouse clients delete my-app",
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			for _, id := range args {
				if _, err := a.send(cmd.Context(), http.MethodDelete, clientPath(id), nil, nil); err != nil {
					return fmt.Errorf("client %q: %w", id, err)
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), id); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func importClients() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Register clients from JSON: one object, a list, or one object a line; - is standard input",
		Long: `Register every client of a file. A client that the server refuses is reported and does not keep the others from
being registered; the exit status is then 1.`,
		Example: "  gatehouse clients import clients.json\n  gatehouse clients list --format json | gatehouse clients import - --endpoint http://127.0.0.1:5445",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			content, err := readInput(cmd, args[0])
			if err != nil {
				return err
			}
			clients, err := readClients(content)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			made, refused := []document{}, 0
			for i, c := range clients {
				var answer document
				if _, err := a.send(cmd.Context(), http.MethodPost, clientsPath, c, &answer); err != nil {
					refused++
					fmt.Fprintf(cmd.ErrOrStderr(), "client %d (%s): %v\n", i+1, cell(c["client_id"]), err)
					continue
				}
				made = append(made, answer)
			}
			if err := show(cmd, append([]column{{"CLIENT SECRET", "client_secret"}}, clientListColumns...), false, made...); err != nil {
				return err
			}
			if refused > 0 {
				return fmt.Errorf("%d of %d clients were not registered", refused, len(clients))
			}
			return nil
		},
	}
}

func readClients(content []byte) ([]document, error) {
	var list []document
	if json.Unmarshal(content, &list) == nil {
		return list, nil
	}
	decoder := json.NewDecoder(bufio.NewReader(strings.NewReader(string(content))))
	for {
		var c document
		switch err := decoder.Decode(&c); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("object %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
}

func rotateClientSecret() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-secret ID", Short: "Give a client a new secret; the old one stays valid until revoke-rotated",
		Example: "  gatehouse clients rotate-secret my-app",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    secrets(http.MethodPost),
	}
}

func revokeRotatedSecrets() *cobra.Command {
	return &cobra.Command{
		Use: "revoke-rotated ID", Short: "End the validity of a client's former secrets",
		Example: "  gatehouse clients revoke-rotated my-app",
		Args:    usage(cobra.ExactArgs(1)),
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
		if _, err := a.send(cmd.Context(), method, clientPath(args[0])+"/secrets/rotate", nil, &c); err != nil {
			return err
		}
		return show(cmd, clientColumns, true, c)
	}
}
