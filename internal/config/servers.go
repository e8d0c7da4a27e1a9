package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// serverGroup is one of the groups postgres, mysql and cockroach that gives all four addresses.
type serverGroup struct {
	path   string // its key
	scheme string
	DatabaseServer
	tls []setting // what is said about TLS, by the names that are the group's keys and the address's parameters
}

type setting struct{ name, value string }

// groups gives the three groups in the order of the document.
func (d *Databases) groups() []serverGroup {
	pg := func(s PostgresServer) []setting {
		return []setting{{"sslmode", s.SSLMode}, {"sslrootcert", s.SSLRootCert}, {"sslcert", s.SSLCert}, {"sslkey", s.SSLKey}}
	}
	my := d.MySQL
	return []serverGroup{
		{"databases.postgres", "postgres", d.Postgres.DatabaseServer, pg(d.Postgres)},
		{"databases.mysql", "mysql", my.DatabaseServer, []setting{
			{"tls", string(my.TLS)}, {"tls_ca", my.TLSCA}, {"tls_cert", my.TLSCert}, {"tls_key", my.TLSKey},
		}},
		{"databases.cockroach", "cockroach", d.Cockroach.DatabaseServer, pg(d.Cockroach)},
	}
}

// writtenGroups gives the groups of which anything is written.
func (c *Config) writtenGroups() []serverGroup {
	return slices.DeleteFunc(c.Databases.groups(), func(g serverGroup) bool {
		for path := range c.origins {
			if path != g.path && within(path, g.path) {
				return false
			}
		}
		return true
	})
}

// writtenGroup gives the group that is in use, or nil.
func (c *Config) writtenGroup() *serverGroup {
	if all := c.writtenGroups(); len(all) > 0 {
		return &all[0]
	}
	return nil
}

// login gives the user of a logical database, and the key that names him.
func (g *serverGroup) login(logical string) (login DatabaseUser, path string) {
	if own := g.Users.of(logical); own != (DatabaseUser{}) {
		return own, g.path + ".users." + logical
	}
	return DatabaseUser{User: g.User, Password: g.Password, PasswordFile: g.PasswordFile}, g.path
}

// address gives the address of a logical database.
func (g *serverGroup) address(logical string) sqldb.Address {
	login, _ := g.login(logical)
	a := sqldb.Address{
		Scheme: g.scheme, User: login.User, Password: login.Password.Reveal(), Host: g.hosts(), Database: g.Names.of(logical),
		Params: url.Values{},
	}
	for name, value := range g.Parameters {
		a.Params.Set(name, value.Reveal())
	}
	if login.PasswordFile != "" {
		a.Params.Set("password_file", login.PasswordFile)
	}
	if strings.HasPrefix(g.Host, "/") {
		if g.scheme != "mysql" {
			a.Params.Set("port", strconv.Itoa(g.Port)) // it is part of the socket's name
		}
		return a
	}
	for _, s := range g.tls {
		if s.value != "" {
			a.Params.Set(s.name, s.value)
		}
	}
	return a
}

// hosts gives every host with the port, or the socket.
func (g *serverGroup) hosts() string {
	if strings.HasPrefix(g.Host, "/") {
		return g.Host
	}
	hosts := strings.Split(g.Host, ",")
	for i, host := range hosts {
		hosts[i] = net.JoinHostPort(strings.Trim(strings.TrimSpace(host), "[]"), strconv.Itoa(g.Port))
	}
	return strings.Join(hosts, ",")
}

// checkGroups reports what stands beside each other and must not, and what is wrong within the group that is in use.
func (c *Config) checkGroups(faults *Faults) {
	written := c.writtenGroups()
	for i, g := range written {
		if i > 0 {
			c.fault(faults, g.path, "stands beside %s, and all four databases are on one server: write one of the two", written[0].path)
		}
	}
	if len(written) == 0 {
		return
	}
	g := written[0]
	for _, explicit := range append([]Logical{{"dsn", c.Databases.DSN}}, c.Databases.All()...) {
		path := "databases." + explicit.Name
		if explicit.DSN != "" && c.derived[path] == "" {
			c.fault(faults, path, "stands beside %s, which gives this address too: write one of the two", g.path)
		}
	}
	for _, wrong := range g.faults() {
		c.fault(faults, wrong.Path, "%s", wrong.Message)
	}
}

// hostName is the form of a name in DNS, and of an IPv4 address.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// isHost tells whether text is a name or an IP address, alone.
func isHost(text string) bool {
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return err == nil || hostName.MatchString(text)
}

// faults says what is wrong within a group.
func (g *serverGroup) faults() (found []Fault) {
	add := func(key, format string, a ...any) {
		found = append(found, Fault{Path: g.path + "." + key, Message: fmt.Sprintf(format, a...)})
	}
	switch {
	case g.Host == "":
		add("host", "is missing: write the name or IP address of the server")
	case strings.HasPrefix(g.Host, "/"):
		if strings.ContainsAny(g.Host, "()@?#") {
			add("host", "must be the path of a socket without any of ( ) @ ? #")
		}
	default:
		for host := range strings.SplitSeq(g.Host, ",") {
			if !isHost(strings.TrimSpace(host)) {
				add("host", "must be a host name, an IP address or the path of a socket, without a scheme and without the port, which has a key of its own")
			}
		}
		if g.scheme == "mysql" && strings.Contains(g.Host, ",") {
			add("host", "must be one host for MySQL")
		}
	}
	return append(append(append(found, g.loginFaults()...), g.nameFaults()...), g.parameterFaults()...)
}

func (g *serverGroup) loginFaults() (found []Fault) {
	seen := map[string]bool{}
	for _, logical := range logicalNames() {
		login, path := g.login(logical)
		if seen[path] {
			continue
		}
		seen[path] = true
		switch {
		case login.User == "":
			found = append(found, Fault{Path: path + ".user", Message: "is missing: write the user that signs in to the databases"})
		case longer(g.scheme, login.User, 63, 80):
			found = append(found, Fault{Path: path + ".user", Message: "is longer than the server keeps"})
		case strings.ContainsRune(login.User+login.Password.Reveal(), 0):
			found = append(found, Fault{Path: path, Message: "holds a NUL byte"})
		}
		if login.Password != "" && login.PasswordFile != "" {
			found = append(found, Fault{Path: path + ".password_file", Message: "stands beside " + path + ".password: write one of the two"})
		}
	}
	return found
}

// nameFaults checks the databases' names: what servers cut off or do not take, and one database for two users.
func (g *serverGroup) nameFaults() (found []Fault) {
	owners := map[string]string{}
	for _, logical := range logicalNames() {
		path, name := g.path+".names."+logical, g.Names.of(logical)
		login, _ := g.login(logical)
		owner, taken := owners[name]
		switch {
		case name == "":
			found = append(found, Fault{Path: path, Message: "must name a database"})
		case strings.ContainsRune(name, 0), !utf8.ValidString(name):
			found = append(found, Fault{Path: path, Message: "must be text without a NUL byte"})
		case longer(g.scheme, name, 63, 64):
			found = append(found, Fault{Path: path, Message: "is longer than the server keeps (63 bytes, on MySQL 64 characters)"})
		case g.scheme == "mysql" && (strings.HasSuffix(name, " ") || strings.ContainsFunc(name, func(r rune) bool { return r > 0xFFFF })):
			found = append(found, Fault{Path: path, Message: "ends with a blank or holds characters beyond U+FFFF, which MySQL does not take in a name"})
		case taken && owner != login.User:
			found = append(found, Fault{Path: path, Message: "is a name that another database has too, and the two have different users"})
		}
		owners[name] = login.User
	}
	return found
}

// longer tells whether a name is longer than servers keep: bytes on PostgreSQL, characters on MySQL.
func longer(scheme, name string, bytes, characters int) bool {
	if scheme == "mysql" {
		return utf8.RuneCountInString(name) > characters
	}
	return len(name) > bytes
}

// parameterFaults checks TLS and the parameters.
func (g *serverGroup) parameterFaults() (found []Fault) {
	add := func(key, message string) {
		found = append(found, Fault{Path: g.path + "." + key, Message: message})
	}
	modes, checking := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, []string{"verify-ca", "verify-full"}
	if g.scheme == "mysql" {
		modes, checking = []string{"true", "false", "preferred", "skip-verify"}, []string{"true"}
	}
	mode, ca, cert, key := g.tls[0], g.tls[1], g.tls[2], g.tls[3]
	switch {
	case !slices.Contains(modes, mode.value):
		add(mode.name, "must be one of "+strings.Join(modes, ", "))
	case ca.value != "" && !slices.Contains(checking, mode.value):
		add(ca.name, fmt.Sprintf("is read only where the certificate is checked: set %s to %s, or leave it out", mode.name, strings.Join(checking, " or ")))
	case cert.value != "" && slices.Contains([]string{"disable", "false"}, mode.value):
		add(cert.name, "is not sent without TLS, and "+mode.name+" is "+mode.value)
	}
	if (cert.value == "") != (key.value == "") {
		add(cert.name, "and "+key.name+" go together")
	}
	own := []string{"user", "password", "password_file", "host", "port", "dbname", mode.name, ca.name, cert.name, key.name}
	for _, name := range slices.Sorted(maps.Keys(g.Parameters)) {
		if slices.Contains(own, name) {
			add("parameters."+name, "has a key of its own in this group or is no parameter")
		}
	}
	if len(found) == 0 && g.Host != "" && g.User != "" {
		if _, err := sqldb.Parse(g.address("management").DSN()); err != nil {
			_, why, _ := strings.Cut(err.Error(), "): ")
			found = append(found, Fault{Path: g.path, Message: why})
		}
	}
	return found
}

func logicalNames() []string { return []string{"management", "oauth", "activity", "flow"} }
