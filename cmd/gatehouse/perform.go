package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

const (
	clientSecretVariable = "GATEHOUSE_CLIENT_SECRET"
	defaultIssuer        = "http://127.0.0.1:4444"
)

func performCommand() *cobra.Command {
	cmd := group("perform", "Get tokens as an application does, to try a client out",
		"  "+clientSecretVariable+`=… gatehouse perform client-credentials --client-id ID --scope read
  gatehouse perform authorization-code --client-id ID --auth-method none`, performClientCredentials(), performAuthorizationCode())
	flags := cmd.PersistentFlags()
	flags.String("issuer", defaultIssuer, "address of the public listener")
	flags.String("client-id", "", "client to act as")
	flags.StringArray("scope", nil, "scope to ask for; repeat for several")
	flags.StringArray("audience", nil, "audience to ask for; repeat for several")
	flags.String("auth-method", "client_secret_basic", "client_secret_basic, client_secret_post or none. The secret is read from "+clientSecretVariable)
	addTLSFlag(cmd)
	addFormatFlag(cmd)
	return cmd
}

var tokenColumns = []column{
	{title: "ACCESS TOKEN", field: "access_token"}, {title: "REFRESH TOKEN", field: "refresh_token"}, {title: "ID TOKEN", field: "id_token"},
	{title: "EXPIRES IN", field: "expires_in"}, {title: "SCOPE", field: "scope"}, {title: "TOKEN TYPE", field: "token_type"},
}

// application is the client that this command plays.
type application struct {
	issuer, id, secret, method string
	scope, audience            string
	http                       *http.Client
}

func newApplication(cmd *cobra.Command) (*application, error) {
	flags := cmd.Flags()
	var a application
	a.issuer, _ = flags.GetString("issuer")
	a.id, _ = flags.GetString("client-id")
	a.method, _ = flags.GetString("auth-method")
	a.secret = os.Getenv(clientSecretVariable)
	scope, _ := flags.GetStringArray("scope")
	a.scope = strings.Join(scope, " ")
	audience, _ := flags.GetStringArray("audience")
	a.audience = strings.Join(audience, " ")
	switch {
	case a.id == "":
		return nil, usageError{errors.New("--client-id is missing; make a client with `gatehouse clients create`"), cmd.CommandPath()}
	case a.method != "none" && a.method != "client_secret_basic" && a.method != "client_secret_post":
		return nil, usageError{fmt.Errorf("--auth-method %q: known are client_secret_basic, client_secret_post, none", a.method), cmd.CommandPath()}
	case a.method != "none" && a.secret == "":
		return nil, usageError{errors.New("put the client's secret into the environment as " + clientSecretVariable + ", or use --auth-method none"), cmd.CommandPath()}
	}
	if err := checkAddress(cmd, "issuer", a.issuer, defaultIssuer); err != nil {
		return nil, err
	}
	a.issuer = strings.TrimSuffix(a.issuer, "/")
	var err error
	a.http, err = httpClient(cmd)
	return &a, err
}

func (a *application) token(ctx context.Context, form url.Values) (document, error) {
	if a.method != "client_secret_basic" {
		form.Set("client_id", a.id)
	}
	if a.method == "client_secret_post" {
		form.Set("client_secret", a.secret)
	}
	c := apiclient.Call{Method: http.MethodPost, Path: "/oauth2/token", Body: form}
	if a.method == "client_secret_basic" {
		c.Header = apiclient.Basic(a.id, a.secret)
	}
	var got document
	_, err := exchange(ctx, a.server(), c, "--issuer", &got)
	return got, err
}

// server is the issuer's.
func (a *application) server() apiclient.Server {
	return apiclient.Server{URL: a.issuer, HTTP: a.http}
}

func performClientCredentials() *cobra.Command {
	return &cobra.Command{
		Use: "client-credentials", Short: "Get an access token for the application itself (RFC 6749 §4.4)",
		Example: "  " + clientSecretVariable + "=… gatehouse perform client-credentials --client-id ID --scope read",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newApplication(cmd)
			if err != nil {
				return err
			}
			form := url.Values{"grant_type": {"client_credentials"}}
			set(form, "scope", a.scope)
			set(form, "audience", a.audience)
			got, err := a.token(cmd.Context(), form)
			if err != nil {
				return err
			}
			return showOne(cmd, tokenColumns, got)
		},
	}
}

func set(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}
