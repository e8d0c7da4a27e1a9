package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

func performAuthorizationCode() *cobra.Command {
	cmd := &cobra.Command{
		Use: "authorization-code", Short: "Log a person in with the browser and get tokens (RFC 6749 §4.1 with PKCE)",
		Long: `Listens on a loopback port, prints the address to open in a browser, waits for the login to come back, and redeems
the code. The client needs the redirect URI http://127.0.0.1/callback: any port of it matches (RFC 8252 §7.3).`,
		Example: "  " + clientSecretVariable + `=… gatehouse perform authorization-code --client-id ID --scope openid --scope offline
  gatehouse perform authorization-code --client-id ID --auth-method none`,
		Args: none,
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
			return showOne(cmd, tokenColumns, got)
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
	// Asked first, so that nobody is sent to a server that is not there; and to know the issuer's name (RFC 9207 §2.4).
	var discovered struct{ Issuer string }
	if _, err := exchange(ctx, a.server(), apiclient.Call{Method: http.MethodGet, Path: "/.well-known/openid-configuration"}, "--issuer", &discovered); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	redirect := "http://" + listener.Addr().String() + "/callback"
	verifier, state := random(), random()
	came := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: callback(state, came)}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	fmt.Fprintf(cmd.ErrOrStderr(), "Open this address in a browser and log in:\n\n  %s\n\nWaiting for the browser to come back (Ctrl-C ends it) …\n",
		a.authorizationRequest(redirect, state, verifier))
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
	switch {
	case back.Get("iss") != discovered.Issuer:
		return nil, fmt.Errorf("the answer comes from the issuer %q and not from %q", back.Get("iss"), discovered.Issuer)
	case back.Get("error") != "":
		said := apiclient.Refusal{Code: back.Get("error"), Message: back.Get("error_description")}
		return nil, fmt.Errorf("the login was refused: %s", printable(said.Said()))
	}
	return a.token(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}})
}

func (a *application) authorizationRequest(redirect, state, verifier string) string {
	scope := a.scope
	if scope == "" {
		scope = "openid"
	}
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {redirect}, "scope": {scope}, "state": {state}, "nonce": {random()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	set(query, "audience", a.audience)
	return a.issuer + "/oauth2/auth?" + query.Encode()
}

// callback takes the first answer with the right state; anything else that knocks is told no.
func callback(state string, came chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		query := r.URL.Query()
		if query.Get("state") != state {
			http.Error(w, "This answer does not belong to the login that was started (another state).", http.StatusBadRequest)
			return
		}
		select {
		case came <- query:
		default:
		}
		if query.Get("error") != "" {
			_, _ = io.WriteString(w, "The login was refused; the terminal says why. You can close this window.\n")
			return
		}
		_, _ = io.WriteString(w, "Done. You can close this window and go back to the terminal.\n")
	})
	return mux
}
