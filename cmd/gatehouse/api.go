package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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

	"github.com/spf13/cobra"
)

const (
	endpointVariable = "GATEHOUSE_ENDPOINT"
	adminKeyVariable = "GATEHOUSE_ADMIN_KEY"
	defaultEndpoint  = "http://127.0.0.1:4445"
	// answerLimit bounds what a wrong endpoint can make this program read.
	answerLimit = 32 << 20
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

// httpClient trusts and shows the certificates that the flags name. It follows no redirect: what it sends is for the
// server that was named and for no other.
func httpClient(cmd *cobra.Command) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if file, _ := cmd.Flags().GetString("ca-file"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file: %s holds no certificate in PEM form", file)
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
	return &http.Client{
		Timeout: 30 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// document is a JSON object as the server sent it: the command line shows fields that it does not know, too.
type document = map[string]any

// send makes one call. body may be nil; out may be nil, *document, *[]document or any other JSON target.
func (a *api) send(ctx context.Context, method, path string, body, out any) (http.Header, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.endpoint+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return a.do(req, out)
}

func (a *api) form(ctx context.Context, path string, form url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = a.do(req, out)
	return err
}

func (a *api) do(req *http.Request, out any) (http.Header, error) {
	if a.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	header, err := exchange(a.http, req, "--endpoint", out)
	var no *refusal
	if a.local && errors.As(err, &no) {
		return nil, errors.New(printable(no.reason))
	}
	if errors.As(err, &no) && no.status == http.StatusUnauthorized {
		no.hint = "Put an admin key of this server into the environment as " + adminKeyVariable + ", name a file that has it with --admin-key-file, or show a certificate with --client-cert"
		if a.key != "" {
			no.hint = "The key in " + adminKeyVariable + ", or in the file of --admin-key-file, does not open this server"
		}
	}
	return header, err
}

// exchange sends a request and reads the answer. flag is what names the server, for messages.
func exchange(client *http.Client, req *http.Request, flag string, out any) (http.Header, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, notReached(req, flag, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	where := req.URL.Scheme + "://" + req.URL.Host
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, refused(resp, body, flag)
	}
	if out == nil || len(body) == 0 {
		return resp.Header, nil
	}
	if err := decode(bytes.NewReader(body), out); err != nil {
		return nil, fmt.Errorf("%s answered something that is not this API's JSON; is %s right?", where, flag)
	}
	return resp.Header, nil
}

// decode reads one JSON value and keeps its numbers as they are written.
func decode(r io.Reader, out any) error {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	if err := decoder.Decode(out); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end of the JSON value")
	}
	return nil
}

// notReached says what to do when no answer came. It leaves the address's path and query out: they may carry a token.
func notReached(req *http.Request, flag string, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	where := req.URL.Scheme + "://" + req.URL.Host
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("ended before the server answered")
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: %w\nIf that authority is yours, name its file with --ca-file", where, err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s speaks plain HTTP: write http:// in %s", where, flag)
	default:
		return fmt.Errorf("%s cannot be reached: %w\nIs the server running? Start it with `gatehouse serve`, or name another with %s", where, err, flag)
	}
}

// nextPage reads the query of the next page from the Link headers (RFC 8288), or "".
func nextPage(h http.Header) string {
	for _, line := range h.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			target, params, ok := strings.Cut(link, ";")
			if !ok || !strings.Contains(params, `rel="next"`) {
				continue
			}
			u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>"))
			if err != nil {
				return ""
			}
			return u.RawQuery
		}
	}
	return ""
}
