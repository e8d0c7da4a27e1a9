package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// listen starts an application on the node, where pods reach it.
func listen(t *testing.T) string {
	t.Helper()
	application := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello %s", r.Header.Get("X-User"))
	}))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", nodeAddress+":0")
	if err != nil {
		t.Fatal(err)
	}
	_ = application.Listener.Close()
	application.Listener = listener
	application.Start()
	t.Cleanup(application.Close)
	return application.URL
}

// through sends a request for a host to the proxy of a release, and gives the status and what was answered.
func (s *server) through(host, path, token string) (int, string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://gatehouse-proxy."+s.name+".svc:4455"+path, nil)
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
	raw, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw)
}

// What teams apply to their own namespaces: a client as a resource gives a Secret, with which there are tokens; rules as resources say
// what those open.
func TestResources(t *testing.T) {
	s := newSpace(t, "resources")
	s.install("-f", example("development.yaml"), "--set", "controller.enabled=true", "--set", "doors.proxy.enabled=true")
	shop := newSpace(t, "shop")
	upstream := listen(t)
	shop.apply(`
apiVersion: hydra.ory.sh/v1alpha1
kind: OAuth2Client
metadata: {name: orders}
spec: {grantTypes: [client_credentials], scope: read, secretName: orders-oauth}
---
apiVersion: oathkeeper.ory.sh/v1alpha1
kind: Rule
metadata: {name: orders}
spec:
  match: {url: "http://orders.example.com/open/<.*>", methods: [GET]}
  upstream: {url: "` + upstream + `"}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [read]}}]
  authorizer: {handler: allow}
  mutators: [{handler: header, config: {headers: {X-User: "{{ print .Subject }}"}}}]
---
apiVersion: oathkeeper.ory.sh/v1alpha1
kind: Rule
metadata: {name: closed}
spec:
  match: {url: "http://orders.example.com/closed/<.*>", methods: [GET]}
  upstream: {url: "` + upstream + `"}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [read]}}]
  authorizer: {handler: deny}
  mutators: [{handler: noop}]
`)
	for _, name := range []string{"oauth2client/orders", "rules.oathkeeper.ory.sh/orders", "rules.oathkeeper.ory.sh/closed"} {
		shop.kubectl("wait", "--for=condition=Ready", name, "--timeout="+patience.String())
	}
	made := shop.secret("orders-oauth")
	orders := application{ID: made["CLIENT_ID"], Secret: made["CLIENT_SECRET"]}
	r := s.newServer()
	token := r.mustToken(orders)
	r.keeps(orders, token)
	for _, tc := range []struct {
		path, token string
		want        int
	}{{"/open/1", token, http.StatusOK}, {"/open/1", "", http.StatusUnauthorized}, {"/closed/1", token, http.StatusForbidden}, {"/other", token, http.StatusNotFound}} {
		if code, body := r.through("orders.example.com", tc.path, tc.token); code != tc.want || code == http.StatusOK && body != "hello "+orders.ID {
			t.Errorf("%s: %d %s, want %d", tc.path, code, body, tc.want)
		}
	}

	shop.kubectl("delete", "oauth2client", "orders", "--timeout=60s")
	shop.kubectl("delete", "rules.oathkeeper.ory.sh", "orders", "--timeout=60s")
	shop.eventually(func() (bool, string) {
		code, _, err := r.token(orders)
		through, _ := r.through("orders.example.com", "/open/1", "")
		return code == http.StatusUnauthorized && through == http.StatusNotFound, fmt.Sprintf("what is deleted still works: %d %v, %d", code, err, through)
	})
	if out := s.kubectl("logs", "deployment/gatehouse-controller"); strings.Contains(out, made["CLIENT_SECRET"]) {
		t.Error("the controller's log has a client's secret")
	}
}

// A lab keeps its data on a volume: it is there when the pod is another one.
func TestLabOnSQLite(t *testing.T) {
	s := newSpace(t, "lab")
	s.install("-f", example("lab-sqlite.yaml"))
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	s.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=server", "--grace-period=0", "--force")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout=120s")
	r.keeps(application, token)
}
