package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// startOrders starts an application on the node, which pods reach as Service orders of a namespace.
func (s *space) startOrders() {
	s.Helper()
	application := serve(s.T, ":0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello %s", r.Header.Get("X-User"))
	}), (*httptest.Server).Start)
	_, port, err := net.SplitHostPort(application.Listener.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	s.apply(serviceOutside("orders", 8080, n))
}

// through sends a request for a host to the proxy of a release, and gives the status and what was answered.
func (s *server) through(method, host, path, token string) (int, string) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://gatehouse-proxy."+s.name+".svc:4455"+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Host = host
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}

// attempt is a request to the proxy and what comes back: a status, and of the application's answer its end.
type attempt struct {
	method, path, token string
	want                int
	body                string
}

// tries fails the test unless all attempts at a host end as they have to.
func (s *server) tries(host string, attempts []attempt) {
	s.Helper()
	for _, a := range attempts {
		if code, body := s.through(a.method, host, a.path, a.token); code != a.want || !strings.HasSuffix(body, a.body) {
			s.Errorf("%s %s%s: %d %s, want %d %s", a.method, host, a.path, code, body, a.want, a.body)
		}
	}
}

// client is what a Secret that the controller made says.
func (s *space) client(secret string) application {
	s.Helper()
	made := s.secret(secret)
	return application{ID: made["CLIENT_ID"], Secret: made["CLIENT_SECRET"]}
}

// What teams apply to their own namespaces: a client as a resource gives a Secret, with which there are tokens; rules, and an APIRule, say
// what those open.
func TestResources(t *testing.T) {
	s := newSpace(t, "resources")
	s.install("-f", example("development.yaml"), "--set", "controller.enabled=true", "--set", "doors.proxy.enabled=true", "--set", "controller.apiRules.route=ingress")
	r := s.newServer()
	shop := newSpace(t, "shop")
	shop.startOrders()
	shop.apply(read(t, "testdata/invoices.yaml"))
	shop.apply(read(t, repository+"/deploy/examples/apirule/orders.yaml"))
	for _, name := range []string{"oauth2client/invoices", "oauth2client/orders-reader", "rules.oathkeeper.ory.sh/open", "rules.oathkeeper.ory.sh/closed", "apirule/orders"} {
		shop.kubectl("wait", "--for=condition=Ready", name, "--timeout="+patience.String())
	}

	invoices, reader := shop.client("invoices"), shop.client("orders-reader")
	token, readers := r.mustToken(invoices), r.mustToken(reader)
	r.tries("invoices.example.com", []attempt{
		{http.MethodGet, "/open/1", token, http.StatusOK, "hello " + invoices.ID}, {http.MethodGet, "/open/1", "", http.StatusUnauthorized, ""},
		{http.MethodGet, "/closed/1", token, http.StatusForbidden, ""}, {http.MethodGet, "/other", token, http.StatusNotFound, ""}})
	r.tries("orders.example.com", []attempt{
		{http.MethodGet, "/orders/1", readers, http.StatusOK, "hello "}, {http.MethodGet, "/orders/1", "", http.StatusUnauthorized, ""},
		{http.MethodPost, "/orders", readers, http.StatusForbidden, ""}, {http.MethodGet, "/health", "", http.StatusOK, "hello "},
		{http.MethodPost, "/health", readers, http.StatusNotFound, ""}})
	if hosts := s.kubectl("get", "ingresses", "-o", "jsonpath={.items[*].spec.rules[*].host}"); hosts != "orders.example.com" {
		t.Errorf("Ingresses lead these hosts to the proxy: %q", hosts)
	}

	shop.kubectl("delete", "oauth2client/invoices", "rules.oathkeeper.ory.sh/open", "apirule/orders", "--timeout=60s")
	shop.eventually(func() (bool, string) {
		code, _, err := r.token(invoices)
		open, _ := r.through(http.MethodGet, "invoices.example.com", "/open/1", "")
		health, _ := r.through(http.MethodGet, "orders.example.com", "/health", "")
		return code == http.StatusUnauthorized && open == http.StatusNotFound && health == http.StatusNotFound,
			fmt.Sprintf("what is deleted still works: %d %v, %d, %d", code, err, open, health)
	})
	if out := s.kubectl("logs", "deployment/gatehouse-controller"); strings.Contains(out, invoices.Secret) || strings.Contains(out, reader.Secret) {
		t.Error("the controller's log has a client's secret")
	}

	// Without a controller nothing holds what is left of its resources.
	s.helm("uninstall", "gatehouse", "--wait")
	if held := shop.kubectl("get", "oauth2client", "orders-reader", "-o", "jsonpath={.metadata.finalizers}"); held != "" {
		t.Errorf("nobody takes the finalizer off: %s", held)
	}
	shop.kubectl("delete", "oauth2client/orders-reader", "--timeout=60s")
}

// A lab keeps its data on a volume: it is there when the pod is another one, and backups ask the server for it.
func TestLabOnSQLite(t *testing.T) {
	s := newSpace(t, "lab")
	b := newBackups(s, newInternet(t))
	s.install(append(b.values, "-f", example("lab-sqlite.yaml"))...)
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	s.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=server", "--grace-period=0", "--force")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
	r.keeps(application, token)
	b.tryOut()
}

// Where the controller watches single namespaces, one that is deleted takes the controller's rights there along. It goes nevertheless, with
// its clients on the server, and the others' are kept as before.
func TestWatchedNamespaceIsDeleted(t *testing.T) {
	team, other := newSpace(t, "team"), newSpace(t, "other-team")
	s := newSpace(t, "watching")
	s.install("-f", example("development.yaml"), "--set", "controller.enabled=true", "--set", "controller.watchNamespaces={team,other-team}")
	r := s.newServer()
	const client = "{apiVersion: hydra.ory.sh/v1alpha1, kind: OAuth2Client, metadata: {name: %[1]s}, spec: {grantTypes: [client_credentials], scope: %[2]s, secretName: %[1]s}}"
	team.apply(fmt.Sprintf(client, "refused", "gatehouse:admin"))
	team.kubectl("wait", "--for=condition=Ready=False", "oauth2client/refused", "--timeout="+patience.String())
	applications := map[*space]application{}
	for _, of := range []*space{team, other} {
		of.apply(fmt.Sprintf(client, "orders", "read"))
		of.kubectl("wait", "--for=condition=Ready", "oauth2client/orders", "--timeout="+patience.String())
		applications[of] = of.client("orders")
		r.mustToken(applications[of])
	}

	s.kubectl("delete", "namespace", "team", "--timeout="+patience.String())
	if code, _, err := r.token(applications[team]); code != http.StatusUnauthorized {
		t.Errorf("the client of a deleted namespace: %d %v", code, err)
	}
	// Also one that begins when the namespace is gone goes on with the others.
	s.kubectl("rollout", "restart", "deployment/gatehouse-controller")
	s.kubectl("rollout", "status", "deployment/gatehouse-controller", "--timeout="+patience.String())
	other.apply(fmt.Sprintf(client, "later", "read"))
	other.kubectl("wait", "--for=condition=Ready", "oauth2client/later", "--timeout="+patience.String())
	r.mustToken(other.client("later"))
	r.mustToken(applications[other])

	s.helm("uninstall", "gatehouse", "--wait")
	other.kubectl("delete", "oauth2clients", "--all", "--timeout=60s")
	team.apply("{apiVersion: v1, kind: Namespace, metadata: {name: team}}") // which the test removes again
}
