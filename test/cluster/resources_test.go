package cluster

import (
	"strings"
	"testing"
)

// What teams apply to their own namespaces: a client as a resource gives a Secret, with which there are tokens.
func TestResources(t *testing.T) {
	s := newSpace(t, "resources")
	s.install("-f", example("development.yaml"), "--set", "controller.enabled=true", "--set", "doors.proxy.enabled=true")
	shop := newSpace(t, "shop")
	shop.apply(`
apiVersion: hydra.ory.sh/v1alpha1
kind: OAuth2Client
metadata: {name: orders}
spec: {grantTypes: [client_credentials], scope: read, secretName: orders-oauth}
`)
	shop.kubectl("wait", "--for=condition=Ready", "oauth2client/orders", "--timeout="+patience.String())
	made := shop.secret("orders-oauth")
	r := s.newServer()
	token := r.mustToken(application{ID: made["CLIENT_ID"], Secret: made["CLIENT_SECRET"]})
	r.keeps(application{ID: made["CLIENT_ID"], Secret: made["CLIENT_SECRET"]}, token)
	shop.kubectl("delete", "oauth2client", "orders", "--timeout=60s")
	shop.eventually(func() (bool, string) {
		code, _, err := r.token(application{ID: made["CLIENT_ID"], Secret: made["CLIENT_SECRET"]})
		if err != nil {
			return false, err.Error()
		}
		return code == 401, "a client whose resource is gone gets tokens"
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
