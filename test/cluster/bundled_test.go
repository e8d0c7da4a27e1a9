package cluster

import (
	"crypto/x509/pkix"
	"maps"
	"os"
	"testing"
)

// productionSecrets makes the Secrets that examples for production name, but for databases'. The certificate is of an authority that the
// test alone knows.
func (s *space) productionSecrets() {
	s.Helper()
	authority, err := newAuthority(s.TempDir(), "ca")
	if err != nil {
		s.Fatal(err)
	}
	if err := authority.issue("tls", pkix.Name{CommonName: "id.example.com"}, "id.example.com"); err != nil {
		s.Fatal(err)
	}
	s.makeSecret("gatehouse-tls", "kubernetes.io/tls", map[string]string{"tls.crt": s.read(authority.file("tls.crt")), "tls.key": s.read(authority.file("tls.key")), "ca.crt": s.read(authority.file("ca.crt"))})
	s.makeSecret("gatehouse-smtp", "Opaque", map[string]string{"uri": "smtps://gatehouse:wrong@mail.example.com:465/"})
	s.makeSecret("gatehouse-backup", "Opaque", map[string]string{"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"})
	s.makeSecret("gatehouse-secrets", "Opaque", map[string]string{"system": "q7Zt4LkP9wXc2VbN8mRfYh3G", "cookie": "Hs5Jd3Gy6Ue1Ao0TiCxKw8Mn"})
}

func (s *space) read(path string) string {
	s.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		s.Fatal(err)
	}
	return string(raw)
}

// made are the Secrets that Jobs make.
func (s *space) made() map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, name := range []string{"gatehouse-secrets", "gatehouse-postgresql", "gatehouse-admin-tls", "gatehouse-admin-key"} {
		for key, value := range s.secret(name) {
			all[name+" "+key] = value
		}
	}
	return all
}

// Production with the PostgreSQL that is installed too: what is in it outlives the pods of both, upgrades and even the release.
func TestProductionBundled(t *testing.T) {
	s := newSpace(t, "bundled")
	s.productionSecrets()
	s.kubectl("delete", "secret", "gatehouse-secrets") // a Job makes it
	values := []string{"-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true"}
	s.install(values...)
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	made := s.made()
	if len(made) != 11 {
		t.Errorf("Jobs made %d values: %v", len(made), maps.Keys(made))
	}

	for range 3 {
		s.install(values...)
	}
	if !maps.Equal(s.made(), made) {
		t.Error("an upgrade changed a Secret")
	}
	r.keeps(application, token)

	// Killed as by a machine that fails, and stopped as for an upgrade.
	s.kubectl("delete", "pod", "gatehouse-postgresql-0", "--grace-period=0", "--force")
	s.kubectl("rollout", "status", "statefulset/gatehouse-postgresql", "--timeout=120s")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout=120s")
	r.keeps(application, token)
	s.kubectl("rollout", "restart", "statefulset/gatehouse-postgresql")
	s.kubectl("rollout", "status", "statefulset/gatehouse-postgresql", "--timeout=120s")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout=120s")
	r.keeps(application, token)

	s.helm("uninstall", "gatehouse", "--wait")
	if !maps.Equal(s.made(), made) {
		t.Error("removing the release changed a Secret")
	}
	s.install(values...)
	if !maps.Equal(s.made(), made) {
		t.Error("installing again changed a Secret")
	}
	r.keeps(application, token)
}
