package chart

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// database is where another program kept its data.
type database struct {
	at       string            // the setting that says so
	logical  string            // which of our databases takes its place
	mode     string            // postgres, mysql, cockroach, cloudsql
	host     string            // without port
	port     int               // 0: the usual one
	user     string            //
	names    map[string]string // of our databases, by ours
	secret   string            // an existing Secret with the password, "" where one has to be made
	key      string            // its key
	password string            // the setting that holds the password, "" where it is in secret
	mysql    bool              // Cloud SQL for MySQL
}

var logicals = []string{"management", "oauth", "activity", "flow"}

// all gives each of our databases one name.
func all(name string) map[string]string {
	names := map[string]string{}
	if name != "" {
		for _, l := range logicals {
			names[l] = name
		}
	}
	return names
}

// place takes the first database as where ours are, and of others of the same server their names and users.
func (c *Conversion) place(d database) {
	c.dbs = append(c.dbs, d)
	if len(c.dbs) > 1 {
		c.placeAnother(d)
		return
	}
	c.profile = "production"
	c.set("database.mode", d.mode, d.at)
	if d.host != "" {
		c.set("database.host", d.host, d.at)
	}
	if d.port != 0 {
		c.set("database.port", d.port, d.at)
	}
	if d.user != "" {
		c.set("database.user", d.user, d.at)
	}
	for logical, name := range d.names {
		c.set("database.names."+logical, name, d.at)
	}
	if name := d.names["oauth"]; name != "" && name == d.names["management"] {
		c.decide = append(c.decide, "database.names: all four databases are the one that was there, as its user may have no other. Its tables stay beside ours and are not read.")
	}
	if d.secret == "" {
		d.secret, d.key = "gatehouse-database", "password"
		c.need(d.secret, d.key, c.passwordOf(d))
	}
	c.set("database.existingSecret", d.secret, d.at)
	if d.key != "" && d.key != "password" {
		c.set("database.passwordKey", d.key, d.at)
	}
}

func (c *Conversion) passwordOf(d database) string {
	if d.password == "" {
		return "the password of the database's user"
	}
	return "the password in " + d.password
}

func (c *Conversion) placeAnother(d database) {
	first := c.dbs[0]
	if d.mode != first.mode || d.host != first.host || d.port != first.port {
		c.leave(d.at, "all four databases are on one server, and "+first.at+" says which")
		return
	}
	if name := d.names[d.logical]; name != "" {
		names, _ := c.get("database.names").(map[string]any)
		if names == nil {
			put(c.tree, []string{"database", "names"}, map[string]any{d.logical: name})
		} else {
			names[d.logical] = name
		}
	}
	if d.user != first.user {
		secret := "gatehouse-database-" + d.logical
		c.set("database.users."+d.logical, map[string]any{"user": d.user, "existingSecret": secret}, d.at)
		c.need(secret, "password", c.passwordOf(d))
	}
}

var hostName = regexp.MustCompile(`^[\w.:,\[\]-]+$`)

var optionName = regexp.MustCompile(`^[A-Za-z_.-]+$`)

var mysqlAddress = regexp.MustCompile(`^tcp\(([^)]*)\)$`)

// address takes over the address (DSN) of a database; engine is what it is where its scheme leaves that open.
func (c *Conversion) address(logical, engine, at string, v any) {
	dsn, _ := scalar(v)
	d, options, ok := readAddress(dsn)
	switch {
	case dsn == "memory":
		c.embed(at, "memory")
	case strings.HasPrefix(dsn, "sqlite"):
		c.embed(at, "sqlite")
	case !ok:
		c.leave(at, "it is no address of a database that can be read (postgres://, mysql:// or cockroach://)")
	default:
		if engine != "" && d.mode == "postgres" {
			d.mode = engine
		}
		name := d.names[""]
		d.at, d.logical, d.names, d.password = at, logical, all(name), at
		c.place(d)
		c.options(d, options)
	}
}

// embed says that data is in the server's own pod.
func (c *Conversion) embed(at, mode string) {
	if len(c.dbs) > 0 {
		c.leave(at, "the databases are where "+c.dbs[0].at+" says")
		return
	}
	if c.profile == "" {
		c.profile = "development"
	}
	c.set("database.mode", mode, at)
}

// readAddress takes an address apart. The name of the database stands under "".
func readAddress(dsn string) (database, url.Values, bool) {
	scheme, rest, _ := strings.Cut(dsn, "://")
	mode := map[string]string{"postgres": "postgres", "postgresql": "postgres", "pgx": "postgres", "mysql": "mysql", "cockroach": "cockroach", "cockroachdb": "cockroach"}[scheme]
	// Passwords may hold any character: the last @ before the host ends them.
	at := strings.LastIndexByte(rest, '@')
	if mode == "" {
		return database{}, nil, false
	}
	who, where := rest[:max(at, 0)], rest[at+1:]
	where, query, _ := strings.Cut(where, "?")
	host, name, _ := strings.Cut(where, "/")
	if m := mysqlAddress.FindStringSubmatch(host); m != nil {
		host = m[1]
	}
	options, err := url.ParseQuery(query)
	d := database{mode: mode, names: map[string]string{"": unescape(name)}}
	d.user, _, _ = strings.Cut(who, ":")
	d.user = unescape(d.user)
	d.host, d.port = hostAndPort(host)
	return d, options, err == nil && hostName.MatchString(d.host)
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// hostAndPort splits what may end with a port.
func hostAndPort(s string) (string, int) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		if port, err := strconv.Atoi(s[i+1:]); err == nil && port > 0 && port < 1<<16 {
			return s[:i], port
		}
	}
	return s, 0
}

const authority = "the certificate of the authority that signed the database server's"

// options carries over what an address says behind the question mark.
func (c *Conversion) options(d database, options url.Values) {
	for _, name := range slices.Sorted(keys(options)) {
		v := options.Get(name)
		at := d.at + " (" + name + ")"
		if !optionName.MatchString(name) {
			at = d.at + " (a parameter)" // it may be a piece of a password
		}
		switch name {
		case "sslmode", "tls":
			c.encryption(at, d.mode, v)
		case "sslrootcert":
			c.set("database.tls.caSecret", "gatehouse-database-ca", at)
			c.need("gatehouse-database-ca", "ca.crt", authority)
		case "max_conns", "max_idle_conns", "max_conn_lifetime", "max_conn_idle_time":
			c.set("database.parameters."+name, v, at)
		default:
			c.leave(at, "the server sets this parameter itself, or has no such one: see database.parameters")
		}
	}
}

// encryption carries over how connections are encrypted where that checks the server's certificate; in production all else is a finding
// that is critical.
func (c *Conversion) encryption(at, mode, v string) {
	known := []string{"verify-ca", "verify-full"}
	if mode == "mysql" {
		known = []string{"true"}
	}
	if mode == "cloudsql" {
		c.leave(at, "the Cloud SQL proxy encrypts")
		return
	}
	if !slices.Contains(known, v) {
		c.leave(at, "in production the database server's certificate is checked: give its authority by database.tls.caSecret, or see database.tls.mode")
		return
	}
	c.set("database.tls.mode", v, at)
	if v != "true" {
		c.set("database.tls.caSecret", "gatehouse-database-ca", at)
		c.need("gatehouse-database-ca", "ca.crt", authority)
	}
}
