package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Production on a PostgreSQL of the operator's, whose certificate is checked: Jobs make the databases and their schema before there is a
// server.
func TestProductionPostgres(t *testing.T) {
	db := startPostgres(t)
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
	r.keeps(application, token)
}

// The values of an API below an Ingress: TLS ends there, and the databases are there already.
func TestPeopleBehindNginx(t *testing.T) {
	db := startPostgres(t)
	db.sql(t, "CREATE ROLE gatehouse LOGIN PASSWORD 'password-of-gatehouse'")
	for _, name := range []string{"gatehouse", "gatehouse_oauth", "gatehouse_activity", "gatehouse_flow"} {
		db.sql(t, "CREATE DATABASE "+name+" OWNER gatehouse")
	}
	databases := newSpace(t, "databases")
	databases.apply(`
apiVersion: v1
kind: Service
metadata: {name: postgres}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: postgres, labels: {kubernetes.io/service-name: postgres}}
addressType: IPv4
ports: [{port: 5432}]
endpoints: [{addresses: [` + nodeAddress + `]}]
`)
	s := newSpace(t, "people")
	db.secrets(s)
	// The network of this node's pods, and a key with which `helm test` looks in.
	s.install("-f", example("people-behind-nginx.yaml"), "--set-json", `tlsTerminatedBy=["198.18.64.0/24"]`, "--set", "admin.key.generate=true")
	s.helmTest()
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

// From development to production: what the server in memory holds is copied before it is stopped.
func TestDevelopmentToProduction(t *testing.T) {
	s := newSpace(t, "upgrade")
	s.install("-f", example("development.yaml"))
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	r.administrate(http.StatusCreated, http.MethodPost, "/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]string{"email": "ada@example.com"}}, nil)

	secrets := s.secret("gatehouse-secrets")
	s.productionSecrets()
	s.kubectl("delete", "secret", "gatehouse-secrets")
	s.makeSecret("gatehouse-secrets", "Opaque", secrets)
	values := []string{"-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true"}
	s.install(append(values, "--set", "database.copyFrom="+r.admin)...)
	r = s.newServer()
	r.keeps(application, token)
	var people []map[string]any
	r.administrate(http.StatusOK, http.MethodGet, "/admin/identities", nil, &people)
	if len(people) != 1 {
		t.Errorf("of one person there are %d", len(people))
	}
	s.install(values...)
	r.keeps(application, token)
}
