package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// internet is what pods reach by names of the world: one HTTPS server on the node, to which the cluster's DNS leads them. No system
// knows its authority, so pods are told of it.
type internet struct {
	*http.ServeMux
	authority string // the certificate
}

// Names of the world; cluster.yaml has them, too.
const (
	nearHost    = "gatehouse-backups.s3.dualstack.eu-central-1.amazonaws.com"
	farHost     = "gatehouse-backups-far.s3.dualstack.eu-west-1.amazonaws.com"
	schemasHost = "schemas.example.com"
	siemHost    = "siem.example.com"
	tokenHost   = "oauth2.googleapis.com"
	sqlHost     = "sqladmin.googleapis.com"
)

// newInternet starts it; patterns of handlers begin with one of its names. It ends with the test.
func newInternet(t *testing.T) *internet {
	t.Helper()
	a, err := newAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.issue("tls", pkix.Name{CommonName: siemHost}, nearHost, farHost, schemasHost, siemHost, tokenHost, sqlHost); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(a.file("tls.crt"), a.file("tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	i := &internet{ServeMux: http.NewServeMux(), authority: read(t, a.file("ca.crt"))}
	serve(t, ":443", i, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
		s.StartTLS()
	})
	return i
}

// serve has a handler listen on the node, where pods reach it, until the test ends; start starts the server.
func serve(t *testing.T, port string, handler http.Handler, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", nodeAddress+port)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	_ = s.Listener.Close()
	s.Listener = listener
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it says so himself
	start(s)
	t.Cleanup(s.Close)
	return s
}
