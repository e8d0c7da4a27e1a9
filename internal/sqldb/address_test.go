package sqldb

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzAddress: what is put together is taken apart again, and reaches the drivers as it was, whatever the characters.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"p", "@", "/@h/d", "%", "%41", "a:b", "?x=y&z", "#", "\x01\xff", "日本", " ", `"'\`, "//x", "+"} {
		f.Add(seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, user, password, name string) {
		if user == "" || name == "" || strings.ContainsRune(user+password+name, 0) {
			return
		}
		for _, scheme := range []string{"postgres", "mysql", "cockroach"} {
			for _, host := range []string{"h", "h:1", "[::1]:1", "/run/socket"} {
				a := Address{Scheme: scheme, User: user, Password: password, Host: host, Database: name, Params: url.Values{"max_conns": {"7"}}}
				got, err := Parse(a.DSN())
				if err != nil {
					t.Fatalf("%q: %v", a.DSN(), err)
				}
				if scheme != "mysql" && host[0] == '/' {
					got.Host = got.Params.Get("host")
					got.Params.Del("host")
				}
				if d := cmp.Diff(a, got); d != "" {
					t.Errorf("%q: %s", a.DSN(), d)
				}
				reaches(t, a)
			}
		}
	})
}

// reaches checks what the driver of an address is given.
func reaches(t *testing.T, a Address) {
	t.Helper()
	d, err := parseDSN(a.DSN())
	if err != nil {
		t.Fatal(err)
	}
	user, password, name := "", "", ""
	if a.Scheme == "mysql" {
		c, err := mysqlConfig(d)
		if err != nil {
			t.Fatal(err)
		}
		user, password, name = c.User, c.Passwd, c.DBName
	} else {
		c, err := postgresConfig(d)
		if err != nil {
			t.Fatal(err)
		}
		user, password, name = c.ConnConfig.User, c.ConnConfig.Password, c.ConnConfig.Database
	}
	if user != a.User || password != a.Password || name != a.Database {
		t.Errorf("%q reaches the driver as %q %q %q", a.DSN(), user, password, name)
	}
}

func TestAddressOfFiles(t *testing.T) {
	for _, a := range []Address{
		{Scheme: "memory", Params: url.Values{}},
		{Scheme: "sqlite", Database: "/var/my data?/a%b#.db", Params: url.Values{"synchronous": {"off"}}},
	} {
		if got, err := Parse(a.DSN()); err != nil || !cmp.Equal(a, got) {
			t.Errorf("%s: %+v, %v", a.DSN(), got, err)
		}
	}
}

func TestAddressAs(t *testing.T) {
	a, err := Parse("postgres://app:pw@h:1/d?sslmode=verify-full&sslrootcert=%2Fca&sslcert=c&sslkey=k&max_conns=3&search_path=x&connect_timeout=3")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.As("dba", "p@w", "postgres").DSN(), "postgres://dba:p%40w@h:1/postgres?connect_timeout=3&sslmode=verify-full&sslrootcert=%2Fca"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPasswordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	a := Address{Scheme: "postgres", User: "u", Host: "h", Database: "d", Params: url.Values{"password_file": {path}}}
	for content, want := range map[string]string{"p@ss\n": "p@ss", "p\r\n": "p", " p ": " p ", "": "!empty", "\n": "!empty", "a\x00b": "!NUL", strings.Repeat("x", 1<<17): "!64 KiB"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := a.ReadPassword()
		if fault, refused := strings.CutPrefix(want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), fault) || !strings.Contains(err.Error(), path) {
				t.Errorf("%.10q: %v", content, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%.10q: %q, %v", content, got, err)
		}
	}
	if _, err := parseDSN("mysql://u:p@h/d?password_file=/x"); err == nil || !strings.Contains(err.Error(), "keep one") {
		t.Errorf("a password and a file: %v", err)
	}
}

func TestMySQLTLS(t *testing.T) {
	for params, want := range map[string]string{
		"":                         "plain",
		"tls=false":                "plain",
		"tls=true":                 "verified",
		"tls=skip-verify":          "encrypted",
		"tls=preferred":            "encrypted or plain",
		"tls=yes":                  "!true, false, preferred, skip-verify",
		"tls=skip-verify&tls_ca=x": "!tls=true alone",
		"tls=false&tls_ca=x":       "!tls=true alone",
		"tls=false&tls_cert=x":     "!need TLS",
		"tls=true&tls_cert=x":      "!go together",
		"tls_ca=/nowhere":          "!tls_ca: ",
		"tls_cert=/no&tls_key=/no": "!tls_cert and tls_key: ",
	} {
		d, err := parseDSN("mysql://u:p@h/d?" + params)
		if err != nil {
			t.Fatal(err)
		}
		c, err := mysqlConfig(d)
		got := "plain"
		switch {
		case err != nil:
			got = "!" + err.Error()
		case c.TLS != nil && c.AllowFallbackToPlaintext:
			got = "encrypted or plain"
		case c.TLS != nil && c.TLS.InsecureSkipVerify:
			got = "encrypted"
		case c.TLS != nil && c.TLS.ServerName == "h":
			got = "verified"
		}
		if got != want && (want[0] != '!' || !strings.Contains(got, want[1:])) {
			t.Errorf("%s: %s, want %s", params, got, want)
		}
	}
}

// W07: paths of files may hold any character too, and the file is where the address says.
func TestSQLitePaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b", "a@b", "a:b", "a%b", "a%41", "a?b", "a#b", "a&b=c", `a'b"c`, `a\b`, "+", "日é😀", "$;()[]{}<>|*~!^`,", "tab\t"} {
		for _, place := range []string{name + ".db", name + "/oauth.db"} {
			path := filepath.Join(dir, place)
			db, err := Open(t.Context(), Address{Scheme: "sqlite", Database: path}.DSN(), Options{Name: "oauth"})
			if err != nil {
				t.Errorf("%q: %v", path, err)
				continue
			}
			if _, err := db.AllTenants().Exec(t.Context(), "CREATE TABLE x (id INTEGER)"); err != nil {
				t.Errorf("%q: %v", path, err)
			}
			if err := db.Close(); err != nil {
				t.Errorf("%q: %v", path, err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("%q: no database is there: %v", path, err)
			}
		}
	}
}
