package sqldb

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dsn is a data source name taken apart. It is never printed whole.
type dsn struct {
	scheme   string // memory, sqlite, postgres, mysql or cockroach
	user     string
	password string
	network  string // tcp or unix (mysql)
	host     string // host[:port][,host[:port]…], or a socket's path
	name     string // database, or the file of sqlite, or the name of memory
	params   url.Values

	maxConns, maxIdle        int
	maxLifetime, maxIdleTime time.Duration
	hasMaxIdle, hasIdleTime  bool
	hasLifetime              bool
	synchronous              string
	passwordFile             string
	plaintext                bool // TLS is off (mysql)
}

// Forms is what a person is told who wrote a DSN that is none.
const Forms = `use one of
  memory
  sqlite:///var/lib/gatehouse/      (a directory: one file per logical database)
  sqlite:///var/lib/gatehouse/oauth.db
  postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full
  mysql://USER:PASSWORD@HOST:3306/DATABASE
  cockroach://USER:PASSWORD@HOST:26257/DATABASE?sslmode=verify-full`

// schemes maps what people write to what it means.
func scheme(word string) (string, bool) {
	switch strings.ToLower(word) {
	case "memory":
		return "memory", true
	case "sqlite", "sqlite3":
		return "sqlite", true
	case "postgres", "postgresql":
		return "postgres", true
	case "mysql", "mariadb":
		return "mysql", true
	case "cockroach", "cockroachdb", "crdb":
		return "cockroach", true
	}
	return "", false
}

// parseDSN reads all forms. Its errors never hold the password, nor anything of a text that is not
// understood.
func parseDSN(text string) (*dsn, error) {
	d, err := readDSN(text)
	if err != nil {
		return nil, err
	}
	if err := d.own(); err != nil {
		return nil, d.wrong(err)
	}
	return d, nil
}

// readDSN is parseDSN that leaves our parameters among the others.
func readDSN(text string) (*dsn, error) {
	if text == "memory" {
		return &dsn{scheme: "memory", params: url.Values{}}, nil
	}
	word, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, noScheme(text)
	}
	kind, known := scheme(word)
	if !known {
		return nil, unknownScheme(word)
	}
	d := &dsn{scheme: kind}
	var err error
	switch kind {
	case "memory", "sqlite":
		err = d.path(rest)
	default:
		err = d.server(rest)
	}
	if err != nil {
		return nil, d.wrong(err)
	}
	return d, nil
}

// wrong says of which DSN an error is, without the DSN.
func (d *dsn) wrong(err error) error {
	return fmt.Errorf("the database DSN (%s://…): %w", d.scheme, err)
}

func noScheme(text string) error {
	switch {
	case text == "":
		return errors.New("the database DSN is empty; " + Forms)
	case text == ":memory:":
		return errors.New("the database DSN \":memory:\" is written \"memory\" here")
	case strings.Contains(text, "@tcp(") || strings.Contains(text, "@unix("):
		return errors.New("the database DSN has no scheme; put mysql:// before it: mysql://USER:PASSWORD@tcp(HOST:3306)/DATABASE")
	case strings.Contains(text, "host=") || strings.Contains(text, "dbname="):
		return errors.New("the database DSN is a list of keywords; write postgres://USER:PASSWORD@HOST:5432/DATABASE")
	case strings.HasPrefix(text, "sqlite:") || strings.HasPrefix(text, "file:"):
		return errors.New("the database DSN lacks \"//\"; write sqlite://PATH, for example sqlite:///var/lib/gatehouse/")
	default:
		return errors.New("the database DSN has no scheme; " + Forms)
	}
}

// unknownScheme names what may have been meant. A long or odd word may be part of a secret, so it is not
// repeated.
func unknownScheme(word string) error {
	shown := ""
	if len(word) <= 16 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") == "" {
		shown = " " + strconv.Quote(word)
	}
	meant := ""
	switch lower := strings.ToLower(word); {
	case strings.HasPrefix(lower, "p"):
		meant = "; did you mean postgres://?"
	case strings.HasPrefix(lower, "m"):
		meant = "; did you mean mysql://?"
	case strings.HasPrefix(lower, "c"):
		meant = "; did you mean cockroach://?"
	case strings.HasPrefix(lower, "s"), strings.HasPrefix(lower, "f"):
		meant = "; did you mean sqlite://?"
	}
	return fmt.Errorf("the database DSN has an unknown scheme%s%s; %s", shown, meant, Forms)
}

// path reads what follows sqlite:// or memory://.
func (d *dsn) path(rest string) error {
	name, query, _ := strings.Cut(rest, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows the ? is not of the form name=value&name=value")
	}
	d.params = params
	d.name = unescape(name)
	if d.scheme == "memory" {
		return nil
	}
	switch {
	case d.name == "":
		return errors.New("the path is missing; write sqlite:///absolute/directory/ or sqlite://relative/file.db")
	case d.name == ":memory:" || strings.Contains(query, "mode=memory"):
		return errors.New("a database in memory is written \"memory\" here")
	case strings.ContainsRune(d.name, 0):
		return errors.New("the path holds a NUL byte")
	}
	return nil
}

// hostForm is what may follow the @ of a server: hosts, tcp(…) or unix(…), then the database, then parameters.
// A database name with "/", "@" or "?" in it has to be written with percent signs.
var hostForm = regexp.MustCompile(`^(?:(tcp|unix)\(([^()@]*)\)|((?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._%-]*)(?::[0-9]{1,5})?(?:,(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)*))(?:/([^/@?#]*))?(?:\?([^?#]*))?$`)

// server reads user:password@host:port/database?parameters. A password may hold any character as it is, so
// the @ that ends it is the one after which a host is readable; where two are, the text is refused.
func (d *dsn) server(rest string) error {
	at, match := -1, []string(nil)
	for i := range len(rest) {
		if rest[i] != '@' {
			continue
		}
		m := hostForm.FindStringSubmatch(rest[i+1:])
		if m == nil {
			continue
		}
		if match != nil {
			return errors.New("it is not clear which @ ends the password; write every @ that is part of a name, password or parameter as %40")
		}
		at, match = i, m
	}
	if match == nil {
		if strings.Contains(rest, "@") {
			return d.help("what follows the @ is no host and database (write special characters of the database's name with percent signs)")
		}
		if match = hostForm.FindStringSubmatch(rest); match == nil {
			return d.help("this is no host and database")
		}
	}
	if at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		d.user, d.password = unescape(user), unescape(password)
	}
	d.network, d.host = match[1], match[2]
	if d.network == "" {
		d.network, d.host = "tcp", match[3]
	}
	d.name = unescape(match[4])
	params, err := url.ParseQuery(match[5])
	if err != nil {
		return errors.New("what follows the ? is not of the form name=value&name=value")
	}
	d.params = params
	return d.complete()
}

func (d *dsn) complete() error {
	switch {
	case d.name == "" && d.params.Get("dbname") == "":
		return d.help("the database's name is missing")
	case d.user == "" && d.scheme != "postgres" && d.scheme != "cockroach":
		return d.help("the user is missing")
	case d.scheme != "mysql" && d.network == "unix":
		return errors.New("a socket is written as a parameter: ?host=/var/run/postgresql")
	case d.network == "unix" && !strings.HasPrefix(d.host, "/"):
		return errors.New("the path of a socket begins with /, as in unix(/run/mysqld/mysqld.sock)")
	}
	for _, c := range []string{d.user, d.password, d.name, d.host} {
		if strings.ContainsRune(c, 0) {
			return errors.New("it holds a NUL byte")
		}
	}
	return nil
}

// help ends an error with the right form.
func (d *dsn) help(what string) error {
	port := map[string]string{"postgres": "5432", "mysql": "3306", "cockroach": "26257"}[d.scheme]
	return fmt.Errorf("%s; write %s://USER:PASSWORD@HOST:%s/DATABASE", what, d.scheme, port)
}

// Unescape replaces %XX; a percent sign that no two hexadecimal digits follow stands for itself.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
