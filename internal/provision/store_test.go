package provision_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/provision"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// world is a server with a superuser, and names that nobody else uses.
type world struct {
	super sqldb.Address
	t     *testing.T
}

// TestProvision runs on servers of its own, by TLS that is checked.
func TestProvision(t *testing.T) {
	s := testkit.StartTLSServers(t)
	for name, c := range map[string]struct{ dsn, params string }{
		"postgres": {s.Postgres, "sslmode=verify-full&sslrootcert=" + url.QueryEscape(s.CA)},
		"mariadb":  {s.MariaDB, "tls=true&tls_ca=" + url.QueryEscape(s.CA)},
	} {
		super, err := sqldb.Parse(c.dsn + "?" + c.params)
		if err != nil {
			t.Fatal(err)
		}
		super.Host = strings.Replace(super.Host, "127.0.0.1", "localhost", 1)
		if super.Scheme == "mysql" {
			super.Database = "information_schema"
		}
		t.Run(name, func(t *testing.T) {
			for _, one := range []struct {
				name string
				run  func(w world)
			}{
				{"users of their own", usersOfTheirOwn}, {"password", password}, {"password by file", passwordByFile}, {"new owners", newOwners},
				{"at once", atOnce}, {"script", runScript}, {"any characters", anyCharacters}, {"refusals", refusals}, {"dry run", dryRun},
				{"scratch", scratches}, {"scratch refusals", scratchRefusals}, {"scratch traps", scratchTraps},
			} {
				t.Run(one.name, func(t *testing.T) { one.run(world{super, t}) })
			}
			if super.Scheme == "postgres" {
				t.Run("who may only make databases", func(t *testing.T) { createDBOnly(world{super, t}) })
				t.Run("traps", func(t *testing.T) { traps(world{super, t}) })
			} else {
				t.Run("characters of a database", func(t *testing.T) { otherCharacters(world{super, t}) })
				t.Run("accounts", func(t *testing.T) { accounts(world{super, t}) })
			}
		})
	}
}

func unique() string { return "t_" + strings.ToLower(rand.Text()[:12]) }

// sql runs statements as the superuser.
func (w world) sql(texts ...string) {
	w.t.Helper()
	admin, err := sqldb.OpenAdmin(w.t.Context(), w.super)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	for _, text := range texts {
		if err := admin.Exec(w.t.Context(), text); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
}

// dba makes an administrator who is no superuser.
func (w world) dba() sqldb.Address {
	w.t.Helper()
	name := unique()
	if w.super.Scheme == "postgres" {
		w.sql("CREATE ROLE " + name + " LOGIN CREATEDB CREATEROLE PASSWORD 'dba-password'")
	} else {
		w.sql("CREATE USER "+name+" IDENTIFIED BY 'dba-password'", "GRANT CREATE USER ON *.* TO "+name,
			"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES ON *.* TO "+name+" WITH GRANT OPTION")
	}
	return w.super.As(name, "dba-password", w.super.Database)
}

// server puts a server together: the databases by their logical names, each with its user.
func (w world) server(admin sqldb.Address, owners map[string]string, password string) *provision.Server {
	prefix := unique()
	s := &provision.Server{Admin: admin, Out: &bytes.Buffer{}}
	for _, logical := range slices.Sorted(maps.Keys(owners)) {
		s.Databases = append(s.Databases, provision.Database{
			Logical: logical, Address: w.super.As(owners[logical], password, prefix+"_"+logical),
		})
	}
	return s
}

// four are the logical databases, and two are enough for most.
func four() []string { return migrations.Logical() }
func two() []string  { return []string{"management", "oauth"} }

// owners gives each logical database a user of its own, or all of them one.
func owners(own bool, logical []string) map[string]string {
	all, one := map[string]string{}, unique()
	for _, name := range logical {
		all[name] = one
		if own {
			all[name] = unique()
		}
	}
	return all
}

// changes runs a provisioning that must work and make so many changes; -1 is any.
func (w world) changes(s *provision.Server, want int) {
	w.t.Helper()
	n, err := s.Run(w.t.Context())
	if err != nil {
		w.t.Fatalf("%v\n%s", err, s.Out)
	}
	if want >= 0 && n != want {
		w.t.Fatalf("%d changes and not %d:\n%s", n, want, s.Out)
	}
	if out := fmt.Sprint(s.Out); strings.Contains(out, "-password") || strings.Contains(out, "SCRAM") {
		w.t.Errorf("the output holds a password: %s", out)
	}
}

// migrates brings the schemas in with the users that the server has.
func (w world) migrates(s *provision.Server) {
	w.t.Helper()
	for _, d := range s.Databases {
		db, err := sqldb.Open(w.t.Context(), d.Address.DSN(), sqldb.Options{Name: d.Logical})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := migrations.Up(w.t.Context(), db, d.Logical); err != nil {
			w.t.Errorf("%s: %v", d.Logical, err)
		}
		_ = db.Close()
	}
}

// serves has the user of every database change its schema and its rows. It leaves a table behind.
func (w world) serves(s *provision.Server) {
	w.t.Helper()
	for _, d := range s.Databases {
		db, err := sqldb.Open(w.t.Context(), d.Address.DSN(), sqldb.Options{Name: d.Logical})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, text := range []string{
			"CREATE TABLE IF NOT EXISTS probe (id int)", "DROP TABLE probe", "CREATE TABLE probe (id int)", "ALTER TABLE probe ADD COLUMN more int", "INSERT INTO probe (id) VALUES (1)",
			"UPDATE probe SET more = 2", "CREATE INDEX probe_more ON probe (more)", "DELETE FROM probe",
		} {
			if _, err := db.AllTenants().Exec(w.t.Context(), text); err != nil {
				w.t.Errorf("%s: %s: %v", d.Logical, text, err)
			}
		}
		_ = db.Close()
	}
}

// S3-01, S3-03, S3-09, S3-10: made by an administrator without superuser, each database for its user alone; a second run does nothing.
func usersOfTheirOwn(w world) {
	for _, own := range []bool{false, true} {
		s := w.server(w.dba(), owners(own, four()), "app-password")
		w.changes(s, -1)
		w.changes(s, 0)
		if !own {
			continue
		}
		w.migrates(s)
		w.serves(s)
		w.changes(s, 0)
		stranger := s.Databases[0].Address
		stranger.Database = s.Databases[1].Address.Database
		if a, err := sqldb.OpenAdmin(w.t.Context(), stranger); !errors.Is(err, sqldb.ErrDenied) {
			w.t.Errorf("the user of one database gets into another: %v, %v", a, err)
		}
		admin := s.Admin
		admin.Database = s.Databases[0].Address.Database
		if a, err := sqldb.OpenAdmin(w.t.Context(), admin); w.super.Scheme == "postgres" && !errors.Is(err, sqldb.ErrDenied) {
			w.t.Errorf("the administrator still has the users' rights: %v, %v", a, err)
		}
	}
}

func password(w world) {
	s := w.server(w.dba(), owners(false, two()), "first-password")
	w.changes(s, -1)
	before := s.Databases[0].Address
	for i := range s.Databases {
		s.Databases[i].Address.Password = "second-password"
	}
	w.changes(s, 1)
	w.changes(s, 0)
	w.serves(s)
	if _, err := sqldb.OpenAdmin(w.t.Context(), before); !errors.Is(err, sqldb.ErrLogin) {
		w.t.Errorf("the former password: %v", err)
	}
}

// A password in a file that changes is used by connections that are made after that, without a restart.
func passwordByFile(w world) {
	file := filepath.Join(w.t.TempDir(), "password")
	put := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	put("first-password")
	s := w.server(w.dba(), owners(false, two()), "")
	for i := range s.Databases {
		params := url.Values{"password_file": {file}, "max_conn_lifetime": {"1ms"}}
		maps.Copy(params, s.Databases[i].Address.Params)
		s.Databases[i].Address.Params = params
	}
	w.changes(s, -1)
	db, err := sqldb.Open(w.t.Context(), s.Databases[0].Address.DSN(), sqldb.Options{Name: "management"})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	put("second-password")
	w.changes(s, 1)
	for range 3 { // with connections that live for a moment, each is a new one
		if _, err := db.AllTenants().Exec(w.t.Context(), "SELECT 1"); err != nil {
			w.t.Error(err)
		}
	}
	if err := os.Remove(file); err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Run(w.t.Context()); err == nil || !strings.Contains(err.Error(), "password_file") {
		w.t.Errorf("without the file: %v", err)
	}
}

// Databases that belonged to one user go to users of their own, with the tables in them.
func newOwners(w world) {
	s := w.server(w.dba(), owners(false, two()), "app-password")
	w.changes(s, -1)
	w.serves(s)
	for i := range s.Databases {
		s.Databases[i].Address.User = unique()
	}
	w.changes(s, -1)
	w.changes(s, 0)
	w.serves(s)
	// Whoever owned the tables can give them away, which the owner of the database alone could not.
	if w.super.Scheme == "postgres" {
		a := w.super
		a.Database = s.Databases[0].Address.Database
		admin, err := sqldb.OpenAdmin(w.t.Context(), a)
		if err != nil {
			w.t.Fatal(err)
		}
		defer func() { _ = admin.Close() }()
		rows, err := admin.Query(w.t.Context(), "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
		if err != nil || len(rows) != 1 || rows[0][0] != s.Databases[0].Address.User {
			w.t.Errorf("the tables belong to %v: %v", rows, err)
		}
	}
}

// Whoever owned a database may have put functions into it that fit better than the server's own. The administrator runs none of them.
func traps(w world) {
	s := w.server(w.dba(), owners(false, []string{"management"}), "app-password")
	w.changes(s, -1)
	w.serves(s)
	former, err := sqldb.OpenAdmin(w.t.Context(), s.Databases[0].Address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = former.Close() }()
	for _, text := range []string{
		"CREATE FUNCTION public.format(text, regclass, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$",
		"CREATE FUNCTION public.has_schema_privilege(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$",
	} {
		if err := former.Exec(w.t.Context(), text); err != nil {
			w.t.Fatal(err)
		}
	}
	s.Databases[0].Address.User = unique()
	w.changes(s, -1)
	w.changes(s, 0)
}

func atOnce(w world) {
	s := w.server(w.dba(), owners(true, two()), "app-password")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			one := *s
			one.Out = &bytes.Buffer{}
			if _, err := one.Run(w.t.Context()); err != nil {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
	w.changes(s, 0)
}

// S3-11: what is printed can be run, and leaves nothing to do; without being asked it shows no password.
func runScript(w world) {
	s := w.server(w.dba(), owners(true, two()), `pass'wo\rd`)
	hidden, err := s.Script(false)
	if err != nil || strings.Contains(hidden, "pass'") || strings.Contains(hidden, "SCRAM") || !strings.Contains(hidden, "<the password of") {
		w.t.Errorf("%v\n%s", err, hidden)
	}
	text, err := s.Script(true)
	if err != nil {
		w.t.Fatal(err)
	}
	admin, err := sqldb.OpenAdmin(w.t.Context(), s.Admin)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	for statement := range strings.SplitSeq(text, ";\n") {
		if statement != "" {
			if err := admin.Exec(w.t.Context(), statement); err != nil {
				w.t.Errorf("%s: %v", statement, err)
			}
		}
	}
	w.changes(s, 0)
	w.serves(s)
}

// W07: names and passwords may hold whatever has a meaning in URLs, SQL or a shell.
func anyCharacters(w world) {
	alphabet := []rune("@:/%?#& '\"\\`$;=+,()[]{}<>|*~!^-_.aZ09é日ß")
	r := mathrand.New(mathrand.NewPCG(7, 7))
	text := func(least, most int) string {
		b := make([]rune, least+r.IntN(most-least))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b) + "x"
	}
	admin := w.dba()
	for i := range 8 {
		one := string(alphabet[i*5 : min(len(alphabet), i*5+5)]) // every character once in each place, whatever chance does
		user, password := one+text(0, 3), one+text(0, 30)
		s := &provision.Server{Admin: admin, Out: &bytes.Buffer{}}
		for _, logical := range []string{"management", "oauth"} {
			a := w.super.As(user+"u", password, one+text(0, 5)+logical)
			again, err := sqldb.Parse(a.DSN()) // as the configuration hands it on
			if err != nil {
				w.t.Fatal(err)
			}
			s.Databases = append(s.Databases, provision.Database{Logical: logical, Address: again})
		}
		w.changes(s, -1)
		w.changes(s, 0)
		for _, d := range s.Databases {
			user, name := whoAndWhere(w, d)
			if user != d.Address.User || name != d.Address.Database {
				w.t.Errorf("%q is %q, and %q is %q", d.Address.User, user, d.Address.Database, name)
			}
		}
	}
}

// whoAndWhere opens a database as the server does and asks who we are and where.
func whoAndWhere(w world, d provision.Database) (user, name string) {
	w.t.Helper()
	db, err := sqldb.Open(w.t.Context(), d.Address.DSN(), sqldb.Options{Name: d.Logical})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	question := "SELECT current_user, current_database()"
	if w.super.Scheme == "mysql" {
		question = "SELECT current_user(), database()"
	}
	if err := db.AllTenants().QueryRow(w.t.Context(), question).Scan(&user, &name); err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSuffix(user, "@%"), name
}

// What can go wrong says what to do.
func refusals(w world) {
	good := w.server(w.dba(), owners(false, two()), "app-password")
	change := func(do func(a *sqldb.Address)) *provision.Server {
		s := *good
		do(&s.Admin)
		s.Out = &bytes.Buffer{}
		return &s
	}
	poor := unique()
	w.sql(map[string]string{"postgres": "CREATE ROLE " + poor + " LOGIN PASSWORD 'dba-password'", "mysql": "CREATE USER " + poor + " IDENTIFIED BY 'dba-password'"}[w.super.Scheme])
	ca := "sslrootcert"
	if w.super.Scheme == "mysql" {
		ca = "tls_ca"
	}
	for _, c := range []struct {
		name  string
		s     *provision.Server
		words []string
	}{
		{"wrong password", change(func(a *sqldb.Address) { a.Password = "wrong-password" }), []string{"the administrator " + good.Admin.User, "password"}},
		{"no such host", change(func(a *sqldb.Address) { a.Host = "no-such-host.invalid:1" }), []string{"no-such-host.invalid", "host"}},
		{"nobody listens", change(func(a *sqldb.Address) { a.Host = "127.0.0.1:1" }), []string{"nothing listens there"}},
		{"another authority", change(func(a *sqldb.Address) { *a = a.As(a.User, a.Password, a.Database); a.Params.Del(ca) }), []string{"authorities", ca}},
		{"another host", change(func(a *sqldb.Address) { a.Host = strings.Replace(a.Host, "localhost", "127.0.0.1", 1) }), []string{"not for the host 127.0.0.1"}},
		{"no rights", change(func(a *sqldb.Address) { a.User = poor }), map[string][]string{
			"postgres": {`"` + poor + `" may not create or change the user`, "ALTER ROLE \"" + poor + "\" CREATEROLE", "may not create databases", "CREATEDB", "--print-sql"},
			"mysql":    {"create the user", "give the administrator this right", "--print-sql"},
		}[w.super.Scheme]},
		{"no such database", change(func(a *sqldb.Address) { a.Database = "nowhere" }), map[string][]string{
			"postgres": {`no database "nowhere"`, "databases.provisioning.database"}, "mysql": {"nowhere"},
		}[w.super.Scheme]},
	} {
		_, err := c.s.Run(w.t.Context())
		if err == nil {
			w.t.Errorf("%s: it works", c.name)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				w.t.Errorf("%s: does not say %q: %v", c.name, word, err)
			}
		}
		if strings.Contains(err.Error(), "-password") && !strings.Contains(err.Error(), "--password") {
			w.t.Errorf("%s: shows a password: %v", c.name, err)
		}
	}
	torn := w.server(good.Admin, owners(false, two()), "app-password")
	torn.Databases[1].Address.Password = "other-password"
	if _, err := torn.Run(context.WithoutCancel(w.t.Context())); err == nil || !strings.Contains(err.Error(), "two passwords") {
		w.t.Errorf("two passwords of one user: %v", err)
	}
}

func dryRun(w world) {
	s := w.server(w.dba(), owners(true, two()), "app-password")
	s.DryRun = true
	w.changes(s, -1)
	if out := fmt.Sprint(s.Out); !strings.Contains(out, "would create the database") {
		w.t.Errorf("says %s", out)
	}
	if _, err := sqldb.OpenAdmin(w.t.Context(), s.Databases[0].Address); !errors.Is(err, sqldb.ErrLogin) {
		w.t.Errorf("something was made: %v", err)
	}
}

// S3-07, S3-10: CREATEDB is enough where the users are there: the databases' own user, or one that may act as it.
func createDBOnly(w world) {
	user, admin := unique(), unique()
	w.sql("CREATE ROLE "+user+" LOGIN CREATEDB PASSWORD 'app-password'", "CREATE ROLE "+admin+" LOGIN CREATEDB PASSWORD 'dba-password'")
	owners := map[string]string{"management": user, "oauth": user}
	itself := w.server(w.super.As(user, "app-password", "postgres"), owners, "app-password")
	w.changes(itself, 2)
	w.changes(itself, 0)
	w.serves(itself)

	other := w.server(w.super.As(admin, "dba-password", "postgres"), owners, "app-password")
	_, err := other.Run(w.t.Context())
	if want := fmt.Sprintf(`GRANT "%s" TO "%s"`, user, admin); err == nil || !strings.Contains(err.Error(), want) {
		w.t.Errorf("without membership: %v does not say %s", err, want)
	}
	w.sql("GRANT " + user + " TO " + admin)
	w.changes(other, 2)
	w.changes(other, 0)
	w.serves(other)
	// A database that somebody else owns, and that is open to all, is put right.
	w.sql("ALTER DATABASE "+other.Databases[0].Address.Database+" OWNER TO "+admin, "GRANT CONNECT ON DATABASE "+other.Databases[1].Address.Database+" TO PUBLIC")
	w.changes(other, 2)
	w.changes(other, 0)
	w.serves(other)
}

// A user who may come from some addresses alone stays such a one.
func accounts(w world) {
	s := w.server(w.dba(), owners(false, two()), "app-password")
	w.sql("CREATE USER '" + s.Databases[0].Address.User + "'@'127.0.0.%' IDENTIFIED BY 'app-password'")
	w.changes(s, 4)
	w.changes(s, 0)
	w.serves(s)
}

func otherCharacters(w world) {
	s := w.server(w.dba(), owners(false, two()), "app-password")
	w.sql("CREATE DATABASE " + s.Databases[0].Address.Database + " CHARACTER SET latin1")
	w.changes(s, -1)
	w.changes(s, 0)
	admin, err := sqldb.OpenAdmin(w.t.Context(), w.super)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	rows, err := admin.Query(w.t.Context(), "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = ?", s.Databases[0].Address.Database)
	if err != nil || !slices.Equal(rows[0], []string{"utf8mb4_bin"}) {
		w.t.Errorf("%v, %v", rows, err)
	}
}
