package kube

import (
	"net/url"
	"strings"
	"testing"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		text string
		port int32
		want string // empty: refused
	}{
		{"https://admin.iam.svc", 0, "https://admin.iam.svc:443"},
		{"http://admin.iam.svc/", 0, "http://admin.iam.svc:80"},
		{"http://Admin.IAM.svc", 4445, "http://admin.iam.svc:4445"},
		{"http://admin:4445", 4445, "http://admin:4445"},
		{"http://[::1]", 4445, "http://[::1]:4445"},
		{"http://admin:4445", 80, ""},
		{"admin:4445", 0, ""},
		{"//admin", 0, ""},
		{"ftp://admin", 0, ""},
		{"http://", 4445, ""},
		{"http://user@admin", 0, ""},
		{"http://admin/clients", 0, ""},
		{"http://admin//", 0, ""},
		{"http://admin?", 0, ""},
		{"http://admin?a=b", 0, ""},
		{"http://admin#a", 0, ""},
		{"http://admin\n", 0, ""},
	} {
		got, err := origin(test.text, test.port)
		if (err != nil) != (test.want == "") || got != test.want {
			t.Errorf("origin(%q, %d) = %q, %v; want %q", test.text, test.port, got, err, test.want)
		}
	}
}

// Whatever a resource names: what is talked to is one of the servers of the configuration.
func FuzzLocate(f *testing.F) {
	for _, seed := range []string{"http://admin:4445", "http://admin:4445@evil", "https://ADMIN", "http://other", "http://other:80/x", "http://[::1]:4445"} {
		f.Add(seed, 4445, "/clients", "acme", "team-a")
	}
	c := &Config{
		Server: Server{URL: "http://admin:4445"}, Others: []Server{{URL: "http://other"}},
		Tenants: map[string][]string{"acme": {"team-*"}},
	}
	f.Fuzz(func(t *testing.T, address string, port int, endpoint, tenant, namespace string) {
		if port < 0 || port > 65535 {
			return
		}
		p, fail := c.locate(namespace, &hydra.OAuth2ClientSpec{HydraAdmin: hydra.HydraAdmin{URL: address, Port: int32(port), Endpoint: endpoint}, Tenant: tenant})
		if fail != nil {
			return
		}
		u, err := url.Parse(p.String())
		if err != nil || u.Host != "admin:4445" && u.Host != "other:80" || u.User != nil {
			t.Fatalf("%q leads to %s", address, p)
		}
		if u.Path != "/admin/clients" && (u.Path != "/t/acme/admin/clients" || !strings.HasPrefix(namespace, "team-")) {
			t.Fatalf("endpoint %q and tenant %q of %s lead to %s", endpoint, tenant, namespace, u.Path)
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	good := func() Config {
		return Config{Server: Server{URL: "https://admin"}, IDKey: "CLIENT_ID", SecretKey: "CLIENT_SECRET", Resync: minPeriod, RemoveWithin: minPeriod}
	}
	for _, test := range []struct {
		spoil func(*Config)
		says  string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Server.URL = "" }, "missing"},
		{func(c *Config) { c.Server.URL = "https://admin/path" }, "nothing else"},
		{func(c *Config) { c.Server.URL, c.Server.CredentialFile = "http://admin", "/key" }, "use https"},
		{func(c *Config) { c.Server.URL, c.Server.CredentialFile = "http://localhost", "/key" }, ""},
		{func(c *Config) { c.Server.CertFile = "/crt" }, "needs --client-key"},
		{func(c *Config) { c.Server.Endpoint = "clients" }, "begin with a slash"},
		{func(c *Config) { c.Others = []Server{{URL: "nowhere"}} }, "http:// or https://"},
		{func(c *Config) { c.Tenants = map[string][]string{"acme": {"["}} }, "pattern"},
		{func(c *Config) { c.SecretKey = c.IDKey }, "two different names"},
		{func(c *Config) { c.Namespaces = []string{"shop", "team-7"} }, ""},
		{func(c *Config) { c.Namespaces = []string{"shop", ""} }, `"" is no name of a namespace`},
		{func(c *Config) { c.Namespaces = []string{"team-*"} }, "is no name of a namespace"},
		{func(c *Config) { c.Resync = 0 }, "sync period"},
		{func(c *Config) { c.RemoveWithin = 0 }, "removal timeout"},
	} {
		c := good()
		test.spoil(&c)
		err := c.Validate()
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v; want something with %q", err, test.says)
		}
	}
}

func TestRememberedPlaces(t *testing.T) {
	c := &Config{Server: Server{URL: "https://admin"}, Others: []Server{{URL: "http://other:4445", Endpoint: "/clients"}}, Tenants: map[string][]string{"acme": {"*"}}}
	for address, want := range map[string]bool{
		"https://admin:443/admin/clients": true, "https://admin:443/t/acme/admin/clients": true, "http://other:4445/admin/clients": true,
		"https://admin:443/t/other/admin/clients": false, "http://evil:80/admin/clients": false, "": false,
	} {
		if p, ok := c.remembered(address); ok != want || ok && p.String() != address {
			t.Errorf("%q: %v %v", address, p, ok)
		}
	}
}

// A tenant takes the place of the one in the endpoint, for clients and for rules.
func TestPlacesOfTenants(t *testing.T) {
	for endpoint, want := range map[string][2]string{
		"":                         {"https://admin:443/admin/rules", "https://admin:443/t/acme/admin/rules"},
		"/t/default/admin/clients": {"https://admin:443/t/default/admin/rules", "https://admin:443/t/acme/admin/rules"},
	} {
		r := (&Clients{Config: &Config{Server: Server{URL: "https://admin", Endpoint: endpoint}}}).RuleSets("set")
		for n, tenant := range []string{"", "acme"} {
			if p, err := r.place(tenant); err != nil || p.String() != want[n] {
				t.Errorf("%q of %q: %s %v", tenant, endpoint, p, err)
			}
		}
	}
}
