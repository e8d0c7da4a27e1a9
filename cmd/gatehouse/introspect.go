package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

var introspectionColumns = []column{
	{title: "ACTIVE", field: "active"}, {title: "SUBJECT", field: "sub"}, {title: "CLIENT ID", field: "client_id"},
	{title: "SCOPE", field: "scope"}, {title: "AUDIENCE", field: "aud"}, {title: "ISSUER", field: "iss"},
	{title: "EXPIRES", field: "exp", moment: true}, {title: "ISSUED", field: "iat", moment: true},
	{title: "TOKEN USE", field: "token_use"}, {title: "EXTRA", field: "ext"},
}

func introspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "introspect", Short: "Ask the server what it knows of a token, read from standard input",
		Long: `Reads an access or refresh token from standard input, so that it stands neither in the shell's history nor in the
process list, and prints what the server says of it (RFC 7662).`,
		Example: "  gatehouse introspect < token.txt\n  gatehouse introspect --scope read --format json < token.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 { // it may be a token, so it is not repeated
				return usageError{errors.New("the token is read from standard input, not from the arguments"), cmd.CommandPath()}
			}
			return nil
		},
		RunE: introspect,
	}
	cmd.Flags().StringArray("scope", nil, "scope that the token must have to be called active; repeat for several")
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

func introspect(cmd *cobra.Command, _ []string) error {
	a, err := newAPI(cmd)
	if err != nil {
		return err
	}
	in := cmd.InOrStdin()
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "Paste the token, then press Enter and Ctrl-D.")
		}
	}
	input, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	token := strings.TrimSpace(string(input))
	if token == "" {
		return usageError{errors.New("there is no token on standard input"), cmd.CommandPath()}
	}
	form := url.Values{"token": {token}}
	scope, _ := cmd.Flags().GetStringArray("scope")
	set(form, "scope", strings.Join(scope, " "))
	var answer document
	if _, err := a.send(cmd.Context(), http.MethodPost, "/admin/oauth2/introspect", form, &answer); err != nil {
		return err
	}
	return showOne(cmd, introspectionColumns, answer)
}
