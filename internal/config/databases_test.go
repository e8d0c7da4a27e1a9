package config

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

func addresses(c *Config) map[string]string {
	all := map[string]string{}
	for _, l := range c.Databases.All() {
		all[l.Name] = l.DSN.Reveal()
	}
	return all
}

// S3-01, S3-05, S3-06, S3-17: one group gives all four addresses.
func TestServerGroups(t *testing.T) {
	for _, tc := range []struct {
		name, config string
		environ      []string
		want         map[string]string
	}{
		{"PostgreSQL with defaults", `databases: {postgres: {host: db, user: app, password: pw}}`, nil, map[string]string{
			"management": "postgres://app:pw@db:5432/gatehouse?sslmode=prefer", "oauth": "postgres://app:pw@db:5432/gatehouse_oauth?sslmode=prefer",
			"activity": "postgres://app:pw@db:5432/gatehouse_activity?sslmode=prefer", "flow": "postgres://app:pw@db:5432/gatehouse_flow?sslmode=prefer",
		}},
		{
			"names, users, TLS and parameters",
			`databases: {postgres: {host: "10.0.0.7", port: 6432, user: app, password_file: /run/pw, sslmode: verify-full, sslrootcert: /ca.pem,
			  names: {management: idp, oauth: idp, activity: "a/b", flow: f}, users: {flow: {user: traffic, password: "p@ss"}}, parameters: {max_conns: "7"}}}`,
			nil, map[string]string{
				"management": "postgres://app@10.0.0.7:6432/idp?max_conns=7&password_file=%2Frun%2Fpw&sslmode=verify-full&sslrootcert=%2Fca.pem",
				"oauth":      "postgres://app@10.0.0.7:6432/idp?max_conns=7&password_file=%2Frun%2Fpw&sslmode=verify-full&sslrootcert=%2Fca.pem",
				"activity":   "postgres://app@10.0.0.7:6432/a%2Fb?max_conns=7&password_file=%2Frun%2Fpw&sslmode=verify-full&sslrootcert=%2Fca.pem",
				"flow":       "postgres://traffic:p%40ss@10.0.0.7:6432/f?max_conns=7&sslmode=verify-full&sslrootcert=%2Fca.pem",
			},
		},
		{"MySQL, TLS without quotes", `databases: {mysql: {host: "::1", user: app, tls: true, names: {management: m, oauth: m, activity: m, flow: m}}}`, nil,
			everywhere("mysql://app@[::1]:3306/m?tls=true")},
		{"CockroachDB by the environment alone", "", []string{
			"GATEHOUSE_DATABASES_COCKROACH_HOST=a,b", "GATEHOUSE_DATABASES_COCKROACH_USER=app", "GATEHOUSE_DATABASES_COCKROACH_PASSWORD_FILE=/pw",
			"GATEHOUSE_DATABASES_COCKROACH_NAMES_MANAGEMENT=m", "GATEHOUSE_DATABASES_COCKROACH_NAMES_OAUTH=m",
			"GATEHOUSE_DATABASES_COCKROACH_NAMES_ACTIVITY=m", "GATEHOUSE_DATABASES_COCKROACH_NAMES_FLOW=m",
		}, everywhere("cockroach://app@a:26257,b:26257/m?password_file=%2Fpw&sslmode=prefer")},
		{"a socket", `databases: {postgres: {host: /run/pg, user: app, names: {management: m, oauth: m, activity: m, flow: m}}}`, nil,
			everywhere("postgres://app@/m?host=%2Frun%2Fpg&port=5432")},
		{"a socket of MySQL", `databases: {mysql: {host: /run/my.sock, user: app, names: {management: m, oauth: m, activity: m, flow: m}}}`, nil,
			everywhere("mysql://app@unix(/run/my.sock)/m")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Read([]string{write(t, "c.yaml", tc.config)}, tc.environ)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, addresses(c)); d != "" {
				t.Error(d)
			}
		})
	}
}

func everywhere(dsn string) map[string]string {
	return map[string]string{"management": dsn, "oauth": dsn, "activity": dsn, "flow": dsn}
}

// Production checks certificates unless told otherwise, in groups and in addresses.
func TestProductionVerifiesDatabases(t *testing.T) {
	for databases, want := range map[string]string{
		`{postgres: {host: db, user: app}}`:                              "postgres://app@db:5432/gatehouse?sslmode=verify-full",
		`{postgres: {host: db, user: app, sslmode: require}}`:            "postgres://app@db:5432/gatehouse?sslmode=require",
		`{mysql: {host: db, user: app}}`:                                 "mysql://app@db:3306/gatehouse?tls=true",
		`{mysql: {host: db, user: app, tls: false}}`:                     "mysql://app@db:3306/gatehouse?tls=false",
		`{cockroach: {host: db, user: app}}`:                             "cockroach://app@db:26257/gatehouse?sslmode=verify-full",
		`{dsn: "postgres://app:p?w@db/x"}`:                               "postgres://app:p%3Fw@db/x?sslmode=verify-full",
		`{dsn: "postgres://app:pw@db/x?sslmode=disable"}`:                "postgres://app:pw@db/x?sslmode=disable",
		`{dsn: "mysql://app:pw@db/x?timeout=3s"}`:                        "mysql://app:pw@db/x?timeout=3s&tls=true",
		`{dsn: "mysql://app:pw@unix(/run/my.sock)/x"}`:                   "mysql://app:pw@unix(/run/my.sock)/x",
		`{dsn: "postgres://app:pw@/x?host=/run/postgresql"}`:             "postgres://app:pw@/x?host=/run/postgresql",
		`{dsn: "sqlite:///data/x.db"}`:                                   "sqlite:///data/x.db",
		`{postgres: {host: /run/pg, user: app, names: {management: x}}}`: "postgres://app@/x?host=%2Frun%2Fpg&port=5432",
	} {
		c, err := Read([]string{write(t, "s.yaml", strings.Replace(sound, `databases: {dsn: "postgres://app:u7RkPz4WmX9v@db/gatehouse"}`, "databases: "+databases, 1))}, nil)
		if err != nil {
			t.Errorf("%s: %v", databases, err)
			continue
		}
		if got := c.Databases.Management.Reveal(); got != want {
			t.Errorf("%s gives %s, want %s", databases, got, want)
		}
	}
}

func TestServerGroupFaults(t *testing.T) {
	for _, tc := range []struct {
		name, config string
		want         []string // "path: words of the message"
	}{
		{"two groups", `{postgres: {host: a, user: u}, mysql: {host: b, user: u}}`, []string{"databases.mysql: databases.postgres"}},
		{"three groups", `{cockroach: {host: c}, postgres: {host: a, user: u}, mysql: {host: b}}`,
			[]string{"databases.mysql: databases.postgres", "databases.cockroach: databases.postgres"}},
		{"beside the address of all", `{postgres: {host: a, user: u}, dsn: "postgres://x/y"}`, []string{"databases.dsn: databases.postgres"}},
		{"beside the address of one", `{mysql: {host: a, user: u}, flow: "sqlite://f.db"}`, []string{"databases.flow: databases.mysql"}},
		{"no host", `{postgres: {user: u}}`, []string{"databases.postgres.host: is missing"}},
		{"no user", `{postgres: {host: a}}`, []string{"databases.postgres.user: is missing"}},
		{"an address for a host", `{postgres: {host: "postgres://a", user: u}}`, []string{"databases.postgres.host: without a scheme"}},
		{"a port in the host", `{mysql: {host: "a:3306", user: u}}`, []string{"databases.mysql.host: port"}},
		{"two hosts of MySQL", `{mysql: {host: "a,b", user: u}}`, []string{"databases.mysql.host: one host"}},
		{"port", `{postgres: {host: a, user: u, port: 70000}}`, []string{"databases.postgres.port: 65535"}},
		{"mode", `{postgres: {host: a, user: u, sslmode: on}}`, []string{"databases.postgres.sslmode: verify-full"}},
		{"mode of MySQL", `{mysql: {host: a, user: u, tls: verify-full}}`, []string{"databases.mysql.tls: skip-verify"}},
		{"an authority that is not read", `{postgres: {host: a, user: u, sslmode: require, sslrootcert: /ca}}`, []string{"databases.postgres.sslrootcert: verify-ca"}},
		{"half a certificate", `{mysql: {host: a, user: u, tls: true, tls_cert: /c}}`, []string{"databases.mysql.tls_cert: tls_key"}},
		{"two passwords", `{postgres: {host: a, user: u, password: p, password_file: /p}}`, []string{"databases.postgres.password_file: databases.postgres.password"}},
		{"a password without its user", `{postgres: {host: a, user: u, users: {flow: {password: p}}}}`, []string{"databases.postgres.users.flow.user: is missing"}},
		{"one database, two users", `{postgres: {host: a, user: u, names: {oauth: gatehouse}, users: {oauth: {user: o}}}}`, []string{"databases.postgres.names.oauth: different users"}},
		{"a long name", `{postgres: {host: a, user: u, names: {oauth: ` + strings.Repeat("ä", 32) + `}}}`, []string{"databases.postgres.names.oauth: longer"}},
		{"no name", `{mysql: {host: a, user: u, names: {oauth: ""}}}`, []string{"databases.mysql.names.oauth: name"}},
		{"a name that MySQL does not take", `{mysql: {host: a, user: u, names: {oauth: "x😀"}}}`, []string{"databases.mysql.names.oauth: U+FFFF"}},
		{"a parameter with a key of its own", `{postgres: {host: a, user: u, parameters: {sslmode: disable}}}`, []string{"databases.postgres.parameters.sslmode: key of its own"}},
		{"two passwords of the administrator", `{provisioning: {password: p, password_file: /p}}`, []string{"databases.provisioning.password_file: databases.provisioning.password"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read([]string{write(t, "c.yaml", "databases: "+tc.config)}, nil)
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) != len(tc.want) {
				t.Fatalf("not %d faults: %v", len(tc.want), err)
			}
			for i, want := range tc.want {
				path, words, _ := strings.Cut(want, ": ")
				if faults[i].Path != path || !strings.Contains(faults[i].Message, words) {
					t.Errorf("%v instead of %s", faults[i], want)
				}
			}
		})
	}
}

// nasty is what names and passwords are made of in properties: all that has a meaning in URLs, SQL, YAML or a shell.
var nasty = []rune("@:/%?#& '\"\\`$;=+,()[]{}<>|*~!^-_.aZ09é日ß\t\n")

func nastyText(r *rand.Rand, most int) string {
	b := make([]rune, 1+r.IntN(most))
	for i := range b {
		b[i] = nasty[r.IntN(len(nasty))]
	}
	return string(b)
}

// W07: what is written in a group is what the drivers get, by file and by environment, and nothing shows the password.
func TestServerGroupsTakeAnyCharacters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		user, password, name := nastyText(r, 12), "qJ7xWz"+nastyText(r, 30), strings.TrimRight(nastyText(r, 12), " ")+"x"
		for _, group := range []string{"postgres", "mysql", "cockroach"} {
			text := fmt.Sprintf("databases: {%s: {host: db, user: %q, password: %q, names: {oauth: %q}}}", group, user, password, name)
			env := "GATEHOUSE_DATABASES_" + strings.ToUpper(group)
			for kind, read := range map[string]func() (*Config, error){
				"file": func() (*Config, error) { return Read([]string{write(t, "c.yaml", text)}, nil) },
				"environment": func() (*Config, error) {
					return Read(nil, []string{env + "_HOST=db", env + "_USER=" + user, env + "_PASSWORD=" + password, env + "_NAMES_OAUTH=" + name})
				},
			} {
				c, err := read()
				if err != nil {
					t.Fatalf("%s by %s: %v\n%s", group, kind, err, text)
				}
				a, err := sqldb.Parse(c.Databases.OAuth.Reveal())
				if err != nil || a.User != user || a.Password != password || a.Database != name || !strings.HasPrefix(a.Host, "db:") {
					t.Fatalf("%s by %s: %q %q %q at %q: %v\n%s", group, kind, a.User, a.Password, a.Database, a.Host, err, text)
				}
				if slices.ContainsFunc(c.Explain(), func(l Line) bool { return strings.Contains(l.Value, "qJ7xWz") }) {
					t.Fatalf("%s by %s: the password is shown", group, kind)
				}
			}
		}
	}
}

// Who provisions or migrates needs no secrets of the server, and still no mistake about the databases passes.
func TestReadDatabases(t *testing.T) {
	file := write(t, "c.yaml", "profile: production\ndatabases: {postgres: {host: db, user: app}}\nserve: {public: {nonsense: 1}}\n")
	c, err := ReadDatabases([]string{file}, nil)
	if err != nil || c.Databases.OAuth.Reveal() != "postgres://app@db:5432/gatehouse_oauth?sslmode=verify-full" {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"databases: {dsn: memory}", "databases: {postgres: {hosst: db}}", "databases: [", "profile: prod", "profil: production"} {
		if c, err := ReadDatabases([]string{file, write(t, "bad.yaml", bad)}, nil); err == nil || c != nil {
			t.Errorf("%s: taken", bad)
		}
	}
}
