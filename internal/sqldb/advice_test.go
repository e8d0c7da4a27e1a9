package sqldb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// What TestTLSModes and the tests of provisioning do not meet.
func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		scheme string
		err    error
		want   string
		reason error
	}{
		{"postgres", &pgconn.PgError{Code: "3D000"}, "make the database with `gatehouse provision`", ErrNoDatabase},
		{"postgres", &pgconn.PgError{Code: "42501"}, "give u the right", ErrDenied},
		{"postgres", &pgconn.PgError{Code: "28000", Message: `role "u" does not exist`}, "make the user with `gatehouse provision`", ErrLogin},
		{"postgres", &pgconn.PgError{Code: "28000", Message: `role "u" is not permitted to log in`}, "let the user sign in", nil},
		{"postgres", &pgconn.PgError{Code: "28000", Message: `no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL encryption`}, "add a line", nil},
		{"postgres", &pgconn.PgError{Code: "28000", Message: `no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL off`}, "set sslmode=verify-full", nil},
		{"postgres", &pgconn.PgError{Code: "28000", Message: "connection requires a valid client certificate"}, "sslcert and sslkey", nil},
		{"mysql", errors.New("remote error: tls: certificate required"), "tls_cert and tls_key", nil},
		{"postgres", &pgconn.PgError{Code: "53300"}, "set max_conns lower", nil},
		{"mysql", &mysql.MySQLError{Number: 1040}, "set max_conns lower", nil},
		{"mysql", &mysql.MySQLError{Number: 3159}, "set tls=true", nil},
		{"mysql", &mysql.MySQLError{Number: 1049}, "make the database", ErrNoDatabase},
		{"mysql", &mysql.MySQLError{Number: 1045}, "look at user, password and password_file", ErrLogin},
		{"mysql", x509.CertificateInvalidError{Reason: x509.Expired}, "has expired", nil},
		{"mysql", &net.DNSError{IsNotFound: true}, "no host of this name", nil},
		{"mysql", context.DeadlineExceeded, "does not answer", nil},
		{"mysql", errors.New("something else"), "", nil},
	} {
		d := &dsn{scheme: c.scheme, user: "u", host: "h"}
		err := fmt.Errorf("wrapped: %w", c.err)
		if got := d.advice(err); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%v: advises %q and not %q", c.err, got, c.want)
		}
		if got := reason(err); !errors.Is(got, c.reason) {
			t.Errorf("%v: the reason is %v and not %v", c.err, got, c.reason)
		}
	}
}
