package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/admin"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestRolesTenantsAndAreas(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	h := f.listener()
	keys := map[string]string{"configured": configured}
	for name, n := range map[string]admin.New{
		"viewer": {Tenant: "acme", Role: actor.RoleViewer}, "operator": {Tenant: "acme", Role: actor.RoleOperator},
		"admin": {Tenant: "acme", Role: actor.RoleAdmin}, "every viewer": {Tenant: admin.All, Role: actor.RoleViewer},
		"every admin": {Tenant: admin.All, Role: actor.RoleAdmin}, "metrics": {Tenant: admin.All, Role: actor.RoleViewer, Only: []string{"metrics"}},
		"clients": {Tenant: "acme", Role: actor.RoleAdmin, Only: []string{"clients"}},
	} {
		keys[name] = f.add(t, n).Text
	}
	const (
		read, write = "GET http://acme.test/admin/clients/1", "POST http://acme.test/admin/clients"
		secrets     = "GET http://acme.test/admin/secrets"
		metrics     = "GET http://acme.test/admin/metrics/prometheus"
		elsewhere   = "GET http://default.test/admin/clients/1"
		similar     = "GET http://acme.test/admin/clientele"
	)
	all := []string{read, write, secrets, metrics, elsewhere, similar}
	for name, may := range map[string][]string{
		"viewer": {read, similar}, "operator": {read, write, similar}, "admin": {read, write, secrets, similar},
		"every viewer": {read, metrics, elsewhere, similar}, "every admin": all, "metrics": {metrics}, "clients": {read, write},
		"configured": all,
	} {
		for _, request := range all {
			method, url, _ := strings.Cut(request, " ")
			want := http.StatusForbidden
			for _, one := range may {
				if one == request {
					want = http.StatusOK
				}
			}
			if w := ask(t, h, method, url, "Bearer "+keys[name]); w.Code != want {
				t.Errorf("%s: %s: status %d, want %d: %s", name, request, w.Code, want, w.Body)
			} else if want == http.StatusForbidden && !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`) {
				t.Errorf("%s: %s: %v", name, request, w.Header())
			}
		}
	}
	// HEAD is a read like GET; a path that is none is told to whoever has a credential.
	if w := ask(t, h, http.MethodHead, "http://acme.test/admin/clients/1", "Bearer "+keys["viewer"]); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := ask(t, h, http.MethodGet, "http://acme.test/admin/none", "Bearer "+keys["metrics"]); w.Code != http.StatusNotFound {
		t.Errorf("no route: %d", w.Code)
	}
}

func TestRefusalsSayWhatIsNeeded(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	h := f.listener()
	viewer := f.add(t, admin.New{Tenant: "acme", Name: "dashboards", Role: actor.RoleViewer})
	over := f.add(t, admin.New{Tenant: "acme", Role: actor.RoleViewer, Expires: f.clock.Now().Add(time.Second)})
	f.clock.Advance(time.Second)
	for _, c := range []struct {
		name, request, credential string
		status                    int
		words                     []string
		challenge                 string
	}{
		{"none", "GET http://acme.test/admin/clients/1", "", 401, []string{"asks for a credential", "gatehouse admin keys create"}, `Bearer realm="gatehouse admin"`},
		{"another scheme", "GET http://acme.test/admin/clients/1", "Basic YTpi", 401, []string{"asks for a credential"}, `Bearer realm="gatehouse admin"`},
		{"wrong", "GET http://acme.test/admin/clients/1", "Bearer nonsense", 401, []string{"does not open"}, `Bearer realm="gatehouse admin", error="invalid_token"`},
		{"empty", "GET http://acme.test/admin/clients/1", "Bearer ", 401, []string{"does not open"}, `Bearer realm="gatehouse admin", error="invalid_token"`},
		{"expired", "GET http://acme.test/admin/clients/1", "Bearer " + over.Text, 401, []string{"has expired"}, `Bearer realm="gatehouse admin", error="invalid_token"`},
		{"no route", "GET http://acme.test/none", "", 401, []string{"asks for a credential"}, `Bearer realm="gatehouse admin"`},
		{"role", "POST http://acme.test/admin/clients", "Bearer " + viewer.Text, 403, []string{"role operator", "has the role viewer", `"required_role":"operator"`}, `Bearer realm="gatehouse admin", error="insufficient_scope"`},
		{"installation", "GET http://acme.test/admin/metrics/prometheus", "Bearer " + viewer.Text, 403, []string{"whole installation", `"required_tenant":"*"`}, `Bearer realm="gatehouse admin", error="insufficient_scope"`},
		{"tenant", "GET http://default.test/admin/clients/1", "Bearer " + viewer.Text, 403, []string{"another tenant"}, `Bearer realm="gatehouse admin", error="insufficient_scope"`},
	} {
		method, url, _ := strings.Cut(c.request, " ")
		w := ask(t, h, method, url, c.credential)
		var document struct {
			Error struct {
				Code    int    `json:"code"`
				Request string `json:"request"`
			} `json:"error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != c.status || document.Error.Code != c.status || document.Error.Request == "" {
			t.Errorf("%s: status %d: %s", c.name, w.Code, w.Body)
		}
		for _, word := range c.words {
			if !strings.Contains(w.Body.String(), word) {
				t.Errorf("%s: no %q in %s", c.name, word, w.Body)
			}
		}
		if got := w.Header().Get("WWW-Authenticate"); got != c.challenge {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	var reasons []string
	for _, e := range f.events(t) {
		if e.Action == activity.AdminRefused {
			reasons = append(reasons, string(e.Tenant)+" "+e.Actor.Name+" "+e.Subject.ID+" "+e.Detail["reason"])
		}
		if encoded, _ := json.Marshal(e); strings.Contains(string(encoded), viewer.Text[9:]) || strings.Contains(string(encoded), "nonsense") {
			t.Errorf("a credential is in the activity log: %s", encoded)
		}
	}
	for _, want := range []string{
		"acme   no credential", "acme   unknown credential", "acme   malformed", "acme  " + over.ID + " the key is expired", "acme dashboards  role",
		"default dashboards  the credential is for the tenant acme",
	} {
		found := false
		for _, r := range reasons {
			found = found || r == want
		}
		if !found {
			t.Errorf("no event %q in %q", want, reasons)
		}
	}
}

// Strangers can neither fill the activity log, nor guess on and on, nor lock administrators out by that.
func TestWrongCredentialsAreBounded(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	asked := 0
	f.guard.Slow = func(_ context.Context, address string) error {
		if asked++; asked > 5 && address == "192.0.2.1" {
			return fault.New(fault.Limited, "too_many_requests", "Wait.").After(time.Second)
		}
		return nil
	}
	h := f.listener()
	for i := range 20 {
		want := http.StatusUnauthorized
		if i >= 5 {
			want = http.StatusTooManyRequests
		}
		if w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer wrong"); w.Code != want || want == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Fatalf("%d: status %d, %v", i, w.Code, w.Header())
		}
	}
	if w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+configured); w.Code != http.StatusOK {
		t.Errorf("an administrator is locked out: %d", w.Code)
	}
	if n := f.told(t, activity.AdminRefused); n != 1 {
		t.Errorf("%d events", n)
	}
	f.clock.Advance(time.Minute)
	ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer wrong")
	events := f.events(t)
	if last := events[len(events)-1]; last.Detail["more"] != "19" || last.Address != "192.0.2.1" {
		t.Errorf("%+v", last)
	}
}

func TestActors(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	made := f.add(t, admin.New{Tenant: "acme", Name: "deploys", Role: actor.RoleViewer})
	who := func(h http.Handler, authorization string) (p activity.Party) {
		t.Helper()
		w := ask(t, h, http.MethodGet, "http://acme.test/admin/clients/1", authorization)
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		return p
	}
	h := f.listener()
	if got, want := who(h, "Bearer "+made.Text), (activity.Party{Kind: "admin_key", ID: made.ID, Name: "deploys"}); got != want {
		t.Errorf("%+v", got)
	}
	got := who(h, "Bearer "+configured)
	if got.Kind != "admin_key" || got.Name != "secrets.admin[0]" || len(got.ID) != len("secrets.admin/")+8 || strings.Contains(configured, got.ID[14:]) {
		t.Errorf("%+v", got)
	}
	f.guard.Keys = append([]secret.String{"another-key-0a1s2d3f4g5h6j7k8l9q0w"}, f.guard.Keys...)
	if moved := who(f.listener(), "Bearer "+configured); moved.ID != got.ID || moved.Name != "secrets.admin[1]" {
		t.Errorf("a key behind a new one is another: %+v and %+v", got, moved)
	}

	// In development nobody needs a credential, and one of somebody else's does no harm. Whoever shows a key of ours is held to it.
	f.guard.Open, f.guard.Keys = true, nil
	open := f.listener()
	for _, authorization := range []string{"", "Bearer something", "Basic YTpi", "Bearer "} {
		if got, want := who(open, authorization), (activity.Party{Kind: "operator", ID: "local"}); got != want {
			t.Errorf("%q: %+v", authorization, got)
		}
	}
	if got := who(open, "Bearer "+made.Text); got.ID != made.ID {
		t.Errorf("%+v", got)
	}
	if w := ask(t, open, http.MethodPost, "http://acme.test/admin/clients", "Bearer "+made.Text); w.Code != http.StatusForbidden {
		t.Errorf("a viewer's key is more in development: %d", w.Code)
	}
	if w := ask(t, open, http.MethodGet, "http://acme.test/admin/clients/1", "Bearer "+made.Text[:len(made.Text)-1]+"_"); w.Code != http.StatusUnauthorized {
		t.Errorf("a forged key: %d", w.Code)
	}
}

// What concerns the whole installation is told to whom it concerns, and nobody is turned away for asking; but who asks with a wrong
// credential is counted and told of, as everywhere.
func TestWhoIsTrustedWithTheInstallation(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	counted := 0
	f.guard.Slow = func(context.Context, string) error { counted++; return nil }
	guard := admin.NewGuard(f.guard)
	for name, c := range map[string]struct {
		authorization string
		want          bool
	}{
		"nothing": {"", false}, "wrong": {"Bearer wrong", false}, "configured": {"Bearer " + configured, true},
		"all":      {"Bearer " + f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleViewer}).Text, true},
		"confined": {"Bearer " + f.add(t, admin.New{Tenant: admin.All, Role: actor.RoleAdmin, Only: []string{"clients"}}).Text, false},
		"tenant":   {"Bearer " + f.add(t, admin.New{Tenant: "acme", Role: actor.RoleAdmin}).Text, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://acme.test/health/ready", nil)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		if got := guard.Trusts(r); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if n := f.told(t, activity.AdminRefused); n != 1 || counted != 1 {
		t.Errorf("%d refusals are told, %d counted, of the one wrong credential", n, counted)
	}
	f.guard.Open = true
	if r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://acme.test/health/ready", nil); !admin.NewGuard(f.guard).Trusts(r) {
		t.Error("not in development")
	}
}

// tokens are access tokens by their texts; each is of the tenant default.
type tokens map[string]admin.Token

func (ts tokens) Active(ctx context.Context, text string) (*admin.Token, error) {
	if of, _ := tenant.From(ctx); of != tenant.Default {
		return nil, admin.ErrNoToken
	}
	if t, ok := ts[text]; ok {
		return &t, nil
	}
	return nil, admin.ErrNoToken
}

func TestAccessTokens(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	f.guard.OAuth = admin.OAuthConfig{Tenant: tenant.Default, Clients: []string{"robot"}, Audience: "admin-api"}
	own := func(scope ...string) admin.Token {
		return admin.Token{ClientID: "robot", Own: true, Scope: scope, Audience: []string{"other", "admin-api"}}
	}
	login, other, target := own("gatehouse:admin"), own("gatehouse:admin"), own("gatehouse:admin")
	login.Own, other.ClientID, target.Audience = false, "somebody", []string{"other"}
	f.guard.Tokens = tokens{
		"viewer": own("gatehouse:viewer"), "operator": own("read", "gatehouse:operator", "gatehouse:viewer"), "admin": own("gatehouse:admin"),
		"none": own("read"), "case": own("Gatehouse:Admin"), "login": login, "other": other, "target": target,
	}
	const read, write, secrets, metrics, elsewhere = "GET http://default.test/admin/clients/1", "POST http://default.test/admin/clients",
		"GET http://default.test/admin/secrets", "GET http://default.test/admin/metrics/prometheus", "GET http://acme.test/admin/clients/1"
	check := func(text string, want map[string]int) {
		t.Helper()
		h := f.listener()
		for request, status := range want {
			method, url, _ := strings.Cut(request, " ")
			if w := ask(t, h, method, url, "Bearer "+text); w.Code != status {
				t.Errorf("%s: %s: status %d, want %d: %s", text, request, w.Code, status, w.Body)
			}
		}
	}
	check("viewer", map[string]int{read: 200, write: 403, secrets: 403, metrics: 403, elsewhere: 403})
	check("operator", map[string]int{read: 200, write: 200, secrets: 403, elsewhere: 403})
	check("admin", map[string]int{read: 200, write: 200, secrets: 200, metrics: 403, elsewhere: 403})
	for _, text := range []string{"none", "case", "login", "other", "target", "unknown"} {
		check(text, map[string]int{read: 401})
	}
	f.guard.OAuth.Everywhere = true
	check("viewer", map[string]int{read: 200, metrics: 200, elsewhere: 200, write: 403})
	f.guard.OAuth.Audience = ""
	check("target", map[string]int{read: 200})
	f.guard.OAuth = admin.OAuthConfig{}
	check("admin", map[string]int{read: 401})
}

// named is a certificate whose subject has the parts, in this order.
func named(t *testing.T, parts ...string) *x509.Certificate {
	t.Helper()
	types := map[string]asn1.ObjectIdentifier{"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}}
	var name pkix.RDNSequence
	for _, part := range parts {
		kind, value, _ := strings.Cut(part, "=")
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: types[kind], Value: value}})
	}
	raw, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw}
	cert.Subject.FillFromRDNSequence(&name)
	return cert
}

func TestCertificates(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"))
	f.guard.Certificates = []admin.CertificateConfig{
		{Subject: "CN=deploy,O=Example", Role: "operator", Tenant: "acme"}, {URI: "spiffe://example.com/root", Role: "admin"},
		{DNS: "Dashboards.example.com", Role: "viewer"}, {DNS: "controller", Role: "operator", Only: []string{"clients"}},
	}
	deploy := named(t, "O=Example", "CN=deploy")
	root := &x509.Certificate{SerialNumber: big.NewInt(2), URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/root"}}}
	dashboards := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: []string{"a.example.com", "dashboards.EXAMPLE.com"}}
	stranger := named(t, "O=Example", "O=Other", "CN=deploy")
	shows := func(c *x509.Certificate, verified bool) func(*http.Request) {
		return func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
			if verified {
				r.TLS.VerifiedChains = [][]*x509.Certificate{{c}}
			}
		}
	}
	const read, write, metrics = "GET https://acme.test/admin/clients/1", "POST https://acme.test/admin/clients", "GET https://acme.test/admin/metrics/prometheus"
	check := func(name string, c *x509.Certificate, verified bool, authorization string, want map[string]int) {
		t.Helper()
		h := f.listener()
		for request, status := range want {
			method, url, _ := strings.Cut(request, " ")
			if w := ask(t, h, method, url, authorization, shows(c, verified)); w.Code != status {
				t.Errorf("%s: %s: status %d, want %d: %s", name, request, w.Code, status, w.Body)
			}
		}
	}
	check("subject", deploy, true, "", map[string]int{read: 200, write: 200, metrics: 403, "GET https://default.test/admin/clients/1": 403})
	check("uri", root, true, "", map[string]int{read: 200, write: 200, metrics: 200, "GET https://acme.test/admin/secrets": 200})
	check("dns", dashboards, true, "", map[string]int{read: 200, write: 403, metrics: 200})
	controller := &x509.Certificate{SerialNumber: big.NewInt(4), DNSNames: []string{"controller"}}
	check("confined", controller, true, "", map[string]int{read: 200, write: 200, metrics: 403, "GET https://acme.test/admin/secrets": 403})
	check("not listed", stranger, true, "", map[string]int{read: 401})
	// Parts of a name that their holder may have chosen himself make it no other's name.
	for _, parts := range [][]string{{"O=Example", "CN=mallory", "CN=deploy"}, {"O=Example", "CN=deploy", "CN=mallory"}, {"O=Other", "O=Example", "CN=deploy"}, {"O=Example", "CN=x,CN=deploy"}, {"CN=deploy,O=Example"}} {
		check(strings.Join(parts, "/"), named(t, parts...), true, "", map[string]int{read: 401})
	}
	check("not verified", root, false, "", map[string]int{read: 401})
	viewer := f.add(t, admin.New{Tenant: "acme", Role: actor.RoleViewer})
	check("with a key, which counts", root, true, "Bearer "+viewer.Text, map[string]int{read: 200, write: 403})
	check("with a wrong key", root, true, "Bearer wrong", map[string]int{read: 401})
	check("with another scheme", root, true, "Basic YTpi", map[string]int{write: 200})
	f.guard.Certificates = []admin.CertificateConfig{{Any: true, Role: "viewer", Tenant: "acme"}}
	check("any", stranger, true, "", map[string]int{read: 200, write: 403})
	f.guard.Certificates = nil
	check("nobody's", root, true, "", map[string]int{read: 401})
	refused := false
	for _, e := range f.events(t) {
		refused = refused || e.Detail["reason"] == "the certificate CN=deploy,O=Other,O=Example is not in serve.admin.certificates"
	}
	if !refused {
		t.Error("the activity log does not show the subject as one writes it into the configuration")
	}
}
