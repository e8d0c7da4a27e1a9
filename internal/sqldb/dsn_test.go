package sqldb

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseDSN(t *testing.T) {
	for _, c := range []struct {
		text string
		want dsn
	}{
		{"memory", dsn{scheme: "memory"}},
		{"memory://one", dsn{scheme: "memory", name: "one"}},
		{"sqlite:///var/lib/gatehouse/", dsn{scheme: "sqlite", name: "/var/lib/gatehouse/"}},
		{"sqlite://./data/oauth.db?synchronous=normal", dsn{scheme: "sqlite", name: "./data/oauth.db", synchronous: "NORMAL"}},
		{"sqlite://a%20b%3Fc.db", dsn{scheme: "sqlite", name: "a b?c.db"}},
		{"postgres://u:p@h:5432/d?sslmode=disable", dsn{scheme: "postgres", user: "u", password: "p", host: "h:5432", name: "d"}},
		{"postgresql://u@h/d", dsn{scheme: "postgres", user: "u", host: "h", name: "d"}},
		{"postgres://h/d", dsn{scheme: "postgres", host: "h", name: "d"}},
		{"postgres://u:p@/d?host=/run/postgresql", dsn{scheme: "postgres", user: "u", password: "p", name: "d"}},
		{"postgres://u:p@one:5432,two:5433/d?target_session_attrs=read-write", dsn{scheme: "postgres", user: "u", password: "p", host: "one:5432,two:5433", name: "d"}},
		{"postgres://u:p@[::1]:5432/d", dsn{scheme: "postgres", user: "u", password: "p", host: "[::1]:5432", name: "d"}},
		{"cockroach://u:p@h:26257/d", dsn{scheme: "cockroach", user: "u", password: "p", host: "h:26257", name: "d"}},
		{"mysql://u:p@h:3306/d", dsn{scheme: "mysql", user: "u", password: "p", host: "h:3306", name: "d"}},
		{"mariadb://u:p@h/d", dsn{scheme: "mysql", user: "u", password: "p", host: "h", name: "d"}},
		{"mysql://u:p@tcp(h:3306)/d", dsn{scheme: "mysql", user: "u", password: "p", host: "h:3306", name: "d"}},
		{"mysql://u@unix(/run/mysqld/mysqld.sock)/d", dsn{scheme: "mysql", network: "unix", user: "u", host: "/run/mysqld/mysqld.sock", name: "d"}},
		// Passwords and names as they are, and with percent signs.
		{"postgres://u:p@ss/w?r#d:x@h/d", dsn{scheme: "postgres", user: "u", password: "p@ss/w?r#d:x", host: "h", name: "d"}},
		{"postgres://u%40realm:p%40s%2Fs%25@h/my%2Fdb", dsn{scheme: "postgres", user: "u@realm", password: "p@s/s%", host: "h", name: "my/db"}},
		{"mysql://u:100%sure%@h/d", dsn{scheme: "mysql", user: "u", password: "100%sure%", host: "h", name: "d"}},
		{"mysql://u:a:b:c@h/d", dsn{scheme: "mysql", user: "u", password: "a:b:c", host: "h", name: "d"}},
		{"mysql://u:p)(@tcp(h)/d", dsn{scheme: "mysql", user: "u", password: "p)(", host: "h", name: "d"}},
		{
			"postgres://u:p@h/d?max_conns=7&max_idle_conns=3&max_conn_lifetime=1h&max_conn_idle_time=90s",
			dsn{scheme: "postgres", user: "u", password: "p", host: "h", name: "d", maxConns: 7, maxIdle: 3, hasMaxIdle: true, maxLifetime: time.Hour, hasLifetime: true, maxIdleTime: 90 * time.Second, hasIdleTime: true},
		},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := parseDSN(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.network == "" && c.want.scheme != "memory" && c.want.scheme != "sqlite" {
				c.want.network = "tcp"
			}
			if c.want.synchronous == "" {
				c.want.synchronous = got.synchronous
			}
			if diff := cmp.Diff(c.want, *got, cmp.AllowUnexported(dsn{}), cmpopts.IgnoreFields(dsn{}, "params")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseDSNRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                              "empty",
		"postgres":                                      "no scheme",
		":memory:":                                      `"memory"`,
		"sqlite:file.db":                                "sqlite://",
		"file:x.db?mode=memory":                         "sqlite://",
		"sqlite://":                                     "path is missing",
		"sqlite://:memory:":                             `"memory"`,
		"sqlite://x.db?mode=memory":                     `"memory"`,
		"sqlite://x.db?journal_mode=off":                "unknown parameter",
		"sqlite://x.db?synchronous=maybe":               "full, normal",
		"u:hunter2@tcp(h:3306)/d":                       "mysql://USER:PASSWORD@tcp(HOST:3306)/DATABASE",
		"host=h password=hunter2 dbname=d":              "postgres://USER",
		"pg://u:hunter2@h/d":                            "did you mean postgres://",
		"mssql://u:hunter2@h/d":                         "did you mean mysql://",
		"coackroach://u:hunter2@h/d":                    "did you mean cockroach://",
		"u:hunter2://x@h/d":                             "unknown scheme;",
		"postgres://u:hunter2@h":                        "database's name is missing",
		"postgres://u:hunter2@h:port/d":                 "no host and database",
		"postgres://u:hunter2@h:5432/d/e":               "no host and database",
		"mysql://h/d":                                   "user is missing",
		"postgres://u:hunter2@h/d?x=a@b":                "%40",
		"postgres://u:hunter2@unix(/x)/d":               "?host=",
		"postgres://u:hunter2@h/d?max_conns=many":       "max_conns is a number",
		"postgres://u:hunter2@h/d?max_conns=1":          "at least 2",
		"postgres://u:hunter2@h/d?max_conn_lifetime=30": "max_conn_lifetime is a duration",
		"postgres://u:hun%00ter2@h/d":                   "NUL",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := parseDSN(text)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v does not contain %q", err, want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the password is in the error")
			}
		})
	}
}

func TestDriverConfigs(t *testing.T) {
	t.Run("the password reaches PostgreSQL's driver as it is", func(t *testing.T) {
		d, err := parseDSN("postgres://u:p@s/s#%41@h:5432/d?sslmode=disable&application_name=x")
		if err != nil {
			t.Fatal(err)
		}
		config, err := postgresConfig(d)
		if err != nil {
			t.Fatal(err)
		}
		if c := config.ConnConfig; c.Password != "p@s/s#A" || c.User != "u" || c.Host != "h" || c.Port != 5432 || c.Database != "d" || c.RuntimeParams["application_name"] != "x" {
			t.Errorf("%q %q %q %d %q", c.Password, c.User, c.Host, c.Port, c.Database)
		}
	})
	t.Run("no error of PostgreSQL's driver holds the password", func(t *testing.T) {
		d, err := parseDSN("postgres://u:hunter2@h/d?sslmode=nonsense")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = postgresConfig(d); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("the simple protocol is refused", func(t *testing.T) {
		d, _ := parseDSN("postgres://u:p@h/d?default_query_exec_mode=simple_protocol")
		if _, err := postgresConfig(d); err == nil {
			t.Error("taken")
		}
	})
	t.Run("MySQL's driver", func(t *testing.T) {
		d, err := parseDSN("mysql://u:p@s/s#@h/d?timeout=3s")
		if err != nil {
			t.Fatal(err)
		}
		c, err := mysqlConfig(d)
		if err != nil {
			t.Fatal(err)
		}
		if c.Passwd != "p@s/s#" || c.Addr != "h:3306" || c.DBName != "d" || !c.ClientFoundRows || !c.ParseTime || c.InterpolateParams || c.Loc != time.UTC || c.Timeout != 3*time.Second {
			t.Errorf("%+v", c)
		}
	})
	t.Run("what Gatehouse sets cannot be set", func(t *testing.T) {
		d, _ := parseDSN("mysql://u:p@h/d?parseTime=false")
		if _, err := mysqlConfig(d); err == nil || !strings.Contains(err.Error(), "parseTime") {
			t.Error(err)
		}
	})
}

func TestMatchVersion(t *testing.T) {
	const cockroach, postgres = "CockroachDB CCL v24.1.0", "PostgreSQL 15.3 on x86_64"
	if err := matchVersion(PostgreSQL, cockroach); err == nil || !strings.Contains(err.Error(), "cockroach://") {
		t.Error(err)
	}
	if err := matchVersion(CockroachDB, postgres); err == nil || !strings.Contains(err.Error(), "postgres://") {
		t.Error(err)
	}
	if err := matchVersion(PostgreSQL, postgres); err != nil {
		t.Error(err)
	}
	if err := matchVersion(CockroachDB, cockroach); err != nil {
		t.Error(err)
	}
}

// FuzzDSN: what is read is what was written, and no error shows the password.
func FuzzDSN(f *testing.F) {
	for _, seed := range [][3]string{
		{"postgres://u:", "p@ss/w?r#d", "@h:5432/d"}, {"mysql://u:", "100%", "@tcp(h)/d"}, {"u:", "x", "@tcp(h)/d"},
		{"cockroach://u:", "@@", "@h/d?sslmode=disable"}, {"sqlite://", "x", "?y"}, {"", "", ""}, {"mysql://u:", ")", "@unix(/x)/d"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, before, password, after string) {
		secret := "hunter2" + password
		d, err := parseDSN(before + secret + after)
		if err != nil {
			if before == "postgres://u:" && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the password: %v", err)
			}
			return
		}
		_ = d.limits(Options{})
	})
}

// FuzzPassword: a password written with percent signs is read back, whatever it is.
func FuzzPassword(f *testing.F) {
	for _, seed := range []string{"", "p", "@", "/@h/d", "%", "%41", "a:b", "\x01\xff", "日本"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, user, password string) {
		if user == "" || strings.ContainsRune(user+password, 0) {
			return
		}
		for _, scheme := range []string{"postgres", "mysql", "cockroach"} {
			d, err := parseDSN(scheme + "://" + url.QueryEscape(strings.ReplaceAll(user, "+", "")) + "x:" + percent(password) + "@h:1/d")
			if err != nil || d.password != password || d.host != "h:1" {
				t.Errorf("%s %q: %v", scheme, password, err)
			}
		}
	})
}

func percent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
