package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// server is a release of the chart, called from the node: through its Services, as pods of other namespaces would call it.
type server struct {
	*space
	public, admin string
	key           string
	http          *http.Client
}

// newServer finds out how the release is called, and waits until its Services lead to it: pods are ready a moment before every node knows
// the way to them. Its admin key has to be one that was made.
func (s *space) newServer() *server {
	s.Helper()
	r := &server{space: s, public: "http://gatehouse." + s.name + ".svc", admin: "http://gatehouse-admin." + s.name + ".svc:4445", key: s.secret("gatehouse-admin-key")["admin"]}
	roots := x509.NewCertPool()
	for _, name := range []string{"gatehouse-tls", "gatehouse-admin-tls"} {
		roots.AppendCertsFromPEM([]byte(s.secret(name)["ca.crt"]))
	}
	if s.secret("gatehouse-tls") != nil {
		r.public = "https://id.example.com"
	}
	if s.secret("gatehouse-admin-tls") != nil {
		r.admin = strings.Replace(r.admin, "http:", "https:", 1)
	}
	dns := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, dnsAddress+":53")
	}}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		address = strings.Replace(address, "id.example.com:", "gatehouse."+s.name+".svc:", 1)
		address = strings.Replace(address, ".svc:", ".svc.cluster.local.:", 1)
		return (&net.Dialer{Resolver: dns, Timeout: 10 * time.Second}).DialContext(ctx, network, address)
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 16}
	s.Cleanup(transport.CloseIdleConnections)
	r.http = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	s.eventually(func() (bool, string) {
		_, _, public := r.send(http.MethodGet, r.public+"/health/ready", "", "", nil)
		_, _, admin := r.send(http.MethodGet, r.admin+"/health/ready", "", "", nil)
		return public == nil && admin == nil, fmt.Sprintf("public: %v, admin: %v", public, admin)
	})
	return r
}

// send sends a request; without a status the server did not answer.
func (s *server) send(method, address, contentType, authorization string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, address, bytes.NewReader(body)) // also after the test has ended
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", authorization)
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// administrate calls the admin API and fails the test unless a status comes back.
func (s *server) administrate(want int, method, path string, body, into any) {
	s.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	code, answer, err := s.send(method, s.admin+path, "application/json", "Bearer "+s.key, raw)
	if err != nil || code != want {
		s.Fatalf("%s %s: %d %s %v", method, path, code, answer, err)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			s.Fatal(err)
		}
	}
}

// application is a client with its secret.
type application struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// register registers an application that gets tokens for itself.
func (s *server) register() application {
	s.Helper()
	var a application
	s.administrate(http.StatusCreated, http.MethodPost, "/admin/clients", map[string]any{"grant_types": []string{"client_credentials"}, "scope": "read"}, &a)
	return a
}

// token asks for a token, and gives the status and the token.
func (s *server) token(a application) (int, string, error) {
	req := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.ID)+":"+url.QueryEscape(a.Secret))) // RFC 6749 §2.3.1
	code, answer, err := s.send(http.MethodPost, s.public+"/oauth2/token", "application/x-www-form-urlencoded", basic, []byte(req.Encode()))
	if err != nil {
		return 0, "", err
	}
	var got struct {
		Token string `json:"access_token"`
	}
	if code == http.StatusOK {
		err = json.Unmarshal([]byte(answer), &got)
	}
	return code, got.Token, err
}

// mustToken gives a token.
func (s *server) mustToken(a application) string {
	s.Helper()
	code, token, err := s.token(a)
	if err != nil || code != http.StatusOK {
		s.Fatalf("a token for %s: %d %v", a.ID, code, err)
	}
	return token
}

// active tells whether the server knows a token.
func (s *server) active(token string) (bool, error) {
	form := url.Values{"token": {token}}
	_, answer, err := s.send(http.MethodPost, s.admin+"/admin/oauth2/introspect", "application/x-www-form-urlencoded", "Bearer "+s.key, []byte(form.Encode()))
	return strings.Contains(answer, `"active":true`), err
}

// keeps fails the test unless an application and a token of before are still good. A Service may take a moment to lead to new pods.
func (s *server) keeps(a application, token string) {
	s.Helper()
	s.eventually(func() (bool, string) {
		known, err := s.active(token)
		code, _, refused := s.token(a)
		return known && code == http.StatusOK, fmt.Sprintf("the token of before is active: %v %v; the application of before gets another: %d %v", known, err, code, refused)
	})
}
