package app

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/tenancy"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// visitor calls as what reaches one tenant: by a host, or below a prefix of paths.
type visitor struct {
	*caller

	prefix string // of the public listener
	admin  string // of the admin listener
}

func visit(t *testing.T, a *App, host, prefix, id string) *visitor {
	t.Helper()
	return &visitor{&caller{T: t, app: a, host: host, cookies: map[string]string{}}, prefix, "/t/" + id}
}

// manage calls the admin listener as an operator who looks after the installation.
func manage(t *testing.T, a *App) *caller {
	t.Helper()
	return &caller{T: t, app: a, host: "127.0.0.1", cookies: map[string]string{}}
}

// adminCall asks the admin API about the visitor's tenant.
func (v *visitor) adminCall(method, path, body string, want int) map[string]any {
	v.Helper()
	host := v.host
	v.host = "127.0.0.1"
	defer func() { v.host = host }()
	return v.call(method, v.admin+path, body, want)
}

// robot makes a client that gets tokens by itself.
func (v *visitor) robot() (id, secret string) {
	v.Helper()
	made := v.adminCall(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"],"scope":"read","access_token_strategy":"opaque"}`, http.StatusCreated)
	id, _ = made["client_id"].(string)
	secret, _ = made["client_secret"].(string)
	return id, secret
}

func (v *visitor) known(token string) map[string]any {
	v.Helper()
	host := v.host
	v.host = "127.0.0.1"
	defer func() { v.host = host }()
	return v.form(1, v.admin+"/admin/oauth2/introspect", url.Values{"token": {token}})
}

// TestTenantsAreWorldsOfTheirOwn: two tenants, one by host and one by prefix, each with its issuer, keys, clients and tokens; neither
// knows anything of the other's. One that is suspended is answered 503 and its tokens count for nothing, until it is resumed.
func TestTenantsAreWorldsOfTheirOwn(t *testing.T) {
	a := newApp(t, "")
	boss := manage(t, a)
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"byhost","hosts":["login.acme.example"]}`, http.StatusCreated)
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"below","path_prefix":"/t/down"}`, http.StatusCreated)
	base := a.features.people.flows.Base.Of(t.Context())
	worlds := []*visitor{
		visit(t, a, "login.acme.example", "", "byhost"), visit(t, a, "127.0.0.1", "/t/down", "below"), visit(t, a, "127.0.0.1", "", "default"),
	}
	issuers := []string{strings.Replace(base.String(), base.Host(), "login.acme.example:0", 1), base.String() + "t/down/", base.String()}
	tokens, keys := make([]string, len(worlds)), map[string]bool{}
	for i, v := range worlds {
		discovered := v.read(v.do(0, http.MethodGet, v.prefix+"/.well-known/openid-configuration", "", ""), http.StatusOK)
		if discovered["issuer"] != issuers[i] || discovered["token_endpoint"] != issuers[i]+"oauth2/token" {
			t.Errorf("%s: issuer %v, token endpoint %v, want %s", v.admin, discovered["issuer"], discovered["token_endpoint"], issuers[i])
		}
		set := v.read(v.do(0, http.MethodGet, v.prefix+"/.well-known/jwks.json", "", ""), http.StatusOK)
		for _, k := range set["keys"].([]any) {
			kid, _ := k.(map[string]any)["kid"].(string)
			if keys[kid] {
				t.Errorf("%s has another tenant's key %s", v.admin, kid)
			}
			keys[kid] = true
		}
		id, secret := v.robot()
		made := v.read(v.credentials(id, secret), http.StatusOK)
		tokens[i], _ = made["access_token"].(string)
		for j, other := range worlds {
			if i != j {
				if answer := other.credentials(id, secret); answer.StatusCode != http.StatusUnauthorized {
					t.Errorf("a client of %s is answered %d by %s", v.admin, answer.StatusCode, other.admin)
				}
			}
		}
	}
	for i, token := range tokens {
		for j, v := range worlds {
			told := v.known(token)
			if active := told["active"] == true; active != (i == j) {
				t.Errorf("token of %s at %s: %v", worlds[i].admin, v.admin, told)
			} else if active && told["iss"] != issuers[i] {
				t.Errorf("issued by %v, want %s", told["iss"], issuers[i])
			}
		}
	}
	for i, id := range []string{"byhost", "below", "default"} {
		v := worlds[i]
		boss.call(http.MethodPost, "/admin/tenants/"+id+"/suspend", `{"reason":"a test"}`, http.StatusOK)
		for _, path := range []string{"/.well-known/jwks.json", "/sessions/whoami", "/self-service/login/browser", "/account/"} {
			if answer := v.do(0, http.MethodGet, v.prefix+path, "", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s is suspended: %s: %d", id, path, answer.StatusCode)
			}
		}
		if told := v.known(tokens[i]); told["active"] != false {
			t.Errorf("%s is suspended, and its token is %v", id, told)
		}
		other := (i + 1) % 3
		if told := worlds[other].known(tokens[other]); told["active"] != true {
			t.Errorf("while %s is suspended, a token of another is %v", id, told)
		}
		v.adminCall(http.MethodGet, "/admin/identities/none", "", http.StatusNotFound) // the admin API goes on
		boss.call(http.MethodPost, "/admin/tenants/"+id+"/resume", "", http.StatusOK)
		if told := v.known(tokens[i]); told["active"] != true {
			t.Errorf("%s is resumed, and its token is %v", id, told)
		}
	}
}

func (v *visitor) credentials(id, secret string) *http.Response {
	v.Helper()
	r := &caller{T: v.T, app: v.app, host: v.host, cookies: map[string]string{}, headers: map[string]string{"Authorization": basic(id, secret)}}
	return r.do(0, http.MethodPost, v.prefix+"/oauth2/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&scope=read")
}

func basic(id, secret string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r.Header.Get("Authorization")
}

// TestAPersonSignsInBelowAPrefix: every address and cookie on the way leads back below the prefix, and nothing of it counts outside.
func TestAPersonSignsInBelowAPrefix(t *testing.T) {
	a := newApp(t, "")
	manage(t, a).call(http.MethodPost, "/admin/tenants", `{"id":"below","path_prefix":"/t/down"}`, http.StatusCreated)
	v := visit(t, a, "127.0.0.1", "/t/down", "below")
	base := a.features.people.flows.Base.OfTenant("below")
	v.adminCall(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"ann@example.com"},
		"credentials":{"password":{"config":{"password":"a long enough Passw0rd, with words"}}}}`, http.StatusCreated)
	begun := v.do(0, http.MethodGet, v.prefix+"/self-service/login/browser", "", "")
	page, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(page.String(), base.String()) {
		t.Fatalf("a login leads to %s, not below %s", page, base)
	}
	cookies := begun.Cookies()
	shown := v.do(0, http.MethodGet, page.RequestURI(), "", "")
	content, err := io.ReadAll(shown.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := string(content)
	if shown.StatusCode != http.StatusOK || strings.Contains(body, `"/account/`) || strings.Contains(body, `"/self-service/`) {
		t.Errorf("the page %d leads out of the prefix:\n%s", shown.StatusCode, body)
	}
	flow := v.read(v.do(0, http.MethodGet, v.prefix+"/self-service/login/flows?id="+page.Query().Get("flow"), "", ""), http.StatusOK)
	action, err := url.Parse(text(t, flow, "ui", "action"))
	if err != nil || !strings.HasPrefix(action.String(), base.String()) {
		t.Fatalf("the form leads to %s", action)
	}
	values := url.Values{"method": {"password"}, "identifier": {"ann@example.com"}, "password": {"a long enough Passw0rd, with words"}, "csrf_token": {csrfOf(t, flow)}}
	done := v.do(0, http.MethodPost, action.RequestURI(), "application/x-www-form-urlencoded", values.Encode())
	if to := done.Header.Get("Location"); done.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, base.String()) && !strings.HasPrefix(to, "/t/down/") {
		t.Errorf("signed in: %d to %q", done.StatusCode, to)
	}
	for _, c := range append(cookies, done.Cookies()...) {
		if c.Path != "/t/down" {
			t.Errorf("the cookie %s is for %s", c.Name, c.Path)
		}
	}
	v.read(v.do(0, http.MethodGet, "/t/down/sessions/whoami", "", ""), http.StatusOK)
	if answer := v.do(0, http.MethodGet, "/sessions/whoami", "", ""); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session counts for the tenant at the root: %d", answer.StatusCode)
	}
}

// TestDefaultIsDeleted: the product works without it, nothing makes it anew, and what was reached as it is told that nobody is there.
func TestDefaultIsDeleted(t *testing.T) {
	dir := t.TempDir()
	a := openApp(t, dir, "")
	boss := manage(t, a)
	root := visit(t, a, "127.0.0.1", "", "default")
	if answer := root.do(1, http.MethodDelete, "/admin/tenants/default?confirm=default", "", ""); answer.StatusCode != http.StatusConflict {
		t.Errorf("the only tenant: %d", answer.StatusCode)
	}
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"acme","hosts":["login.acme.example"]}`, http.StatusCreated)
	acme := visit(t, a, "login.acme.example", "", "acme")
	id, secret := acme.robot()
	root.adminCall(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"ann@example.com"}}`, http.StatusCreated)
	if answer := boss.do(1, http.MethodDelete, "/admin/tenants/default", "", ""); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("without its id once more: %d", answer.StatusCode)
	}
	boss.call(http.MethodDelete, "/admin/tenants/default?confirm=default", "", http.StatusAccepted)
	for range 2 {
		for _, path := range []string{"/.well-known/jwks.json", "/self-service/login/browser", "/account/"} {
			if answer := visit(t, a, "127.0.0.1", "", "default").do(0, http.MethodGet, path, "", ""); answer.StatusCode != http.StatusNotFound {
				t.Errorf("default is deleted: %s: %d", path, answer.StatusCode)
			}
		}
		for _, path := range []string{"/admin/clients", "/t/default/admin/clients"} {
			if answer := manage(t, a).do(1, http.MethodGet, path, "", ""); answer.StatusCode != http.StatusNotFound {
				t.Errorf("default is deleted: %s: %d", path, answer.StatusCode)
			}
		}
		manage(t, a).call(http.MethodGet, "/admin/tenants/acme", "", http.StatusOK)
		if answer := manage(t, a).do(1, http.MethodGet, "/t/default/admin/activity", "", ""); answer.StatusCode != http.StatusOK {
			t.Errorf("its log, which is the installation's: %d", answer.StatusCode)
		}
		acme = visit(t, a, "login.acme.example", "", "acme")
		acme.read(acme.credentials(id, secret), http.StatusOK)
		closeApp(t, a)
		a = openApp(t, dir, "")
	}
	closeApp(t, a)
}

// TestTheInstallationsLogIsRead: also where the configuration lists tenants and none is default.
func TestTheInstallationsLogIsRead(t *testing.T) {
	a := newApp(t, "tenants: [{id: main, hosts: [127.0.0.1]}]\n")
	boss := manage(t, a)
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"acme"}`, http.StatusCreated)
	if answer := boss.do(1, http.MethodGet, "/t/default/admin/activity", "", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("the installation's log: %d", answer.StatusCode)
	}
	for _, path := range []string{"/t/default/admin/clients", "/t/nobody/admin/activity", "/t/default/"} {
		if answer := boss.do(1, http.MethodGet, path, "", ""); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

// TestATenantLooksLikeItself: pages, their stylesheet and mails are in its brand; what it leaves empty, and other tenants, look like
// the installation.
func TestATenantLooksLikeItself(t *testing.T) {
	a := newApp(t, "account: {brand: {name: Installation, privacy_url: \"https://example.com/privacy\"}}\n")
	boss := manage(t, a)
	for _, wrong := range []string{`{"accent":"#ffffff"}`, `{"logo_url":"javascript:x"}`, `{"nam":"x"}`} {
		answer := boss.do(1, http.MethodPost, "/admin/tenants", "application/json", `{"id":"acme","settings":{"branding":`+wrong+`}}`)
		if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "settings.branding.") {
			t.Errorf("%s: %d %s", wrong, answer.StatusCode, body)
		}
	}
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"acme","hosts":["login.acme.example"],"settings":{"branding":{"name":"Acme Ltd","accent":"#802020"}}}`, http.StatusCreated)
	sheet := regexp.MustCompile(`/static/page\.[0-9a-f]+\.css`)
	styles := map[string]string{}
	for host, name := range map[string]string{"login.acme.example": "Acme Ltd", "127.0.0.1": "Installation"} {
		v := visit(t, a, host, "", "default")
		page := v.do(0, http.MethodGet, v.follow("/self-service/login/browser").RequestURI(), "", "")
		body, err := io.ReadAll(page.Body)
		if err != nil || !strings.Contains(string(body), name) || !strings.Contains(string(body), "https://example.com/privacy") {
			t.Errorf("the page at %s is not of %s: %s %v", host, name, body, err)
		}
		file := sheet.FindString(string(body))
		style, err := io.ReadAll(v.do(0, http.MethodGet, file, "", "").Body)
		if err != nil {
			t.Fatal(err)
		}
		styles[name] = string(style)
	}
	if !strings.Contains(styles["Acme Ltd"], "#802020") || strings.Contains(styles["Installation"], "#802020") {
		t.Error("the stylesheets do not differ by the accent")
	}
}

// TestAStartDoesNothingForEachTenant counts what a server asks its databases until it is put together.
func TestAStartDoesNothingForEachTenant(t *testing.T) {
	dir := t.TempDir()
	starts := func() (statements int64) {
		a := openApp(t, dir, "")
		defer closeApp(t, a)
		for _, p := range a.databases.pools {
			statements += int64(p.db.Statements())
		}
		return statements
	}
	starts() // with the migrations
	before := starts()
	a := openApp(t, dir, "")
	a.registry.Prepare = nil
	for i := range 200 {
		if _, err := a.registry.Create(t.Context(), tenancy.Draft{ID: tenant.ID(fmt.Sprintf("t%d", i)), Hosts: []string{fmt.Sprintf("t%d.example.com", i)}}, false); err != nil {
			t.Fatal(err)
		}
	}
	if ids := a.keyless(); len(ids) != 1 {
		t.Errorf("keys would be made for %v", ids)
	}
	closeApp(t, a)
	if after := starts(); after != before {
		t.Errorf("%d statements with 200 tenants, %d without", after, before)
	}
}

// TestNoTenantIsBelowTheServersOwnPaths: a prefix would hide what begins alike.
func TestNoTenantIsBelowTheServersOwnPaths(t *testing.T) {
	a := newApp(t, "")
	for _, l := range a.listeners[:2] {
		for _, r := range l.Handler.(*web.Mux).Routes() {
			_, path, _ := strings.Cut(r.Pattern, " ")
			first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			if first != "" && !strings.HasPrefix(first, "{") && !tenant.Reserved(first) {
				t.Errorf("a tenant could be below /%s, where %s is", first, r.Pattern)
			}
		}
	}
}
