package door_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// tlsApplication is one that knows its callers by their certificates.
func tlsApplication(t *testing.T, own tls.Certificate, callers []byte) string {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(callers)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto, " for ", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog, s.EnableHTTP2 = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// The proxy knows applications by their certificates, and shows them its own.
func TestApplicationsBehindTLS(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority, certificate := testkit.Certificates(t, "")
	otherAuthority, otherCertificate := testkit.Certificates(t, "elsewhere.example.com")
	callers, gate := testkit.Certificates(t, "gate")
	key, err := x509.MarshalPKCS8PrivateKey(gate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := file("gate.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gate.Certificate[0]}))
	private := file("gate.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	trusted, foreign := file("ca.pem", authority), file("other.pem", otherAuthority)
	app, misnamed := tlsApplication(t, certificate, callers), tlsApplication(t, otherCertificate, callers)
	for story, c := range map[string]struct {
		app, ca, cert, key string
		want               int
	}{
		"both are known":                   {app, trusted, cert, private, 200},
		"the application is not known":     {app, foreign, cert, private, 503},
		"the system's authorities alone":   {app, "", cert, private, 503},
		"the application has another name": {misnamed, foreign, cert, private, 503},
		"the proxy does not say who it is": {app, trusted, "", "", 503},
	} {
		config := door.DefaultUpstreamConfig()
		config.ConnectTimeout, config.CAFile, config.CertFile, config.KeyFile = time.Minute, c.ca, c.cert, c.key
		p, err := door.NewProxy(silentDoor(t, c.app), config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		rec := testkit.Ask(web.NewRaw("proxy", web.KratosErrors, web.Options{Log: slog.New(slog.DiscardHandler)}, p.Serve), "GET", "/", "", "Host", "app.example.com")
		if rec.Code != c.want || (rec.Body.String() == "HTTP/2.0 for gate") != (c.want == 200) {
			t.Errorf("%s: %d %s", story, rec.Code, rec.Body)
		}
	}
	for setting, config := range map[string]door.UpstreamConfig{
		"access.upstream.ca_file: ": {CAFile: private}, "access.upstream.cert_file: ": {CertFile: cert, KeyFile: trusted},
	} {
		if _, err := door.NewProxy(silentDoor(t, app), config, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), setting) {
			t.Errorf("%s%v", setting, err)
		}
	}
}

// byCertificate is an authenticator that knows who asks by the key that the connection has proved.
type byCertificate struct{}

func (byCertificate) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	if r.Certificate == nil {
		return nil, access.ErrNotResponsible
	}
	return &access.Principal{Subject: string(r.Certificate)}, nil
}

// A client's certificate is what the connection to the proxy has proved; the decision door believes none.
func TestCertificatesOfClients(t *testing.T) {
	e := engine.New(engine.Options{Now: time.Now, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"certificate": always[access.Authenticator](byCertificate{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": always[access.Authorizer](allow{})},
	}})
	if _, err := e.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "<https?>://app.example.com/", Methods: []string{"GET"}}, Upstream: access.Upstream{URL: application(t, echo).URL},
		Authenticators: []access.HandlerRef{{Handler: "certificate"}}, Authorizer: access.HandlerRef{Handler: "allow"},
	}}); err != nil {
		t.Fatal(err)
	}
	shared := door.Door{Engine: e, Now: time.Now}
	p, err := door.NewProxy(shared, door.DefaultUpstreamConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shown := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("ada")}}}
	for _, c := range []struct {
		serve web.HandlerFunc
		path  string
		by    *tls.ConnectionState
		want  int
	}{{p.Serve, "/", shown, 200}, {p.Serve, "/", &tls.ConnectionState{}, 401}, {p.Serve, "/", nil, 401}, {(&door.Decisions{Door: shared}).Serve, "/decisions/", shown, 401}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example.com"+c.path, nil)
		r.TLS = c.by
		r.Header.Set("Client-Cert", ":YWRh:") // RFC 9440: anybody can write it
		w := httptest.NewRecorder()
		web.NewRaw("door", web.KratosErrors, web.Options{Log: slog.New(slog.DiscardHandler)}, c.serve).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}
