package sqldb

import (
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// serverError gives what PostgreSQL's or MySQL's own error codes say: one of them is set, or none.
func serverError(err error) (state string, number uint16, message string) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code, 0, pg.Message
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return "", my.Number, my.Message
	}
	return "", 0, ""
}

// reason tells what an administrator acts on; nil when it is none of these.
func reason(err error) error {
	switch state, number, message := serverError(err); {
	case state == "28P01", state == "28000" && strings.Contains(message, "does not exist"), number == 1045, number == 1698:
		return ErrLogin
	case state == "42501", slices.Contains([]uint16{1044, 1142, 1227, 1410, 1370, 1419}, number):
		return ErrDenied
	case state == "3D000", number == 1049:
		return ErrNoDatabase
	}
	return nil
}

// advice says what to do about a connection that could not be made, beginning with "; ", or nothing. It names the DSN's
// parameters, which are the keys of the configuration's blocks too.
func (d *dsn) advice(err error) string {
	for _, about := range []func(error) string{d.aboutCertificate, d.aboutPlaintext, d.aboutLogin, aboutNetwork} {
		if what := about(err); what != "" {
			return "; " + what
		}
	}
	return ""
}

// words are the parameters by which a kind of server is told what TLS shall be.
func (d *dsn) words() (mode, ca string) {
	if d.scheme == "mysql" {
		return "tls", "tls_ca"
	}
	return "sslmode", "sslrootcert"
}

func (d *dsn) aboutCertificate(err error) string {
	mode, ca := d.words()
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		only := ""
		if d.scheme != "mysql" {
			only = ", or set sslmode=verify-ca, which checks the authority alone"
		}
		return "the server's certificate is not for the host " + wrong.Host + ": use a name that is in it" + only
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the server's certificate is signed by none of the authorities that are trusted: name the file of the right one in " + ca
	}
	if wrong, ok := errors.AsType[x509.CertificateInvalidError](err); ok && wrong.Reason == x509.Expired {
		return "the server's certificate has expired or is not valid yet: renew it, and look at this machine's clock"
	}
	if strings.Contains(err.Error(), "tls: certificate required") || strings.Contains(err.Error(), "valid client certificate") {
		return "the server wants a certificate of ours: " + map[string]string{"tls": "tls_cert and tls_key", "sslmode": "sslcert and sslkey"}[mode]
	}
	return ""
}

// aboutPlaintext is about servers that take TLS only, and those that have none.
func (d *dsn) aboutPlaintext(err error) string {
	state, number, message := serverError(err)
	switch {
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "the server has no TLS: turn it on there, or set sslmode=disable if nobody can listen in on the way"
	case errors.Is(err, mysql.ErrNoTLS):
		return "the server has no TLS: turn it on there, or set tls=false if nobody can listen in on the way"
	case state == "28000" && (strings.HasSuffix(message, "no encryption") || strings.HasSuffix(message, "SSL off")):
		return "this connection is not encrypted, and the server takes encrypted ones only, or none from here: " +
			"set sslmode=verify-full (with sslrootcert where its authority is one of your own), or sslmode=require to encrypt without checking the certificate"
	case number == 3159:
		return "the server takes encrypted connections only: set tls=true (with tls_ca where its authority is one of your own), or tls=skip-verify to encrypt without checking the certificate"
	}
	return ""
}

func (d *dsn) aboutLogin(err error) string {
	state, number, message := serverError(err)
	switch {
	case errors.Is(reason(err), ErrLogin) && d.plaintext: // MariaDB says the same to who should have come encrypted
		return "the password of " + d.user + " is another one, or the server has no such user, or it takes encrypted connections only: " +
			"look at user, password and password_file, or set tls=true (with tls_ca where its authority is one of your own)"
	case state == "28P01", number == 1045, number == 1698:
		return "the password of " + d.user + " is another one, or the server has no such user: look at user, password and password_file"
	case state == "28000" && strings.Contains(message, "does not exist"):
		return "make the user with `gatehouse provision`, or look at user"
	case state == "28000" && strings.Contains(message, "not permitted to log in"):
		return "let the user sign in with `gatehouse provision`, or look at user"
	case state == "28000":
		return "the server's pg_hba.conf lets nobody in so: add a line for this user, database and address"
	case state == "53300", number == 1040, number == 1203, number == 1226:
		return "the server gives no more connections: set max_conns lower, for replicas × max_conns × databases must fit, or raise its limit"
	case errors.Is(reason(err), ErrNoDatabase):
		return "make the database with `gatehouse provision`, or look at its name"
	case errors.Is(reason(err), ErrDenied):
		return "give " + d.user + " the right to this database with `gatehouse provision`"
	}
	return ""
}

func aboutNetwork(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "there is no host of this name: look at host"
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the server up, and are host and port right?"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the server does not answer: look at host and port, and at firewalls on the way"
	}
	return ""
}
