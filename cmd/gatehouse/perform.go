package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"crypto/rand"

	"github.com/spf13/cobra"
)

const clientSecretVariable = "GATEHOUSE_CLIENT_SECRET"

func performCommand() *cobra.Command {
	cmd := group("perform", "Get tokens as an application does, to try a client out",
		`  gatehouse perform client-credentials --client-id ID --scope read
  gatehouse perform authorization-code --client-id ID`, performClientCredentials(), performAuthorizationCode())
	flags := cmd.PersistentFlags()
	flags.String("issuer", "http://127.0.0.1:4444", "address of the public listener")
	flags.String("client-id", "", "client to act as")
	flags.StringArray("scope", nil, "scope to ask for; repeat for several")
	flags.StringArray("audience", nil, "audience to ask for; repeat for several")
	flags.String("auth-method", "client_secret_basic", "client_secret_basic, client_secret_post or none. The secret is read from "+clientSecretVariable)
	addFormatFlag(cmd)
	return cmd
}

var tokenColumns = []column{
	{"ACCESS TOKEN", "access_token"}, {"REFRESH TOKEN", "refresh_token"}, {"ID TOKEN", "id_token"},
	{"EXPIRES IN", "expires_in"}, {"SCOPE", "scope"}, {"TOKEN TYPE", "token_type"},
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
	a.issuer = strings.TrimSuffix(a.issuer, "/")
	a.id, _ = flags.GetString("client-id")
	a.method, _ = flags.GetString("auth-method")
	a.secret = os.Getenv(clientSecretVariable)
	scope, _ := flags.GetStringArray("scope")
	a.scope = strings.Join(scope, " ")
	audience, _ := flags.GetStringArray("audience")
	a.audience = strings.Join(audience, " ")
	a.http = &http.Client{Timeout: 30 * time.Second}
	switch {
	case a.id == "":
		return nil, usageError{errors.New("--client-id is missing; make a client with `gatehouse clients create`"), cmd.CommandPath()}
	case a.method != "none" && a.method != "client_secret_basic" && a.method != "client_secret_post":
		return nil, usageError{fmt.Errorf("--auth-method %q: known are client_secret_basic, client_secret_post, none", a.method), cmd.CommandPath()}
	case a.method != "none" && a.secret == "":
		return nil, usageError{errors.New("put the client's secret into the environment as " + clientSecretVariable + ", or use --auth-method none"), cmd.CommandPath()}
	}
	return &a, nil
}

func (a *application) token(ctx context.Context, form url.Values) (document, error) {
	if a.method != "client_secret_basic" {
		form.Set("client_id", a.id)
	}
	if a.method == "client_secret_post" {
		form.Set("client_secret", a.secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.method == "client_secret_basic" {
		req.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret)) // RFC 6749 §2.3.1: form-encoded first
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w\nIs the server running? Start it with `gatehouse serve`, or name another with --issuer", unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, answeredNo(resp, body)
	}
	var got document
	return got, json.Unmarshal(body, &got)
}

func performClientCredentials() *cobra.Command {
	return &cobra.Command{
		Use: "client-credentials", Short: "Get an access token for the application itself (RFC 6749 §4.4)",
		Example: "  " + clientSecretVariable + "=… gatehouse perform client-credentials --client-id ID --scope read",
		Args:    usage(cobra.NoArgs),
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
			return show(cmd, tokenColumns, true, got)
		},
	}
}

func set(form url.Values, name, value string) {
	if value != "" {
		form.Set(name, value)
	}
}

func performAuthorizationCode() *cobra.Command {
	cmd := &cobra.Command{
		Use: "authorization-code", Short: "Log a person in in the browser and get tokens (RFC 6749 §4.1 with PKCE)",
		Long: `Listens on a loopback port, prints the address to open in a browser, waits for the login to come back, and redeems
the code. The client needs the redirect URI http://127.0.0.1/callback: any port of it matches (RFC 8252 §7.3).`,
		Example: "  " + clientSecretVariable + "=… gatehouse perform authorization-code --client-id ID --scope openid --scope offline",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newApplication(cmd)
			if err != nil {
				return err
			}
			port, _ := cmd.Flags().GetInt("port")
			got, err := a.login(cmd, port)
			if err != nil {
				return err
			}
			return show(cmd, tokenColumns, true, got)
		},
	}
	cmd.Flags().Int("port", 0, "loopback port to listen on; 0 takes a free one")
	return cmd
}

// random is 256 bits for state, nonce and the PKCE verifier.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (a *application) login(cmd *cobra.Command, port int) (document, error) {
	ctx := cmd.Context()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	redirect := "http://" + listener.Addr().String() + "/callback"
	verifier, state := random(), random()
	challenge := sha256.Sum256([]byte(verifier))
	scope := a.scope
	if scope == "" {
		scope = "openid"
	}
	query := url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {redirect}, "scope": {scope}, "state": {state}, "nonce": {random()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	set(query, "audience", a.audience)
	came := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: callback(state, came)}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	fmt.Fprintf(cmd.ErrOrStderr(), "Open this address in a browser and log in:\n\n  %s\n\nWaiting for the browser to come back (Ctrl-C ends it) …\n",
		a.issuer+"/oauth2/auth?"+query.Encode())
	var back url.Values
	select {
	case back = <-came:
	case <-ctx.Done():
		return nil, errors.New("ended before the login came back")
	}
	// A moment for the page that tells the person that all is done.
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = server.Shutdown(shutdown)
	if code := back.Get("error"); code != "" {
		return nil, fmt.Errorf("the login was refused: %s: %s", code, back.Get("error_description"))
	}
	return a.token(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}})
}

// callback takes the first answer with the right state; anything else that knocks is told no.
func callback(state string, came chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.URL.Query().Get("state") != state {
			http.Error(w, "This answer does not belong to the login that was started (another state).", http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "Done. You can close this window and go back to the terminal.\n")
		select {
		case came <- r.URL.Query():
		default:
		}
	})
	return mux
}

func introspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "introspect", Short: "Ask the server what it knows of a token, read from standard input",
		Long: `Reads an access or refresh token from standard input, so that it stands neither in the shell's history nor in the
process list, and prints what the server says of it (RFC 7662).`,
		Example: "  gatehouse introspect < token.txt",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			input, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
			if err != nil {
				return err
			}
			form := url.Values{"token": {strings.TrimSpace(string(input))}}
			scope, _ := cmd.Flags().GetStringArray("scope")
			set(form, "scope", strings.Join(scope, " "))
			var answer document
			if err := a.form(cmd.Context(), "/admin/oauth2/introspect", form, &answer); err != nil {
				return err
			}
			return show(cmd, []column{
				{"ACTIVE", "active"}, {"SUBJECT", "sub"}, {"CLIENT ID", "client_id"}, {"SCOPE", "scope"}, {"AUDIENCE", "aud"},
				{"EXPIRES", "exp"}, {"ISSUED", "iat"}, {"TOKEN USE", "token_use"}, {"EXTRA", "ext"},
			}, true, answer)
		},
	}
	cmd.Flags().StringArray("scope", nil, "scope that the token must have to be called active; repeat for several")
	addEndpointFlag(cmd)
	addFormatFlag(cmd)
	return cmd
}
