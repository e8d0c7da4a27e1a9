package sqldb

import (
	"maps"
	"net/url"
	"strings"
)

// Address is a DSN in its parts. Names and passwords may hold every character but NUL. It is never printed: it holds the
// password.
type Address struct {
	// Scheme is postgres, mysql or cockroach; Parse also gives sqlite and memory.
	Scheme string
	// User and Password sign in. A password that is in a file is named by the parameter password_file instead.
	User, Password string
	// Host is host, host:port, several of them with commas between (PostgreSQL), or the path of a socket, which begins with
	// a slash.
	Host string
	// Database is the database's name; of sqlite the path.
	Database string
	// Params are the parameters, ours and the driver's.
	Params url.Values
}

// Parse takes a DSN apart. Its errors hold nothing of a password.
func Parse(text string) (Address, error) {
	d, err := readDSN(text)
	if err != nil {
		return Address{}, err
	}
	a := Address{Scheme: d.scheme, User: d.user, Password: d.password, Host: d.host, Database: d.name, Params: d.params}
	return a, nil
}

// DSN puts the parts together: Parse gives the same ones back.
func (a Address) DSN() string {
	if a.Scheme == "memory" && a.Database == "" {
		return "memory"
	}
	host, params := a.Host, a.Params
	if strings.HasPrefix(host, "/") {
		if a.Scheme == "mysql" {
			host = "unix(" + host + ")"
		} else {
			params = maps.Clone(params)
			if params == nil {
				params = url.Values{}
			}
			params.Set("host", host)
			host = ""
		}
	}
	var b strings.Builder
	b.WriteString(a.Scheme + "://")
	if a.User != "" || a.Password != "" {
		b.WriteString(escape(a.User, ""))
		if a.Password != "" {
			b.WriteString(":" + escape(a.Password, ""))
		}
		b.WriteByte('@')
	}
	b.WriteString(host)
	if a.Scheme == "sqlite" || a.Scheme == "memory" {
		b.WriteString(escape(a.Database, "/"))
	} else {
		b.WriteString("/" + escape(a.Database, ""))
	}
	if len(params) > 0 {
		b.WriteString("?" + params.Encode())
	}
	return b.String()
}

// Socket reports whether the server is reached by a file of this machine, where TLS means nothing.
func (a Address) Socket() bool {
	return strings.HasPrefix(a.Host, "/") || a.Host == "" && strings.HasPrefix(a.Params.Get("host"), "/")
}

// ReadPassword gives the password, from its file where it is in one.
func (a Address) ReadPassword() (string, error) {
	if file := a.Params.Get("password_file"); file != "" {
		return readPassword(file)
	}
	if a.Password == "" && a.Scheme != "mysql" {
		return a.Params.Get("password"), nil
	}
	return a.Password, nil
}

// As gives the address of the same server for a login and another database, without what concerns only the pool of the first
// one; its certificate goes with its user.
func (a Address) As(user, password, database string) Address {
	params := url.Values{}
	for name, values := range a.Params {
		switch name {
		case "password", "password_file", "user", "dbname", "max_conns", "max_idle_conns", "max_conn_lifetime", "max_conn_idle_time", "search_path":
		case "sslcert", "sslkey", "sslpassword", "tls_cert", "tls_key":
			if user == a.User {
				params[name] = values
			}
		default:
			params[name] = values
		}
	}
	return Address{Scheme: a.Scheme, User: user, Password: password, Host: a.Host, Database: database, Params: params}
}

// Verified gives the address with TLS that checks the server's certificate and name, where nothing is said about TLS.
func (a Address) Verified() Address {
	name, value := "sslmode", "verify-full"
	switch a.Scheme {
	case "sqlite", "memory":
		return a
	case "mysql":
		name, value = "tls", "true"
	}
	if a.Params.Get(name) != "" || a.Socket() {
		return a
	}
	params := maps.Clone(a.Params)
	if params == nil {
		params = url.Values{}
	}
	params.Set(name, value)
	a.Params = params
	return a
}

// escape writes every byte but letters, digits and a few harmless ones as %XX. safe are more that stay.
func escape(s, safe string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~"+safe, c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
