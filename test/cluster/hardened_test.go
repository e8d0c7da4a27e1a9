package cluster

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// What the hardening guide asks for, all at once: a user for each database on the one of two servers that is up, certificates as
// cert-manager leaves them, a cluster of Redis that wants a client's certificate, a schema and a collector of events elsewhere, a tenant
// instead of the default one, autoscaling, backups and drills.
func TestProductionHardened(t *testing.T) {
	db, cache, world := newPostgres(t), startRedis(t), newInternet(t)
	var events atomic.Int64
	world.HandleFunc(siemHost+"/ingest", func(_ http.ResponseWriter, _ *http.Request) { events.Add(1) })
	world.HandleFunc(schemasHost+"/person.json", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/person.json") })
	s := newSpace(t, "hardened")
	s.define()
	db.secrets(s)
	for _, name := range []string{"oauth", "activity", "flow"} {
		s.makeSecret("gatehouse-database-"+name, "Opaque", map[string]string{"password": "password-of-" + name})
	}
	s.makeSecret("gatehouse-redis-client", "kubernetes.io/tls", map[string]string{
		"ca.crt": read(t, cache.file("authority.crt")), "tls.crt": read(t, cache.file("server.crt")), "tls.key": read(t, cache.file("server.key"))})
	s.makeCertificate("gatehouse-admin-tls", "gatehouse-admin.hardened.svc")
	b := newBackups(s, world)
	s.install(append(b.values, "-f", example("production-hardened.yaml"), "-f", "testdata/hardened.yaml", "--set", "admin.key.generate=true")...)
	s.helmTest()

	s.eventually(func() (bool, string) { // that many are the fewest; the autoscaler has no metrics here
		ready := s.kubectl("get", "deployment", "gatehouse", "-o", "jsonpath={.status.readyReplicas}")
		return ready == "3", "ready servers: " + ready
	})
	r := s.newServer()
	r.admin += "/t/acme"
	application := r.register()
	r.keeps(application, r.mustToken(application))
	s.eventually(func() (bool, string) { return events.Load() > 0, "no event reached the collector" })
	for _, port := range redisPorts {
		if out := cache.must(t, port, "CLIENT", "LIST"); !strings.Contains(out, "name=gatehouse") {
			t.Errorf("no server has a connection to the Redis at %d: %s", port, out)
		}
	}
	b.tryOut()
}
