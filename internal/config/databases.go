package config

import (
	"path/filepath"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Databases are the addresses of the four logical databases. An address is memory (nothing is kept; development only),
// sqlite:///path/to/file.db, sqlite:///path/to/directory/ (a file for each database), postgres://user:password@host:5432/database, mysql://user:password@host:3306/database or
// cockroach://user:password@host:26257/database. The parameters max_conns, max_idle_conns, max_conn_lifetime and
// max_conn_idle_time bound the pool; others go to the driver. One of the groups postgres, mysql and cockroach gives all four
// addresses at once instead. Where an address says nothing of TLS, production adds sslmode=verify-full or tls=true.
type Databases struct {
	// DSN is the address of every database that has none of its own. Default: none, so each is a SQLite file in
	// data_dir.
	DSN DSN `yaml:"dsn"`
	// Management is the database of tenants, identities, sessions, access rules and admin keys. Default: the value of
	// databases.dsn, else management.db in data_dir.
	Management DSN `yaml:"management"`
	// OAuth is the database of clients, grants, tokens, consents and signing keys. Default: the value of
	// databases.dsn, else oauth.db in data_dir.
	OAuth DSN `yaml:"oauth"`
	// Activity is the database of the audit log. Default: the value of databases.dsn, else activity.db in data_dir.
	Activity DSN `yaml:"activity"`
	// Flow is the database of decisions at the gateway. Default: the value of databases.dsn, else flow.db in data_dir.
	Flow DSN `yaml:"flow"`
	// Postgres is a PostgreSQL server that holds all four databases. It gives their addresses, so it stands instead of those,
	// and instead of mysql and cockroach.
	Postgres PostgresServer `yaml:"postgres"`
	// MySQL is a MySQL or MariaDB server that holds all four databases. It gives their addresses, so it stands instead of
	// those, and instead of postgres and cockroach.
	MySQL MySQLServer `yaml:"mysql"`
	// Cockroach is a CockroachDB cluster that holds all four databases. It gives their addresses, so it stands instead of
	// those, and instead of postgres and mysql.
	Cockroach PostgresServer `yaml:"cockroach"`
	// Provisioning is the login with which `gatehouse provision` makes users and databases; the server itself does not use it.
	Provisioning Provisioning `yaml:"provisioning"`
	// AutoMigrate brings the schemas up to date when the server starts, under a lock, so that any number of servers may
	// start at once. Default: true. With false, a server on an older schema is not ready and says to run `gatehouse
	// migrate up`: for those who give the server's database user no right to change tables, or who review the SQL first.
	AutoMigrate bool `yaml:"auto_migrate"`
	// MaxStaleness is how long a server that cannot read what others changed still believes what it remembers of tokens, sessions, clients
	// and keys; then it asks the database for each, and refuses where that does not answer. More bridges a failover, and lets a token
	// that another server revoked meanwhile pass for as long, an admin key too. While it can read them, it hears of a change within a
	// second. Default: 1s, the most is 1m.
	MaxStaleness time.Duration `yaml:"max_staleness" default:"1s" min:"1s" max:"1m"`
}

// Logical is one of the four logical databases with its address.
type Logical struct {
	Name string
	DSN  DSN
}

// All gives the four logical databases.
func (d Databases) All() []Logical {
	return []Logical{{"management", d.Management}, {"oauth", d.OAuth}, {"activity", d.Activity}, {"flow", d.Flow}}
}

// DatabaseServer is what the groups of all kinds of servers have in common.
type DatabaseServer struct {
	// Host is the server's name or IP address, or the path of its socket, which begins with a slash. PostgreSQL takes several
	// names with commas between: the first one that lets us in is used. A group is in use when it has a host. Default: none.
	Host string `yaml:"host"`
	// Port is the port of every host. Default: 5432 for postgres, 3306 for mysql, 26257 for cockroach.
	Port int `yaml:"port" min:"1" max:"65535"`
	// User signs in to every database that has no user of its own in users. Default: none; it must be written.
	User string `yaml:"user"`
	// Password is the password of the user; it may hold any characters. Default: none, for servers that know us by a
	// certificate or socket.
	Password secret.String `yaml:"password"`
	// PasswordFile is the file that holds the password. It is read for each new connection, so that a password that was changed
	// (a Kubernetes Secret) or one that lives for minutes (a cloud's token) needs no restart. Default: none.
	PasswordFile string `yaml:"password_file"`
	// Names are the names of the databases on the server. Equal names put several logical databases into one.
	Names DatabaseNames `yaml:"names"`
	// Users are the users of single databases, so that each can be read by its own user alone. Default: none; the one user signs
	// in to all.
	Users DatabaseUsers `yaml:"users"`
	// Parameters are further parameters of the addresses, such as max_conns or application_name. Default: none.
	Parameters map[string]secret.String `yaml:"parameters"`
}

// DatabaseNames are names of databases on a server. They may hold any characters.
type DatabaseNames struct {
	// Management is the name of the management database. Default: gatehouse.
	Management string `yaml:"management" default:"gatehouse"`
	// OAuth is the name of the oauth database. Default: gatehouse_oauth.
	OAuth string `yaml:"oauth" default:"gatehouse_oauth"`
	// Activity is the name of the activity database. Default: gatehouse_activity.
	Activity string `yaml:"activity" default:"gatehouse_activity"`
	// Flow is the name of the flow database. Default: gatehouse_flow.
	Flow string `yaml:"flow" default:"gatehouse_flow"`
}

// DatabaseUsers are the users of single databases.
type DatabaseUsers struct {
	// Management is the user of the management database. Default: none; the group's user.
	Management DatabaseUser `yaml:"management"`
	// OAuth is the user of the oauth database. Default: none; the group's user.
	OAuth DatabaseUser `yaml:"oauth"`
	// Activity is the user of the activity database. Default: none; the group's user.
	Activity DatabaseUser `yaml:"activity"`
	// Flow is the user of the flow database. Default: none; the group's user.
	Flow DatabaseUser `yaml:"flow"`
}

// DatabaseUser is a login at a server of databases.
type DatabaseUser struct {
	// User is the name of the user. Default: none; the group's user and password are used.
	User string `yaml:"user"`
	// Password is the password of this user. Default: none.
	Password secret.String `yaml:"password"`
	// PasswordFile is the file that holds the password; it is read for each new connection. Default: none.
	PasswordFile string `yaml:"password_file"`
}

// PostgresServer is a server that speaks PostgreSQL's protocol.
type PostgresServer struct {
	DatabaseServer `yaml:",inline"`

	// SSLMode says whether connections are encrypted and what is checked, as libpq does: disable (in the clear), allow and
	// prefer (encrypted or in the clear, as it happens), require (encrypted, nothing is checked), verify-ca (the authority is
	// checked), verify-full (authority and host name). Default: verify-full in production, else prefer.
	SSLMode string `yaml:"sslmode" enum:"disable,allow,prefer,require,verify-ca,verify-full"`
	// SSLRootCert is the file of the authorities (PEM) that may have signed the server's certificate, for verify-ca and
	// verify-full. Default: none; those that this machine trusts.
	SSLRootCert string `yaml:"sslrootcert"`
	// SSLCert is the file of our certificate (PEM), for servers that ask for one. Default: none.
	SSLCert string `yaml:"sslcert"`
	// SSLKey is the file of the private key (PEM) of sslcert. Default: none.
	SSLKey string `yaml:"sslkey"`
}

// MySQLServer is a MySQL or MariaDB server.
type MySQLServer struct {
	DatabaseServer `yaml:",inline"`

	// TLS says whether connections are encrypted and what is checked: false (in the clear), preferred (encrypted where the
	// server can, nothing is checked), skip-verify (encrypted, nothing is checked), true (encrypted, authority and host name
	// are checked). Default: true in production, else preferred.
	TLS MySQLTLS `yaml:"tls" enum:"true,false,preferred,skip-verify"`
	// TLSCA is the file of the authorities (PEM) that may have signed the server's certificate, for true. Default: none; those
	// that this machine trusts.
	TLSCA string `yaml:"tls_ca"`
	// TLSCert is the file of our certificate (PEM), for servers that ask for one. Default: none.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is the file of the private key (PEM) of tls_cert. Default: none.
	TLSKey string `yaml:"tls_key"`
}

// MySQLTLS is a mode of TLS. Written true and false, without quotes, are words of it too.
type MySQLTLS string

// UnmarshalText reads the name of a mode; which ones there are is checked with the rest of the group.
func (m *MySQLTLS) UnmarshalText(text []byte) error {
	*m = MySQLTLS(text)
	return nil
}

// Provisioning is the login of whoever may make users and databases.
type Provisioning struct {
	// User is a user of the server who may make databases, and users where some are missing. Default: the user of the
	// management database.
	User string `yaml:"user"`
	// Password is the password of this user. Default: none.
	Password secret.String `yaml:"password"`
	// PasswordFile is the file that holds the password of this user. Default: none.
	PasswordFile string `yaml:"password_file"`
	// Database is the database to sign in to. Default: postgres, defaultdb for CockroachDB, none for MySQL.
	Database string `yaml:"database"`
}

// of gives the value of a logical database.
func (n *DatabaseNames) of(logical string) string {
	return map[string]string{"management": n.Management, "oauth": n.OAuth, "activity": n.Activity, "flow": n.Flow}[logical]
}

// of gives the user of a logical database; its name is empty where the group's is meant.
func (u *DatabaseUsers) of(logical string) DatabaseUser {
	return map[string]DatabaseUser{"management": u.Management, "oauth": u.OAuth, "activity": u.Activity, "flow": u.Flow}[logical]
}

func defaultDatabases(p Profile) Databases {
	names := DatabaseNames{Management: "gatehouse", OAuth: "gatehouse_oauth", Activity: "gatehouse_activity", Flow: "gatehouse_flow"}
	d := Databases{
		Postgres:    PostgresServer{DatabaseServer: DatabaseServer{Port: 5432, Names: names}, SSLMode: "prefer"},
		MySQL:       MySQLServer{DatabaseServer: DatabaseServer{Port: 3306, Names: names}, TLS: "preferred"},
		Cockroach:   PostgresServer{DatabaseServer: DatabaseServer{Port: 26257, Names: names}, SSLMode: "prefer"},
		AutoMigrate: true, MaxStaleness: time.Second,
	}
	if p == Production {
		d.Postgres.SSLMode, d.MySQL.TLS, d.Cockroach.SSLMode = "verify-full", "true", "verify-full"
	}
	return d
}

// deriveDatabases gives each logical database that has no address of its own the one that follows from the rest.
func (c *Config) deriveDatabases() {
	group := c.writtenGroup()
	for name, dsn := range map[string]*DSN{
		"management": &c.Databases.Management, "oauth": &c.Databases.OAuth,
		"activity": &c.Databases.Activity, "flow": &c.Databases.Flow,
	} {
		switch {
		case *dsn != "":
		case c.Databases.DSN != "":
			*dsn = c.Databases.DSN.logical(name)
			c.derived["databases."+name] = "databases.dsn"
		case group != nil:
			*dsn = DSN(group.address(name).DSN())
			c.derived["databases."+name] = group.path
		default:
			*dsn = sqliteFile(filepath.Join(c.DataDir, name+".db"))
			c.derived["databases."+name] = "data_dir"
		}
		if c.Production() {
			*dsn = dsn.verified()
		}
	}
}
