package cluster

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Production on a MySQL or MariaDB of the operator's: a DBA runs what `gatehouse provision --print-sql` printed, TLS is checked, and a
// backup of it passes a drill.
func TestProductionMySQL(t *testing.T) {
	db := startMariaDB(t)
	config := path("mysql.yaml")
	if err := os.WriteFile(config, []byte("databases: {mysql: {host: mysql.example.com, user: gatehouse, password_file: "+config+", tls: \"true\"}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := gatehouse(t, "provision", "-c", config, "--print-sql")
	if err := db.sql(strings.ReplaceAll(script, "<the password of gatehouse, in quotes>", "'"+ownPassword+"'")); err != nil {
		t.Fatal(err)
	}
	s := newSpace(t, "mysql")
	db.secrets(s)
	b := newBackups(s, newInternet(t))
	s.install(append(b.values, "-f", example("production-mysql.yaml"), "--set", "admin.key.generate=true")...)
	s.helmTest()
	r := s.newServer()
	application := r.register()
	token := r.mustToken(application)
	s.kubectl("rollout", "restart", "deployment/gatehouse")
	s.kubectl("rollout", "status", "deployment/gatehouse", "--timeout="+patience.String())
	r.keeps(application, token)
	b.tryOut()
}

// gatehouse runs the program as the image has it, and gives what it prints.
func gatehouse(t *testing.T, args ...string) string {
	t.Helper()
	root := path("root")
	if !exists(root) {
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := quiet(t.Context(), "ctr", "-n", "k8s.io", "images", "mount", gatehouseImage(), root); err != nil {
			t.Fatal(err)
		}
	}
	var failed strings.Builder
	cmd := exec.Command(root+"/gatehouse", args...)
	cmd.Env, cmd.Stderr = []string{}, &failed // GATEHOUSE_… is its configuration
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gatehouse %s: %v: %s", strings.Join(args, " "), err, failed.String())
	}
	return string(out)
}
