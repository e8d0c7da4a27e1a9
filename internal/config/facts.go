package config

import (
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Facts says what package harden judges, without a secret. faults are what Draft found; subject names the configuration.
func (c *Config) Facts(now time.Time, subject string, faults Faults) *harden.Facts {
	f := &harden.Facts{
		Subject: subject, Profile: string(c.Profile), Read: now, Databases: c.databaseFacts(), Secrets: c.secretFacts(),
		Listeners: c.listenerFacts(), MailTLS: c.Courier.SMTP.TLS(), Accepted: c.Harden.Accept,
	}
	for _, fault := range faults {
		found := harden.Found{Path: fault.Path, Detail: fault.Message}
		if fault.Where != "" {
			found.Detail += " (" + fault.Where + ")"
		}
		f.Faults = append(f.Faults, found)
	}
	asked := harden.Asked()
	c.each(func(k key, v reflect.Value) {
		if asked(k.path) {
			f.Settings = append(f.Settings, harden.Setting{Key: k.path, Values: valuesOf(v), Written: c.writtenAt(k.path)})
		}
	})
	return f
}

// Critical says what about a configuration keeps a server in the production profile from starting: the critical findings that the
// configuration does not accept, each with its key, but for those about what told tells already. In the development profile there are
// none.
func (c *Config) Critical(now time.Time, told Faults) Faults {
	if !c.Production() {
		return nil
	}
	var faults Faults
	for _, f := range harden.Judge(now, nil, c.Facts(now, "", nil)).Findings {
		if f.Severity == harden.Critical && f.Accepted == nil && !told.about(f.Path) && !faults.about(f.Path) {
			faults.add(f.Path, c.whence(f.Path), "%s. %s: %s Or accept %s with a reason in harden.accept", f.Detail, f.Title, f.How, f.Check)
		}
	}
	return faults
}

// writtenAt says where a key, or the one it follows from, was written; "" where it is a default.
func (c *Config) writtenAt(path string) string {
	if from, derived := c.derived[path]; derived {
		path = from
	}
	return c.origins[path].String()
}

// valuesOf gives a value as it would be written, a list item by item.
func valuesOf(v reflect.Value) []string {
	v = reflect.Indirect(v)
	if !v.IsValid() {
		return nil
	}
	if v.Kind() == reflect.Slice {
		var all []string
		for i := range v.Len() {
			all = append(all, written(v.Index(i)))
		}
		return all
	}
	if s := written(v); s != "" {
		return []string{s}
	}
	return nil
}

func (c *Config) databaseFacts() []harden.Database {
	var all []harden.Database
	for _, db := range c.Databases.All() {
		path := "databases." + db.Name
		if from := c.derived[path]; from != "" {
			path = from
		}
		a, err := sqldb.Parse(string(db.DSN))
		if err != nil {
			continue // whoever opens it says what is wrong
		}
		all = append(all, harden.Database{
			Path: path, Name: db.Name, Kind: a.Scheme, Place: placeOf(a), User: a.User, Near: a.Socket() || loopback(a.Host), TLS: tlsOf(a),
		})
	}
	return all
}

// placeOf says where a database is: at a server, or in a directory.
func placeOf(a sqldb.Address) string {
	if a.Scheme != "sqlite" {
		return a.Host
	}
	dir := a.Database
	if filepath.Ext(dir) != "" && !strings.HasSuffix(dir, "/") { // a file
		dir = filepath.Dir(dir)
	}
	if at, err := filepath.Abs(dir); err == nil {
		return at
	}
	return dir
}

// loopback tells whether all hosts of an address are this machine.
func loopback(hosts string) bool {
	if hosts == "" {
		return true
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// tlsOf says what an address asks of connections, in package harden's words.
func tlsOf(a sqldb.Address) string {
	switch a.Scheme {
	case "mysql":
		return map[string]string{"": "maybe", "false": "none", "preferred": "maybe", "skip-verify": "unchecked", "true": "full"}[a.Params.Get("tls")]
	case "postgres", "cockroach":
		return map[string]string{
			"": "maybe", "disable": "none", "allow": "maybe", "prefer": "maybe", "require": "unchecked", "verify-ca": "authority", "verify-full": "full",
		}[a.Params.Get("sslmode")]
	}
	return ""
}

// listenerFacts are the ports that the server opens, each with what it is for and what protects it.
func (c *Config) listenerFacts() []harden.Listener {
	list := []harden.Listener{
		c.listener("public", c.Serve.Public, "browsers and applications: OAuth 2.0, OpenID Connect, self-service and pages",
			"sign-in, client authentication and limits by address", "without it nobody signs in; it is always open"),
		c.listener("admin", c.Serve.Admin.Config, "the administration APIs and metrics", c.adminGuard(),
			"without it nobody administrates; it is always open"),
	}
	for _, d := range []struct {
		name, purpose, guard string
		door                 Door
	}{
		{"proxy", "requests to applications, which are passed on", "access rules: what none allows is refused", c.Serve.Proxy},
		{"decisions", "proxies that ask whether a request may pass", "access rules; X-Forwarded- headers are believed from trusted_proxies alone", c.Serve.Decisions},
		{"ext_authz", "Envoy, by ext_authz over gRPC", "access rules; whoever reaches it may ask", c.Serve.ExtAuthz},
	} {
		if d.door.Enabled {
			list = append(list, c.listener(d.name, d.door.Config, d.purpose, d.guard, "serve."+d.name+".enabled is true"))
		}
	}
	return list
}

func (c *Config) listener(name string, l web.Config, purpose, guard, why string) harden.Listener {
	transport := "plain HTTP"
	switch {
	case l.TLS.CertFile != "":
		transport = "TLS"
	case len(l.TLS.TerminatedBy) > 0:
		transport = "TLS at a proxy in " + strings.Join(l.TLS.TerminatedBy, ", ")
	case strings.HasPrefix(l.Address, "unix:"):
		transport = "the rights of its file"
	case l.Local():
		transport = "its address, which this machine alone reaches"
	}
	f := harden.Listener{Name: name, Address: l.Address, Local: l.Local(), Purpose: purpose, Guard: transport + "; " + guard, Why: why}
	if l.TLS.CertFile != "" {
		f.Certificate, f.Unread = readCertificate(l)
	}
	return f
}

// adminGuard says what the admin listener asks for.
func (c *Config) adminGuard() string {
	if c.Development() && len(c.Secrets.Admin) == 0 {
		return "nothing: it asks for no credential"
	}
	ways := []string{"an admin key"}
	if len(c.Serve.Admin.Certificates) > 0 {
		ways = append(ways, "a client certificate")
	}
	if c.Serve.Admin.OAuth.Enabled() {
		ways = append(ways, "an access token with an admin scope")
	}
	return strings.Join(ways, " or ") + ", and roles"
}
