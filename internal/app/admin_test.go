package app

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const rootKey = "0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i"

// guarded is a server whose admin listener asks for a credential; more is configuration of serve.admin.
func guarded(t *testing.T, more string) *App {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "gatehouse.yaml")
	text := fmt.Sprintf("data_dir: %q\nsecrets: {admin: [%s]}\nlog: {level: error}\nserve:\n  public: {address: \"127.0.0.1:0\"}\n  admin: {address: \"127.0.0.1:0\"%s}\n", dir, rootKey, more)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load([]string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeApp(t, a) })
	return a
}

// as is a caller with a credential.
func as(t *testing.T, a *App, key string) *caller {
	t.Helper()
	c := newCaller(t, a)
	c.key = key
	return c
}

// keyFor makes an admin key.
func keyFor(t *testing.T, a *App, role, tenant string) *caller {
	t.Helper()
	return as(t, a, text(t, as(t, a, rootKey).call(http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"`+role+`","tenant":"`+tenant+`"}`, http.StatusCreated), "key"))
}

// Whoever may register clients cannot become an administrator by one, nor by the secret of one that is there.
func TestOperatorsCannotRaiseThemselvesByClients(t *testing.T) {
	for _, strategy := range []string{"wildcard", "exact", "hierarchic"} {
		t.Run(strategy, func(t *testing.T) {
			a := guarded(t, ", oauth: {tenant: default, clients: [robot], everywhere: true}}\noauth: {scope_strategy: "+strategy)
			operator, local, root := keyFor(t, a, "operator", "*"), keyFor(t, a, "admin", "default"), as(t, a, rootKey)
			wide := []string{"read gatehouse:admin", "gatehouse:viewer"}
			if strategy == "wildcard" {
				wide = append(wide, "*")
			}
			for _, scope := range wide {
				operator.call(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"],"scope":"`+scope+`"}`, http.StatusForbidden)
				local.call(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"],"scope":"`+scope+`"}`, http.StatusForbidden) // its tokens would act everywhere
			}
			operator.call(http.MethodPost, "/admin/clients", `{"client_id":"plain","grant_types":["client_credentials"],"scope":"read"}`, http.StatusCreated)
			operator.call(http.MethodPatch, "/admin/clients/plain", `[{"op":"replace","path":"/scope","value":"gatehouse:operator"}]`, http.StatusForbidden)
			operator.call(http.MethodPut, "/admin/clients/plain", `{"grant_types":["client_credentials"],"scope":"gatehouse:operator"}`, http.StatusForbidden)
			root.call(http.MethodPost, "/admin/clients", `{"client_id":"robot","grant_types":["client_credentials"],"scope":"gatehouse:operator"}`, http.StatusCreated)
			operator.call(http.MethodPost, "/admin/clients/robot/secrets/rotate", "", http.StatusForbidden)
			operator.call(http.MethodPut, "/admin/clients/robot", `{"grant_types":["client_credentials"],"client_secret":"a secret of my own","scope":"read"}`, http.StatusForbidden)
			operator.call(http.MethodPatch, "/admin/clients/robot", `[{"op":"replace","path":"/client_secret","value":"a secret of my own"}]`, http.StatusForbidden)
			root.call(http.MethodPost, "/admin/clients/robot/secrets/rotate", "", http.StatusOK)
			confined := as(t, a, text(t, root.call(http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"admin","only":["clients"]}`, http.StatusCreated), "key"))
			confined.call(http.MethodPost, "/admin/clients/robot/secrets/rotate", "", http.StatusForbidden)
			confined.call(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"],"scope":"read"}`, http.StatusCreated)
			operator.call(http.MethodDelete, "/admin/clients/robot", "", http.StatusNoContent)
			operator.call(http.MethodPost, "/admin/clients", `{"client_id":"robot","grant_types":["client_credentials"],"scope":"gatehouse:operator"}`, http.StatusForbidden)
		})
	}
}

// A viewer sees nobody's credentials.
func TestCredentialsAreNotForViewers(t *testing.T) {
	a := guarded(t, "")
	operator, viewer := keyFor(t, a, "operator", "default"), keyFor(t, a, "viewer", "default")
	person := operator.call(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"`+personsMail+`"},
		"credentials":{"password":{"config":{"password":"`+personsPassword+`"}}}}`, http.StatusCreated)
	one := "/admin/identities/" + text(t, person, "id")
	viewer.call(http.MethodGet, one, "", http.StatusOK)
	viewer.call(http.MethodGet, one+"?include_credential=password", "", http.StatusForbidden)
	operator.call(http.MethodGet, one+"?include_credential=password", "", http.StatusOK)
	for c, want := range map[*caller]int{viewer: http.StatusForbidden, operator: http.StatusOK} {
		if got := c.do(1, http.MethodGet, "/admin/identities?include_credential=password", "", "").StatusCode; got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
}

// An access token of a client on the list opens the admin API as its scope says, without a statement once it is known, and opens
// nothing any more the moment that it is revoked.
func TestAccessTokensOpenTheAdminAPI(t *testing.T) {
	for _, strategy := range []string{"opaque", "jwt"} {
		t.Run(strategy, func(t *testing.T) {
			a := guarded(t, ", oauth: {tenant: default, clients: [robot]}")
			root := as(t, a, rootKey)
			made := root.call(http.MethodPost, "/admin/clients", `{"client_id":"robot","grant_types":["client_credentials"],"scope":"gatehouse:operator gatehouse:viewer",
				"token_endpoint_auth_method":"client_secret_post","access_token_strategy":"`+strategy+`"}`, http.StatusCreated)
			token := func(scope string) *caller {
				return as(t, a, text(t, root.form(0, "/oauth2/token", url.Values{
					"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {text(t, made, "client_secret")}, "scope": {scope},
				}), "access_token"))
			}
			viewer, operator := token("gatehouse:viewer"), token("gatehouse:operator")
			status := func(c *caller, method, path string) int {
				return c.do(1, method, path, "application/json", "{").StatusCode
			}
			if got := status(viewer, http.MethodGet, "/version"); got != http.StatusOK {
				t.Fatalf("status %d", got)
			}
			counted := func() (n uint64) {
				for _, p := range a.databases.pools {
					n += p.db.Statements()
				}
				return n
			}
			before := counted()
			for range 3 {
				status(viewer, http.MethodGet, "/version")
			}
			if n := counted() - before; n != 0 {
				t.Errorf("%d statements", n)
			}
			if got := status(viewer, http.MethodPost, "/admin/clients"); got != http.StatusForbidden {
				t.Errorf("a viewer's token writes: %d", got)
			}
			if got := status(operator, http.MethodPost, "/admin/clients"); got != http.StatusBadRequest {
				t.Errorf("an operator's token does not: %d", got)
			}
			root.do(0, http.MethodPost, "/oauth2/revoke", "application/x-www-form-urlencoded",
				url.Values{"token": {viewer.key}, "client_id": {"robot"}, "client_secret": {text(t, made, "client_secret")}}.Encode())
			if got := status(viewer, http.MethodGet, "/version"); got != http.StatusUnauthorized {
				t.Errorf("a revoked token: %d", got)
			}
		})
	}
}

var updateRoutes = flag.Bool("update", false, "write testdata/admin_routes.txt anew")

// What a route of the admin listener needs is a decision. Whoever adds one, or changes what one needs, shows it in this table: run
// the test with -update, and read the difference.
func TestEveryAdminRouteSaysWhoMayCallIt(t *testing.T) {
	a := newApp(t, "")
	routes := slices.Clone(a.listeners[1].Handler.(*web.Mux).Routes())
	path := func(r web.Route) string { _, p, _ := strings.Cut(r.Pattern, " "); return p }
	slices.SortFunc(routes, func(x, y web.Route) int {
		return cmp.Or(cmp.Compare(path(x), path(y)), cmp.Compare(x.Pattern, y.Pattern))
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	for _, r := range routes {
		method, path, _ := strings.Cut(r.Pattern, " ")
		who, where := string(r.Need.Role), ""
		switch {
		case r.Open:
			who = "everybody"
		case r.Need.Everywhere:
			where = " of the installation"
		}
		if r.Need.Unconfined {
			where += ", not confined"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s%s\n", method, path, who, where)
	}
	_ = w.Flush()
	const file = "testdata/admin_routes.txt"
	if *updateRoutes {
		if err := os.WriteFile(file, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("the routes of the admin listener are not those of %s; run the test with -update and read the difference. Now they are\n%s", file, table.String())
	}
	if len(routes) < 50 {
		t.Errorf("only %d routes were found", len(routes))
	}
}

var pathVariable = regexp.MustCompile(`\{[^}]*\}`)

// No route of the admin listener, ours or Ory's, answers who brings nothing, less of a role than it needs, a key of one tenant for what
// concerns all, or a confined key for what makes keys.
func TestEveryAdminRouteIsGuarded(t *testing.T) {
	a := guarded(t, "}\nlimits: {enabled: false}\nhashing: {memory: 8192")
	stranger := as(t, a, "")
	known := map[string]*caller{}
	for _, role := range []actor.Role{actor.RoleViewer, actor.RoleOperator} {
		known[string(role)] = keyFor(t, a, string(role), "*")
	}
	local := keyFor(t, a, string(actor.RoleAdmin), "default")
	root := as(t, a, rootKey)
	confined := as(t, a, text(t, root.call(http.MethodPost, "/admin/admin-keys", `{"name":"a","role":"admin","tenant":"*","only":["admin-keys","data"]}`, http.StatusCreated), "key"))
	less := map[actor.Role][]actor.Role{actor.RoleOperator: {actor.RoleViewer}, actor.RoleAdmin: {actor.RoleViewer, actor.RoleOperator}}
	refusals := 0
	for _, r := range a.listeners[1].Handler.(*web.Mux).Routes() {
		if r.Open {
			continue
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = pathVariable.ReplaceAllString(path, "x")
		refused := func(c *caller, who string, want int) {
			t.Helper()
			refusals++
			if got := c.do(1, method, path, "application/json", "{}").StatusCode; got != want {
				t.Errorf("%s answers %s %d, want %d", r.Pattern, who, got, want)
			}
		}
		refused(stranger, "a stranger", http.StatusUnauthorized)
		for _, role := range less[r.Need.Role] {
			refused(known[string(role)], "a "+string(role), http.StatusForbidden)
		}
		if r.Need.Everywhere {
			refused(local, "an administrator of one tenant", http.StatusForbidden)
		}
		if r.Need.Unconfined {
			refused(confined, "who has a confined key", http.StatusForbidden)
		}
	}
	if refusals < 150 {
		t.Errorf("only %d requests were refused", refusals)
	}
}
