package cluster

import (
	"crypto/x509/pkix"
	"maps"
	"os"
	"slices"
	"testing"
)

// productionSecrets makes the Secrets that examples for production name, but for what belongs to databases of the operator's.
func (s *space) productionSecrets() {
	s.Helper()
	s.makeCertificate("gatehouse-tls", "id.example.com")
	s.makeSecret("gatehouse-smtp", "Opaque", map[string]string{"uri": "smtps://gatehouse:wrong@mail.example.com:465/"})
	s.makeSecret("gatehouse-backup", "Opaque", map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": "nothing"})
}

// makeCertificate makes a Secret with a certificate of an authority that the test alone knows.
func (s *space) makeCertificate(name, host string) {
	s.Helper()
	a, err := newAuthority(s.TempDir(), "ca")
	if err != nil {
		s.Fatal(err)
	}
	if err := a.issue("tls", pkix.Name{CommonName: host}, host); err != nil {
		s.Fatal(err)
	}
	s.makeSecret(name, "kubernetes.io/tls", map[string]string{"tls.crt": read(s.T, a.file("tls.crt")), "tls.key": read(s.T, a.file("tls.key")), "ca.crt": read(s.T, a.file("ca.crt"))})
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
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
	values := []string{"-f", example("production-bundled.yaml"), "--set", "admin.key.generate=true"}
	s.install(values...)
	s.noRestarts()
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	made := s.made()
	if len(made) != 11 {
		t.Errorf("Jobs made %d values: %v", len(made), slices.Sorted(maps.Keys(made)))
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
	s.kubectl("rollout", "status", "statefulset/gatehouse-postgresql", "--timeout="+patience.String())
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
	r.keeps(application, token)
	s.kubectl("rollout", "restart", "statefulset/gatehouse-postgresql")
	s.kubectl("rollout", "status", "statefulset/gatehouse-postgresql", "--timeout="+patience.String())
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
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
