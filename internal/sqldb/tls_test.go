package sqldb_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// S3-13, S3-14, S3-18: what each mode of TLS takes and refuses, on real servers.
func TestTLSModes(t *testing.T) {
	s := testkit.StartTLSServers(t)
	t.Run("postgres", func(t *testing.T) { postgresTLS(t, s) })
	t.Run("mariadb", func(t *testing.T) { mariadbTLS(t, s) })
}

// tlsCase is one row of a table: a server, what the DSN says, and what comes of it.
type tlsCase struct {
	server, params string
	want           string // "encrypted", "plain", or "!" and words of the error
}

// tlsServer is a server as a row names it.
type tlsServer struct{ dsn, host string }

func (c tlsCase) run(t *testing.T, s tlsServer) {
	t.Run(c.server+" "+strings.NewReplacer("/", "_", "&", " ").Replace(c.params), func(t *testing.T) {
		a, err := sqldb.Parse(s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		if s.host != "" {
			a.Host = s.host + a.Host[strings.LastIndexByte(a.Host, ':'):]
		}
		if a.Params, err = url.ParseQuery(c.params); err != nil {
			t.Fatal(err)
		}
		got, err := encryption(t.Context(), a)
		switch wanted, refused := strings.CutPrefix(c.want, "!"); {
		case !refused && (err != nil || got != c.want):
			t.Errorf("%q, %v, want %s", got, err, c.want)
		case refused && (err == nil || !errors.Is(err, sqldb.ErrUnavailable)):
			t.Errorf("%q, %v, want a refusal", got, err)
		case refused:
			for word := range strings.SplitSeq(wanted, "|") {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("does not say %q: %v", word, err)
				}
			}
			if strings.Contains(err.Error(), a.Password) {
				t.Errorf("shows the password: %v", err)
			}
		}
	})
}

// encryption opens an address and asks the server whether the connection is encrypted.
func encryption(ctx context.Context, a sqldb.Address) (string, error) {
	db, err := sqldb.Open(ctx, a.DSN(), sqldb.Options{Name: "oauth"})
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	cipher, err := db.Cipher(ctx)
	if err != nil {
		return "", err
	}
	if cipher == "" {
		return "plain", nil
	}
	return "encrypted", nil
}

func asAdmin(t *testing.T, dsn string) *sqldb.Admin {
	t.Helper()
	address, err := sqldb.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := sqldb.OpenAdmin(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func postgresTLS(t *testing.T, s testkit.TLSServers) {
	conn := asAdmin(t, s.Postgres)
	file, err := conn.Query(t.Context(), "SHOW hba_file")
	if err != nil {
		t.Fatal(err)
	}
	const rules = "hostssl tls_only all all scram-sha-256\nhostnossl plain_rejected all all reject\nhost plain_rejected all all scram-sha-256\nhost gatehouse all all scram-sha-256\n"
	for _, text := range []string{
		"CREATE DATABASE tls_only", "CREATE DATABASE plain_rejected",
		"COPY (SELECT unnest(string_to_array('" + rules + "', chr(10)))) TO '" + file[0][0] + "'", "SELECT pg_reload_conf()",
	} {
		if err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return strings.TrimSuffix(s.Postgres, "/gatehouse") + "/" + name }
	servers := map[string]tlsServer{
		"either": {s.Postgres, "localhost"}, "wrong host": {s.Postgres, "127.0.0.1"}, "TLS only": {at("tls_only"), "localhost"},
		"plain rejected": {at("plain_rejected"), "localhost"}, "no TLS": {testkit.Postgres(t), ""},
	}
	right, wrong := "&sslrootcert="+url.QueryEscape(s.CA), "&sslrootcert="+url.QueryEscape(s.OtherCA)
	for _, c := range []tlsCase{
		{"either", "sslmode=disable", "plain"},
		{"either", "sslmode=allow", "plain"},
		{"either", "sslmode=prefer", "encrypted"},
		{"either", "sslmode=require", "encrypted"},
		{"either", "sslmode=verify-ca" + right, "encrypted"},
		{"either", "sslmode=verify-ca" + wrong, "!authorities|sslrootcert"},
		{"either", "sslmode=verify-ca", "!authorities|sslrootcert"},
		{"either", "sslmode=verify-full" + right, "encrypted"},
		{"either", "sslmode=verify-full" + wrong, "!authorities|sslrootcert"},
		{"either", "sslmode=verify-full", "!authorities|sslrootcert"},
		{"wrong host", "sslmode=require", "encrypted"},
		{"wrong host", "sslmode=verify-ca" + right, "encrypted"},
		{"wrong host", "sslmode=verify-full" + right, "!not for the host 127.0.0.1|sslmode=verify-ca"},
		{"TLS only", "sslmode=disable", "!no encryption|set sslmode=verify-full|sslmode=require"},
		{"TLS only", "sslmode=allow", "encrypted"},
		{"TLS only", "sslmode=prefer", "encrypted"},
		{"TLS only", "sslmode=verify-full" + right, "encrypted"},
		{"plain rejected", "sslmode=disable", "!no encryption|set sslmode=verify-full|sslmode=require"},
		{"plain rejected", "sslmode=require", "encrypted"},
		{"no TLS", "sslmode=disable", "plain"},
		{"no TLS", "sslmode=allow", "plain"},
		{"no TLS", "sslmode=prefer", "plain"},
		{"no TLS", "sslmode=require", "!has no TLS|sslmode=disable"},
		{"no TLS", "sslmode=verify-ca" + right, "!has no TLS|sslmode=disable"},
		{"no TLS", "sslmode=verify-full" + right, "!has no TLS|sslmode=disable"},
	} {
		c.run(t, servers[c.server])
	}
}

func mariadbTLS(t *testing.T, s testkit.TLSServers) {
	servers := map[string]tlsServer{
		"either": {s.MariaDB, "localhost"}, "wrong host": {s.MariaDB, "127.0.0.1"}, "TLS only": {s.MariaDB, "localhost"}, "no TLS": {testkit.MariaDB(t), ""},
	}
	right, wrong := "&tls_ca="+url.QueryEscape(s.CA), "&tls_ca="+url.QueryEscape(s.OtherCA)
	for _, c := range []tlsCase{
		{"either", "tls=false", "plain"},
		{"either", "tls=preferred", "encrypted"},
		{"either", "tls=skip-verify", "encrypted"},
		{"either", "tls=true" + right, "encrypted"},
		{"either", right[1:], "encrypted"},
		{"either", "tls=true" + wrong, "!authorities|tls_ca"},
		{"either", "tls=true", "!authorities|tls_ca"},
		{"wrong host", "tls=skip-verify", "encrypted"},
		{"wrong host", "tls=true" + right, "!not for the host 127.0.0.1"},
		{"no TLS", "tls=false", "plain"},
		{"no TLS", "tls=preferred", "plain"},
		{"no TLS", "tls=skip-verify", "!has no TLS|tls=false"},
		{"no TLS", "tls=true" + right, "!has no TLS|tls=false"},
	} {
		c.run(t, servers[c.server])
	}
	conn := asAdmin(t, s.MariaDB)
	if err := conn.Exec(t.Context(), "SET GLOBAL require_secure_transport = ON"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []tlsCase{
		{"TLS only", "tls=false", "!takes encrypted connections only|set tls=true"},
		{"TLS only", "tls=preferred", "encrypted"},
		{"TLS only", "tls=true" + right, "encrypted"},
	} {
		c.run(t, servers[c.server])
	}
}
