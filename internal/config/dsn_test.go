package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestDSNRedacted(t *testing.T) {
	for dsn, want := range map[DSN]string{
		"":                                     "",
		"memory":                               "memory",
		"sqlite:///var/lib/gatehouse/oauth.db": "sqlite:///var/lib/gatehouse/oauth.db",
		"sqlite:///data/a%20b.db?_fk=true&_key=hunter2":             "sqlite:///data/a%20b.db?_fk=true&_key=[redacted]",
		"postgres://db.example.com:5432/gatehouse?sslmode=require":  "postgres://db.example.com:5432/gatehouse?sslmode=require",
		"postgres://app:hunter2@db:5432/gatehouse":                  "postgres://app:[redacted]@db:5432/gatehouse",
		"postgres://app@db/gatehouse":                               "postgres://app@db/gatehouse",
		"postgres://app:@db/gatehouse":                              "postgres://app:[redacted]@db/gatehouse",
		"postgres://app:hunter2@a:1,b:2/gatehouse?max_conns=10":     "postgres://app:[redacted]@a:1,b:2/gatehouse?max_conns=10",
		"postgres:///gatehouse?user=app&password=hunter2":           "postgres:///gatehouse?user=[redacted]&password=[redacted]",
		"postgres://app:hunter2@db/x?sslpassword=hunter3":           "postgres://app:[redacted]@db/x?sslpassword=[redacted]",
		"mysql://app:hunter2@tcp(db:3306)/gatehouse?parseTime=true": "mysql://app:[redacted]@tcp(db:3306)/gatehouse?parseTime=true",
		"mysql://app:hu/nt?e#r:2@tcp(db:3306)/gatehouse":            "mysql://app:[redacted]@tcp(db:3306)/gatehouse",
		"mysql://app:p@ss@db/gatehouse":                             "mysql://app:[redacted]@db/gatehouse",
		"cockroach://root:hunter2@[::1]:26257/defaultdb":            "cockroach://root:[redacted]@[::1]:26257/defaultdb",
		"postgres://[::1]:5432/x":                                   "postgres://[::1]:5432/x",
		"postgres://app:hunter2/gatehouse":                          "postgres://[redacted]",
		"host=db user=app password=hunter2":                         "[redacted]",
		"mongodb://app:hunter2@db":                                  "[redacted]",
		"app:hunter2@tcp(db)/x":                                     "[redacted]",
		"POSTGRES://app:hunter2@db/x":                               "postgres://app:[redacted]@db/x",
	} {
		if got := dsn.Redacted(); got != want {
			t.Errorf("%q shows as %q, want %q", dsn.Reveal(), got, want)
		}
	}
}

func TestDSNNeverPrintsItsPassword(t *testing.T) {
	d := DSN("postgres://app:hunter2@db/gatehouse")
	holder := struct{ DSN DSN }{d}
	printed := []string{d.String(), d.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, d), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	raw, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(raw))
	if raw, err = yaml.Marshal(holder); err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(raw))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "dsn", d, "holder", holder)
	printed = append(printed, log.String())
	for _, text := range printed {
		if strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("shows the password: %s", text)
		}
	}
}

func TestDSNFault(t *testing.T) {
	for _, good := range []DSN{"memory", "sqlite://x.db", "sqlite:///data/", "postgres://db/x", "postgresql://db/x", "mysql://db/x", "mariadb://db/x", "cockroach://db/x"} {
		if wrong := good.fault(); wrong != "" {
			t.Errorf("%s: %s", good, wrong)
		}
	}
	for _, bad := range []DSN{"postgres", "postgres:/x", "mongodb://hunter2@x", "host=x password=hunter2", "sqlite://", "hunter2 hunter2://x"} {
		wrong := bad.fault()
		if wrong == "" {
			t.Errorf("%q: accepted", bad.Reveal())
		}
		if strings.Contains(wrong, "hunter2") {
			t.Errorf("shows the password: %s", wrong)
		}
	}
}

// FuzzDSN: whatever stands around it, a password is not shown.
func FuzzDSN(f *testing.F) {
	f.Add("postgres", "app", "hunter2", "db:5432", "gatehouse?sslmode=disable")
	f.Add("mysql", "app", "p@ss:w/o?r#d&=", "tcp(db:3306)", "gatehouse")
	f.Add("cockroach", "", "x", "[::1]:26257", "")
	f.Add("sqlite", "a", "b", "c", "d?e=f")
	f.Fuzz(func(t *testing.T, scheme, user, password, host, rest string) {
		const mark = "qJ7xWz"
		secretPart := mark + password + mark
		if strings.Contains(user+host+rest, mark) || strings.ContainsAny(user, ":@/?#") || strings.Contains(host+rest, "@") {
			return
		}
		for _, written := range []string{secretPart, url.QueryEscape(secretPart)} {
			d := DSN(scheme + "://" + user + ":" + written + "@" + host + "/" + rest)
			if strings.HasPrefix(d.scheme(), "sqlite") && !strings.Contains(d.Redacted(), mark) {
				continue
			}
			if shown := d.Redacted(); strings.Contains(shown, mark) {
				t.Errorf("%q shows as %q", d.Reveal(), shown)
			}
			if wrong := d.fault(); strings.Contains(wrong, mark) {
				t.Errorf("%q: %s", d.Reveal(), wrong)
			}
		}
		free := DSN(password)
		_, _ = free.Redacted(), free.fault()
	})
}

func TestDSNOfALogicalDatabase(t *testing.T) {
	for dsn, want := range map[DSN]DSN{
		"memory":                            "memory",
		"postgres://db/gatehouse":           "postgres://db/gatehouse",
		"sqlite:///data/":                   "sqlite:///data/oauth.db",
		"sqlite:///data":                    "sqlite:///data/oauth.db",
		"sqlite://data/?synchronous=full":   "sqlite://data/oauth.db?synchronous=full",
		"sqlite:///data/all.db?max_conns=2": "sqlite:///data/all.db?max_conns=2",
	} {
		if got := dsn.logical("oauth"); got != want {
			t.Errorf("%s: %s, want %s", dsn, got, want)
		}
	}
}

func TestSQLiteFile(t *testing.T) {
	for path, want := range map[string]DSN{
		"data/oauth.db":         "sqlite://data/oauth.db",
		"/var/lib/x/oauth.db":   "sqlite:///var/lib/x/oauth.db",
		"/var/my data?/a%b#.db": "sqlite:///var/my%20data%3F/a%25b%23.db",
	} {
		if got := sqliteFile(path); got != want {
			t.Errorf("%s is %s, want %s", path, got.Reveal(), want.Reveal())
		}
	}
}
