package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// DSN is the address of a database. It prints without its password and without parameters that are not known to be
// harmless; only Reveal gives it whole.
type DSN string

// schemes are the databases that can be spoken to, "memory" apart.
var schemes = []string{
	"memory", "sqlite", "sqlite3", "postgres", "postgresql", "mysql", "mariadb", "cockroach", "cockroachdb", "crdb",
}

// harmless are the parameters that are shown with their values.
var harmless = []string{
	"sslmode", "tls", "max_conns", "max_idle_conns", "max_conn_lifetime", "max_conn_idle_time", "connect_timeout", "timeout",
	"charset", "collation", "parseTime", "loc", "mode", "synchronous", "cache", "_fk", "application_name", "search_path", "target_session_attrs",
}

// Reveal gives the address with its password.
func (d DSN) Reveal() string { return string(d) }

// Memory tells whether the database lives in this process's memory only.
func (d DSN) Memory() bool { return d.scheme() == "memory" }

// scheme gives what stands before "://" in lower case, "memory" for that word alone, or "".
func (d DSN) scheme() string {
	scheme, _, found := strings.Cut(string(d), "://")
	if !found && d != "memory" {
		return ""
	}
	return strings.ToLower(scheme)
}

// Redacted gives the address as it may be shown. What it cannot take apart it does not show at all.
func (d DSN) Redacted() string {
	scheme := d.scheme()
	switch {
	case d == "" || d == "memory":
		return string(d)
	case !slices.Contains(schemes, scheme):
		return secret.Redacted
	}
	rest := string(d)[len(scheme)+len("://"):]
	user := ""
	// Passwords are often written without escaping, with any of / ? # @ in them: all up to the last @ is the user.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, rest = redactUser(rest[:at]), rest[at+1:]
	}
	place, query, _ := strings.Cut(rest, "?")
	place, _, _ = strings.Cut(place, "#")
	// Without a user there is no mark by which to tell user:password from host:port, so only a clear case is shown.
	if user == "" && !strings.HasPrefix(scheme, "sqlite") && !plainHost(place) {
		place = secret.Redacted
	}
	return scheme + "://" + user + place + redactQuery(query)
}

// redactUser shows the user's name when it is a plain one.
func redactUser(userinfo string) string {
	name, _, hasPassword := strings.Cut(userinfo, ":")
	if !plain(name, "-_.%") {
		name = secret.Redacted
	}
	if hasPassword {
		name += ":" + secret.Redacted
	}
	return name + "@"
}

// plainHost tells whether the part before the first slash is a host with a numeric port, or several of them.
func plainHost(place string) bool {
	hosts, _, _ := strings.Cut(place, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, found := strings.Cut(host, ":")
		if inside, bracket := strings.CutPrefix(host, "["); bracket { // an IPv6 address
			name, port, found = strings.Cut(inside, "]:")
			name = strings.TrimSuffix(strings.ReplaceAll(name, ":", ""), "]")
		}
		if !plain(name, "-._") || found && strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	return true
}

// plain tells whether s holds only letters, digits and the other characters given.
func plain(s, others string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(others, c) {
			return false
		}
	}
	return true
}

// redactQuery shows the names of all parameters and the values of those that are harmless.
func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.FieldsFunc(query, func(c rune) bool { return c == '&' || c == ';' || c == '#' })
	for i, part := range parts {
		name, value, found := strings.Cut(part, "=")
		switch {
		case !plain(name, "-_.") || !found:
			parts[i] = secret.Redacted
		case !slices.Contains(harmless, name) || !plain(value, "-_.,%"):
			parts[i] = name + "=" + secret.Redacted
		}
	}
	return "?" + strings.Join(parts, "&")
}

// fault says what is wrong with the form of the address, "" when nothing is.
func (d DSN) fault() string {
	const forms = "write memory, sqlite:///path/to/file.db, sqlite:///path/to/directory/, postgres://user:password@host:5432/database, mysql://user:password@host:3306/database or cockroach://user:password@host:26257/database"
	scheme := d.scheme()
	switch {
	case scheme == "memory":
		return "" // its name is its own
	case scheme == "":
		return "is not the address of a database: " + forms
	case !slices.Contains(schemes, scheme):
		if plain(scheme, "+-.") {
			return fmt.Sprintf("%q is not a database that is supported: %s", scheme, forms)
		}
		return "is not the address of a database: " + forms
	case len(d) == len(scheme)+len("://"):
		return "names no database: " + forms
	}
	return ""
}

// logical gives the address of one logical database at an address for all: a directory of SQLite holds a file for each,
// every other database holds them all.
func (d DSN) logical(name string) DSN {
	if !strings.HasPrefix(d.scheme(), "sqlite") {
		return d
	}
	path, query, found := strings.Cut(string(d), "?")
	if !strings.HasSuffix(path, "/") {
		if filepath.Ext(path) != "" {
			return d
		}
		path += "/"
	}
	path += name + ".db"
	if found {
		path += "?" + query
	}
	return DSN(path)
}

// verified gives the address with TLS that checks whom it speaks to, where nothing is said about TLS.
func (d DSN) verified() DSN {
	a, err := sqldb.Parse(string(d))
	if err != nil {
		return d // whoever opens it says what is wrong
	}
	if v := a.Verified(); len(v.Params) != len(a.Params) {
		return DSN(v.DSN())
	}
	return d
}

// sqliteFile gives the address of a SQLite file.
func sqliteFile(path string) DSN {
	return DSN("sqlite://" + (&url.URL{Path: path}).EscapedPath())
}

// String gives Redacted.
func (d DSN) String() string { return d.Redacted() }

// GoString gives Redacted for %#v.
func (d DSN) GoString() string { return d.Redacted() }

// Format gives Redacted for every verb.
func (d DSN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.Redacted()) }

// LogValue gives Redacted to slog.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.Redacted()) }

// MarshalText gives Redacted, to JSON and YAML too.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.Redacted()), nil }
