package operation

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// S3-10: where somebody else migrates, the server's own user changes rows and nothing else: no table, no index, no role.
func TestServerOfLeastRights(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			owner := dsn(t)
			if out, code := process.Configure(t, process.Options{DSN: owner}).Command("migrate", "up"); code != 0 {
				t.Fatal(out)
			}
			s := process.Start(t, process.Options{DSN: leastRights(t, owner), Config: switched + "databases: {auto_migrate: false}\n"})
			w := &switching{T: t, at: s.Public, admin: s.Admin, people: 10}
			w.make(s)
			w.login(s.Public)
			if out, code := s.Command("migrate", "status"); code != 0 {
				t.Errorf("migrate status exits with %d:\n%s", code, out)
			}
			for _, call := range []struct{ method, path string }{
				{http.MethodPost, "/admin/data/freeze"}, {http.MethodDelete, "/admin/data/freeze"}, {http.MethodPost, "/admin/keys/hydra.openid.id-token/rotate"},
			} {
				w.call(http.DefaultClient, call.method, s.Admin+call.path, nil, http.StatusOK)
			}
			s.Eventually(func() bool {
				_, body := get(t, s.Admin+"/admin/activity?action=key.rotated")
				return strings.Contains(body, "key.rotated")
			})
			if out := s.Output(); strings.Contains(out, "level=ERROR") || strings.Contains(out, "denied") {
				t.Errorf("the server complains:\n%s", s.Output())
			}
		})
	}
}

// leastRights makes a user who may read and change the rows of a database, and gives its address for that user.
func leastRights(t *testing.T, owner string) string {
	t.Helper()
	a, err := sqldb.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	user := "rows_" + strings.ToLower(rand.Text()[:12])
	grant := []string{"CREATE ROLE " + user + " LOGIN PASSWORD 'rows-password'", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + user}
	undo := []string{"DROP OWNED BY " + user, "DROP ROLE " + user}
	if a.Scheme == "mysql" {
		grant = []string{"CREATE USER " + user + " IDENTIFIED BY 'rows-password'", "GRANT SELECT, INSERT, UPDATE, DELETE ON `" + a.Database + "`.* TO " + user}
		undo = []string{"DROP USER " + user}
	}
	run := func(statements []string) {
		ctx := context.WithoutCancel(t.Context())
		admin, err := sqldb.OpenAdmin(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = admin.Close() }()
		for _, statement := range statements {
			if err := admin.Exec(ctx, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	}
	run(grant)
	t.Cleanup(func() { run(undo) })
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "rows-password")
	return u.String()
}
