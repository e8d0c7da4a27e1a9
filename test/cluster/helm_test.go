package cluster

import (
	"maps"
	"testing"
)

// Who still has Helm 3 installs, tries and upgrades with it, and goes on with Helm 4: hooks run in their order, Secrets stay, and so do data.
func TestHelm3(t *testing.T) {
	db := newPostgres(t)
	s := newSpace(t, "helm3")
	db.secrets(s)
	values := []string{"-f", example("production-postgres.yaml"), "--set", "admin.key.generate=true"}
	s.helmProgram = "helm3"
	s.install(values...)
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	made := s.made()
	for _, program := range []string{"helm3", "helm"} {
		s.helmProgram = program
		s.install(append(values, "--set", "config.log.level=warn", "--set", "podAnnotations.upgraded="+program)...)
		s.helmTest()
		r.keeps(application, token)
	}
	if !maps.Equal(s.made(), made) {
		t.Error("an upgrade changed a Secret")
	}
}
