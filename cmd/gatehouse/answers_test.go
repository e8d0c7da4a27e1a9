package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// answering starts a server that gives one answer to everything.
func answering(t *testing.T, status int, header http.Header, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestServerNotRunning(t *testing.T) {
	nobody := "http://" + process.FreeAddress(t)
	for _, args := range [][]string{{"clients", "list"}, {"clients", "get", "a"}, {"keys", "list"}, {"introspect"}} {
		fails(t, call(t, "token", append(args, "--endpoint", nobody)...), 1, nobody, "Is the server running?", "gatehouse serve", "--endpoint")
	}
	for _, args := range [][]string{{"perform", "client-credentials"}, {"perform", "authorization-code"}} {
		fails(t, call(t, "", append(args, "--client-id", "a", "--auth-method", "none", "--issuer", nobody)...), 1, "Is the server running?", "--issuer")
	}
	fails(t, call(t, "", "clients", "list", "--endpoint", "unix:"+filepath.Join(t.TempDir(), "no.sock")), 1, "Is the server running?")
}

func TestErrorAnswersAreReadable(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		words  []string
	}{
		"Hydra's":        {400, nil, `{"error":"invalid_request","error_description":"No.","request_id":"r1"}`, []string{"HTTP 400: invalid_request: No. (request r1 in its log)"}},
		"Kratos'":        {404, nil, `{"error":{"code":404,"message":"Not here.","reason":"Gone.","request":"r2"}}`, []string{"Not here: Gone.", "request r2"}},
		"a proxy's page": {502, nil, `<html>Bad gateway</html>`, []string{"HTTP 502: bad gateway, without an explanation", "Is --endpoint right?"}},
		"an empty one":   {500, nil, ``, []string{"HTTP 500: internal server error"}},
		"a redirect":     {302, http.Header{"Location": {"https://example.com/"}}, ``, []string{"HTTP 302", "Is --endpoint right?"}},
		"no JSON":        {200, nil, `<html>Hello</html>`, []string{"not this API's JSON", "--endpoint"}},
		"two values":     {200, nil, `[] []`, []string{"not this API's JSON"}},
		"no key":         {401, nil, `{"error":"request_unauthorized"}`, []string{"GATEHOUSE_ADMIN_KEY", "--client-cert"}},
		"terminal codes": {400, nil, `{"error":"x","error_description":"\u001b[2J\u202egnihton"}`, []string{`\x1b[2J`, `\u202e`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(adminKeyVariable, "")
			r := call(t, "", "clients", "list", "--endpoint", answering(t, c.status, c.header, c.body))
			fails(t, r, 1, c.words...)
			if strings.ContainsAny(r.errs, "\x1b\u202e") {
				t.Errorf("control characters reach the terminal: %q", r.errs)
			}
		})
	}
	t.Run("a wrong key", func(t *testing.T) {
		t.Setenv(adminKeyVariable, "hidden")
		r := call(t, "", "clients", "list", "--endpoint", answering(t, 401, nil, `{"error":"request_unauthorized"}`))
		fails(t, r, 1, "The key in GATEHOUSE_ADMIN_KEY, or in the file of --admin-key-file, does not open this server")
		if strings.Contains(r.errs, "hidden") {
			t.Error("the key is printed")
		}
	})
	t.Run("a client's wrong secret is no matter of the admin key", func(t *testing.T) {
		t.Setenv(clientSecretVariable, "wrong")
		at := answering(t, 401, nil, `{"error":"invalid_client","error_description":"Wrong."}`)
		r := call(t, "", "perform", "client-credentials", "--client-id", "a", "--auth-method", "client_secret_post", "--issuer", at)
		fails(t, r, 1, "invalid_client: Wrong.")
		if strings.Contains(r.errs, adminKeyVariable) {
			t.Errorf("the hint misleads: %s", r.errs)
		}
	})
}

// Neither the names in a strange server's certificate nor what it answers move the cursor of who asks.
func TestAStrangeServerIsShownAsItIs(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{namedCertificate(t, "a\x1b[2J.example")}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	for _, args := range [][]string{{"clients", "list"}, {"clients", "delete", "a"}, {"harden"}} {
		r := call(t, "", append(args, "--endpoint", strings.Replace(s.URL, "127.0.0.1", "localhost", 1))...)
		if strings.Contains(r.errs+r.out, "\x1b") || !strings.Contains(r.errs, `a\x1b[2J.example`) {
			t.Errorf("%v: %q", args, r.errs+r.out)
		}
	}
	hostile := answering(t, 200, nil, `{"keys":[{"id":{"a":"\u001b[2J"},"state":"\u001b[2J"}],"values":[{"key":{"a":"\u001b[2J"},"column":"\u001b[2J","values":"\u001b[2J"},{"key":"unknown","column":"\u001b[2J"}]}`)
	if r := call(t, "", "keys", "seal", "status", "--endpoint", hostile); strings.Contains(r.errs+r.out, "\x1b") || !strings.Contains(r.out, `\x1b[2J`) {
		t.Errorf("%q", r.errs+r.out)
	}
}

// namedCertificate is a certificate for a host.
func namedCertificate(t *testing.T, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// The library writes no such name itself, so the extension is written here (RFC 5280 §4.2.1.6).
	names, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(host)}})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What is sent goes to the server that was named, and to no other.
func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	t.Setenv(clientSecretVariable, "secret")
	at := answering(t, http.StatusTemporaryRedirect, http.Header{"Location": {other.URL}}, "")
	fails(t, call(t, "", "perform", "client-credentials", "--client-id", "a", "--auth-method", "client_secret_post", "--issuer", at), 1, "HTTP 307")
	fails(t, call(t, "", "clients", "list", "--endpoint", at), 1, "HTTP 307")
	fails(t, call(t, "", "data", "status", "--from", at), 1, "answered 307")
	fails(t, call(t, "", "data", "freeze", "--from", at), 1, "answered 307")
	if reached {
		t.Error("the secret was sent on")
	}
}

func TestCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("[]"))
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	defer s.Close()
	s.Config.ErrorLog = nil
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := clientCertificate(t, dir)
	fails(t, call(t, "", "clients", "list", "--endpoint", s.URL), 1, "--ca-file")
	fails(t, call(t, "", "clients", "list", "--endpoint", s.URL, "--ca-file", ca), 1, "HTTP 401", "--client-cert")
	if out := works(t, "", "clients", "list", "--endpoint", s.URL, "--ca-file", ca, "--client-cert", certificate, "--client-key", key); !strings.Contains(out, "CLIENT ID") {
		t.Errorf("with a certificate: %s", out)
	}
	fails(t, call(t, "", "clients", "list", "--endpoint", s.URL, "--ca-file", key), 1, "holds no certificate")
	fails(t, call(t, "", "clients", "list", "--endpoint", s.URL, "--client-cert", ca, "--client-key", key), 1, "--client-cert and --client-key")
	plain := answering(t, 200, nil, "[]")
	fails(t, call(t, "", "clients", "list", "--endpoint", "https"+strings.TrimPrefix(plain, "http")), 1, "speaks plain HTTP")
}
