package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
)

// check reports everything that does not fit, the features' faults with their paths.
func (c *Config) check(faults *Faults) {
	if c.Version != 1 {
		c.fault(faults, "version", "this Gatehouse reads version 1 of the configuration, and this is version %d", c.Version)
	}
	if strings.TrimSpace(c.DataDir) == "" {
		c.fault(faults, "data_dir", "must name a directory")
	}
	c.checkDatabases(faults)
	c.checkSecrets(faults)
	c.section(faults, "secrets.transit", c.Secrets.Transit.Validate())
	if c.Production() && c.Serve.Public.BaseURL == "" {
		c.fault(faults, "serve.public.base_url", "is missing: write the https URL under which browsers reach this server, such as https://login.example.com/")
	}
	c.section(faults, "serve.public", c.Serve.Public.Validate())
	c.section(faults, "serve.admin", c.Serve.Admin.Validate())
	c.section(faults, "log", c.Log.Validate())
	c.section(faults, "tracing", c.Tracing.Validate())
	c.section(faults, "hashing", c.Hashing.Validate())
	c.section(faults, "tenants", c.Tenants.Validate(c.Account.Brand))
	c.section(faults, "keys", c.Keys.Validate())
	c.section(faults, "oauth", c.OAuth.Validate())
	c.section(faults, "identity", c.Identity.Validate())
	c.section(faults, "session", c.Session.Validate())
	c.section(faults, "selfservice", c.SelfService.Validate())
	c.section(faults, "clients", c.Clients.Validate())
	c.section(faults, "courier", c.Courier.Validate())
	c.section(faults, "limits", c.Limits.Validate())
	c.section(faults, "cache", c.Cache.Validate())
	c.checkCache(faults)
	c.section(faults, "account", c.Account.Validate())
	c.section(faults, "activity", c.Activity.Validate())
	c.section(faults, "backup", c.Backup.Validate())
	c.checkDoors(faults)
	c.section(faults, "harden", c.Harden.Validate())
}

// fault adds a fault unless its key is already reported, with the place at which the key or what holds it was written.
func (c *Config) fault(faults *Faults, path, format string, a ...any) {
	if !faults.about(path) {
		faults.add(path, c.whence(path), format, a...)
	}
}

// whence finds where a key was written, or the closest group around it that was; a derived value is where it follows
// from.
func (c *Config) whence(path string) origin {
	for path != "" {
		if from, derived := c.derived[path]; derived {
			path = from
		}
		if at, written := c.origins[path]; written {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return origin{}
}

// relative matches the key at the start of a feature's fault.
var relative = regexp.MustCompile(`^[a-z0-9_]*(\[\d+\])?(\.[a-z0-9_.-]+(\[\d+\])?)*$`)

// section takes over the faults of a feature, each of which begins with its key below the section.
func (c *Config) section(faults *Faults, path string, errs []error) {
	found := make(Faults, 0, len(errs))
	for _, err := range errs {
		at, message := path, err.Error()
		if key, rest, cut := strings.Cut(message, ": "); cut && key != "" && relative.MatchString(key) {
			at, message = join(path, key), rest
		}
		if !faults.about(at) && !found.about(at) {
			found.add(at, c.whence(at), "%s", message)
		}
	}
	slices.SortStableFunc(found, func(a, b Fault) int { return strings.Compare(a.Path, b.Path) })
	*faults = append(*faults, found...)
}

func (c *Config) checkDatabases(faults *Faults) {
	c.checkGroups(faults)
	if p := c.Databases.Provisioning; p.Password != "" && p.PasswordFile != "" {
		c.fault(faults, "databases.provisioning.password_file", "stands beside databases.provisioning.password: write one of the two")
	}
	if wrong := c.Databases.DSN.fault(); c.Databases.DSN != "" && wrong != "" {
		c.fault(faults, "databases.dsn", "%s", wrong)
	}
	for _, db := range c.Databases.All() {
		path := "databases." + db.Name
		if c.derived[path] != "" {
			continue // its fault is that of the key it follows from
		}
		if wrong := db.DSN.fault(); wrong != "" {
			c.fault(faults, path, "%s", wrong)
		}
	}
}

// checkCache refuses a cache that nobody would use: an embedded database belongs to one server.
func (c *Config) checkCache(faults *Faults) {
	if !c.Cache.Shared() {
		return
	}
	for _, db := range c.Databases.All() {
		if (db.Name == "management" || db.Name == "oauth") && (db.DSN.Memory() || strings.HasPrefix(db.DSN.scheme(), "sqlite")) {
			c.fault(faults, "cache.redis.addresses", "names a cache for several servers, and the database %s is embedded, which serves one: take it out, or use PostgreSQL or MariaDB", db.Name)
			return
		}
	}
}

// secretList is a list of secrets with its path and the length that its secrets need.
type secretList struct {
	path  string
	list  []secret.String
	least int
}

// leastAdminKey is the fewest characters of an admin key: unlike the others it is sent over the network.
const leastAdminKey = 32

// secretLists gives the lists that every server needs, and the admin keys.
func (c *Config) secretLists() []secretList {
	return []secretList{
		{"secrets.system", c.Secrets.System, secret.MinLength},
		{"secrets.cookie", c.Secrets.Cookie, secret.MinLength},
		{"secrets.admin", c.Secrets.Admin, leastAdminKey},
	}
}

// checkSecrets asks of every secret its length, and in production that it is there. Whether it is easily guessed is asked by package
// harden.
func (c *Config) checkSecrets(faults *Faults) {
	for _, s := range c.secretLists() {
		if len(s.list) == 0 && c.Production() && s.path != "secrets.admin" {
			c.fault(faults, s.path, "is missing: make one with `openssl rand -base64 32` and keep it where only the server reads it (%s names a file)",
				Variable(s.path)+fileSuffix)
		}
		for j := range s.list {
			if wrong := c.wrongSecret(s, j); wrong != "" {
				c.fault(faults, fmt.Sprintf("%s[%d]", s.path, j), "%s", wrong)
			}
		}
	}
}

// wrongSecret says what is wrong with one secret of a list, "" when nothing is.
func (c *Config) wrongSecret(s secretList, i int) string {
	one := s.list[i]
	switch {
	case transit.Wrapped(one) && s.path == "secrets.admin":
		return "is wrapped by a Transit engine, which admin keys cannot be"
	case transit.Wrapped(one) && c.Secrets.Transit.Address == "":
		return "is wrapped by a Transit engine: say in secrets.transit.address where that is"
	case shorter(one, s.least):
		return fmt.Sprintf("has fewer than %d characters", s.least)
	case slices.Contains(s.list[:i], one):
		return "is in the list a second time"
	}
	return ""
}

// shorter tells whether a secret has fewer characters than that.
func shorter(s secret.String, least int) bool { return utf8.RuneCountInString(s.Reveal()) < least }
