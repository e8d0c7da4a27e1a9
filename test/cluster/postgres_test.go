package cluster

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Production on a PostgreSQL of the operator's, whose certificate is checked: Jobs make the databases and their schema before there is a
// server. Secrets and certificates that are changed take effect.
func TestProductionPostgres(t *testing.T) {
	db := newPostgres(t)
	s := newSpace(t, "postgres")
	db.secrets(s)
	s.install("-f", example("production-postgres.yaml"), "--set", "admin.key.generate=true")
	s.follow("job/gatehouse-make-secrets Completed", "job/gatehouse-database SuccessfulCreate", "job/gatehouse-database Completed", "deployment/gatehouse ScalingReplicaSet")
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	s.install("-f", example("production-postgres.yaml"), "--set", "admin.key.generate=true", "--set", "replicaCount=3")
	r.keeps(application, token)

	// A new secret, applied: the next upgrade has other pods seal with it, and what was sealed before opens.
	before := s.servers()
	secrets := s.secret("gatehouse-secrets")
	s.makeSecret("gatehouse-secrets", "Opaque", map[string]string{"system": "Wm4Xn7Qp2Rk9Vt6Zc3Bs8Ld5\n" + secrets["system"], "cookie": "Ty6Gh3Jk8Po1Lm5Nb9Vc2Xz7\n" + secrets["cookie"]})
	s.install("-f", example("production-postgres.yaml"), "--set", "admin.key.generate=true", "--set", "replicaCount=3")
	var after []string
	s.eventually(func() (bool, string) {
		after = s.servers()
		return len(after) == 3 && !slices.ContainsFunc(after, func(pod string) bool { return slices.Contains(before, pod) }), fmt.Sprintf("of %v there are %v", before, after)
	})
	s.eventually(func() (bool, string) { // with the key that was there they seal until all of them know the new one
		keys := sealing.FindAllString(s.kubectl("logs", "-l", "app.kubernetes.io/component=server", "-c", "server", "--tail=-1"), -1)
		slices.Sort(keys)
		return len(slices.Compact(keys)) == 2, fmt.Sprint("the new servers seal with ", keys)
	})
	r.keeps(application, token)

	// A certificate that is renewed: pods show it that are there, some time later.
	s.makeCertificate("gatehouse-tls", "id.example.com")

	// An authority that did not sign the server's certificate: nothing is changed, and the servers go on.
	s.makeSecret("gatehouse-other-ca", "Opaque", map[string]string{"ca.crt": s.secret("gatehouse-tls")["ca.crt"]})
	out, err := s.try("", "helm", "-n", s.name, "upgrade", "gatehouse", chartPath, "-f", example("production-postgres.yaml"), "--set", "admin.key.generate=true",
		"--set", "database.tls.caSecret=gatehouse-other-ca", "--wait", "--timeout", "60s")
	if err == nil {
		t.Error("a database whose certificate is of another authority is taken")
	}
	if logs := s.kubectl("logs", "job/gatehouse-database", "-c", "provision"); !strings.Contains(logs, "certificate") {
		t.Errorf("the Job does not say what is wrong: %s\n%s", logs, out)
	}
	s.newServer().keeps(application, token) // which believes the new certificate alone
	if now := s.servers(); !slices.Equal(now, after) {
		t.Errorf("servers %v are %v", after, now)
	}
}

// sealing is how a server tells in its log with which key it seals.
var sealing = regexp.MustCompile(`sealed with this key from now on","key":"[^"]+"`)

// The values of an API below an Ingress: TLS ends there, and the databases are there already.
func TestPeopleBehindNginx(t *testing.T) {
	db := newPostgres(t)
	db.makeDatabases(t)
	newSpace(t, "databases").apply(serviceOutside("postgres", 5432, 5432))
	s := newSpace(t, "people")
	db.secrets(s)
	// The network of this node's pods, and a key with which `helm test` looks in.
	s.install("-f", example("people-behind-nginx.yaml"), "--set-json", `tlsTerminatedBy=["198.18.64.0/24"]`, "--set", "admin.key.generate=true")
	s.helmTest()
}

// Behind a gateway: to it lead the routes of the release, and that of an APIRule. The client beside that is in the controller's namespace, and
// keeps that from being deleted no longer than the controller runs.
func TestProductionGateway(t *testing.T) {
	db := newPostgres(t)
	db.makeDatabases(t)
	s := newSpace(t, "gateway")
	s.define()
	db.secrets(s)
	s.kubectl("create", "configmap", "gatehouse-ca", "--from-literal=ca.crt="+s.secret("gatehouse-tls")["ca.crt"])
	newSpace(t, "gateways").apply(read(t, filepath.Join(repository, "deploy/examples/gateway/gateway.yaml")))
	s.install("-f", example("production-gateway.yaml"))
	s.noRestarts()
	s.helmTest()
	s.apply(read(t, filepath.Join(repository, "deploy/examples/apirule/orders.yaml")))
	s.kubectl("wait", "--for=condition=Ready", "apirule/orders", "oauth2client/orders-reader", "--timeout="+patience.String())
	hosts := strings.Fields(s.kubectl("get", "httproutes", "-o", "jsonpath={.items[*].spec.hostnames[*]}"))
	slices.Sort(hosts)
	if want := []string{"apps.example.com", "id.example.com", "orders.example.com"}; !slices.Equal(hosts, want) {
		t.Errorf("HTTPRoutes lead %v to the release", hosts)
	}
}

// follow fails the test unless events happened in an order: "kind/name Reason".
func (s *space) follow(events ...string) {
	s.Helper()
	var list struct {
		Items []struct {
			InvolvedObject struct{ Kind, Name string }
			Reason         string
			FirstTimestamp time.Time
		}
	}
	s.json(&list, "get", "events")
	var last time.Time
	for _, want := range events {
		found := false
		for _, e := range list.Items {
			if strings.ToLower(e.InvolvedObject.Kind)+"/"+e.InvolvedObject.Name+" "+e.Reason != want {
				continue
			}
			found = true
			if e.FirstTimestamp.Before(last) {
				s.Errorf("%s at %s, before what has to come first, at %s", want, e.FirstTimestamp, last)
			}
			last = e.FirstTimestamp
		}
		if !found {
			s.Errorf("%s did not happen", want)
		}
	}
}
