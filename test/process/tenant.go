package process

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
)

// Tenant makes a tenant by a document of the admin API, and gives the server as that tenant is reached: Public is its address, Admin
// that of its admin API. The server's life stays with s.
func (s *Server) Tenant(document string) *Server {
	s.t.Helper()
	resp, err := http.Post(s.Admin+"/admin/tenants", "application/json", strings.NewReader(document))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var made struct{ ID, URL string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		s.t.Fatalf("the tenant is not made: %d %v", resp.StatusCode, err)
	}
	of := *s
	of.Public, of.Admin = strings.TrimSuffix(made.URL, "/"), s.Admin+"/t/"+made.ID
	return &of
}

// Names leads requests to the machine of the tests, whatever the name of their host is, as its name server would.
func Names() http.RoundTripper {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
}
