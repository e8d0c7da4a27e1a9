package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

const (
	endpointVariable = "GATEHOUSE_ENDPOINT"
	adminKeyVariable = "GATEHOUSE_ADMIN_KEY"
	defaultEndpoint  = "http://127.0.0.1:4445"
)

// api is a running server's HTTP API as the command line sees it.
type api struct {
	endpoint string
	key      string
	http     *http.Client
	// local says that there is no server: the answers come from this process.
	local bool
}

// addEndpointFlags gives a command the address of the admin API. The key has no flag: process arguments are readable by
// every user of the machine.
func addEndpointFlags(cmd *cobra.Command) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		endpoint = defaultEndpoint
	}
	flags := cmd.PersistentFlags()
	flags.StringP("endpoint", "e", endpoint, "address of the admin API, or unix:/path of its socket; also "+endpointVariable)
	addAdminKeyFlag(cmd)
	flags.String("client-cert", "", "PEM file of a client certificate that opens the admin API, with its chain")
	flags.String("client-key", "", "PEM file of that certificate's private key")
	addTLSFlag(cmd)
}

// addAdminKeyFlag gives a command a file with the key of the admin API. The key itself has no flag.
func addAdminKeyFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().String("admin-key-file", "", "file whose first line is the key of the admin API; else it is read from "+adminKeyVariable)
}

// adminKey is the key of the admin API; empty where there is none.
func adminKey(cmd *cobra.Command) (string, error) {
	name, _ := cmd.Flags().GetString("admin-key-file")
	if name == "" {
		return strings.TrimSpace(os.Getenv(adminKeyVariable)), nil
	}
	return firstLine(cmd, "--admin-key-file", name)
}

func addTLSFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().String("ca-file", "", "PEM file of authorities to trust besides the system's, for servers with a certificate of your own")
}

func newAPI(cmd *cobra.Command) (*api, error) {
	endpoint, _ := cmd.Flags().GetString("endpoint")
	client, err := httpClient(cmd)
	if err != nil {
		return nil, err
	}
	if endpoint, err = reach(cmd, client, "endpoint", endpoint); err != nil {
		return nil, err
	}
	key, err := adminKey(cmd)
	return &api{endpoint: endpoint, key: key, http: client}, err
}

// reach has the client connect to the address that the flag gave, which may be a socket, and returns what its requests begin with.
func reach(cmd *cobra.Command, client *http.Client, flag, address string) (string, error) {
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		return "http://localhost", nil
	}
	return strings.TrimSuffix(address, "/"), checkAddress(cmd, flag, address, defaultEndpoint)
}

// checkAddress refuses what is no address, without repeating it: one with a password in it is one of those.
func checkAddress(cmd *cobra.Command, flag, address, example string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return nil
	}
	return usageError{fmt.Errorf("--%s is not an address such as %s", flag, example), cmd.CommandPath()}
}

// httpClient trusts and shows the certificates that the flags name.
func httpClient(cmd *cobra.Command) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if file, _ := cmd.Flags().GetString("ca-file"); file != "" {
		pool, err := trust.Besides(file)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if cmd.Flags().Lookup("client-cert") != nil {
		certificate, _ := cmd.Flags().GetString("client-cert")
		key, _ := cmd.Flags().GetString("client-key")
		if (certificate == "") != (key == "") {
			return nil, usageError{errors.New("--client-cert and --client-key go together"), cmd.CommandPath()}
		}
		if certificate != "" {
			pair, err := tls.LoadX509KeyPair(certificate, key)
			if err != nil {
				return nil, fmt.Errorf("--client-cert and --client-key: %w", err)
			}
			transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: transport}, nil
}

// document is a JSON object as the server sent it: the command line shows fields that it does not know, too.
type document = map[string]any

// send makes one call. body may be nil; out may be nil, *document, *[]document or any other JSON target.
func (a *api) send(ctx context.Context, method, path string, body, out any) (http.Header, error) {
	return a.call(ctx, apiclient.Call{Method: method, Path: path, Body: body}, out)
}

func (a *api) call(ctx context.Context, c apiclient.Call, out any) (http.Header, error) {
	server := apiclient.Server{URL: a.endpoint, Key: secret.String(a.key), HTTP: a.http}
	header, err := exchange(ctx, server, c, "--endpoint", out)
	var no *refusal
	if a.local && errors.As(err, &no) {
		return nil, errors.New(printable(no.Reason))
	}
	if errors.As(err, &no) && no.Status == http.StatusUnauthorized {
		no.hint = "Put an admin key of this server into the environment as " + adminKeyVariable + ", name a file that has it with --admin-key-file, or show a certificate with --client-cert"
		if a.key != "" {
			no.hint = "The key in " + adminKeyVariable + ", or in the file of --admin-key-file, does not open this server"
		}
	}
	return header, err
}

// exchange makes one call to a server, and says of an error what to do. flag is what names the server, for messages.
func exchange(ctx context.Context, server apiclient.Server, c apiclient.Call, flag string, out any) (http.Header, error) {
	header, err := server.Do(ctx, c, out)
	if none, ok := errors.AsType[*apiclient.Unreached](err); ok {
		return nil, notReached(none, flag)
	}
	if no, ok := errors.AsType[*apiclient.Refusal](err); ok {
		return nil, refused(no, flag)
	}
	if errors.Is(err, apiclient.ErrForeign) {
		return nil, fmt.Errorf("%s answered something that is not this API's JSON; is %s right?", server.URL, flag)
	}
	return header, err
}

// notReached says what to do when no answer came.
func notReached(none *apiclient.Unreached, flag string) error {
	var unknown x509.UnknownAuthorityError
	switch err := none.Err; {
	case errors.Is(err, context.Canceled):
		return errors.New("ended before the server answered")
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: %w\nIf that authority is yours, name its file with --ca-file", none.Server, err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s speaks plain HTTP: write http:// in %s", none.Server, flag)
	default:
		return fmt.Errorf("%w\nIs the server running? Start it with `gatehouse serve`, or name another with %s", none, flag)
	}
}
