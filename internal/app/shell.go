package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// ShellOptions say which database a shell is for, and what is done there.
type ShellOptions struct {
	// Database is the logical database: management, oauth, activity or flow.
	Database string
	// Write lets the client change what is there; else it may only read.
	Write bool
	// Args are more arguments for the client.
	Args []string
	// In, Out and Err are the client's.
	In       io.Reader
	Out, Err io.Writer
}

// Shell runs the database's own client (psql, mariadb or sqlite3) on a database of the configuration, with its TLS settings, until
// the client ends. The password goes by a file that only this user can read, which is removed at the end, and neither by arguments
// nor by the environment.
func Shell(ctx context.Context, cfg *config.Config, o ShellOptions) error {
	client, cleanUp, err := newShellClient(cfg, o)
	if err != nil {
		return err
	}
	defer cleanUp()
	path, err := client.find()
	if err != nil {
		return err
	}
	//nolint:gosec // what the PATH of whoever calls it has for psql is what it is to run, with his own arguments and no shell between
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, append(client.args, o.Args...)...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = client.environ(os.Environ()), o.In, o.Out, o.Err
	// Ctrl-C is for the client, which ends a query with it, and a terminal sends it to both: it ends ctx and not the client.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				if s != os.Interrupt {
					_ = cmd.Process.Signal(s)
				}
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// shellClient is how a database's own client is called.
type shellClient struct {
	names []string // of programs that will do, the best first
	pkg   string   // Debian's package
	args  []string
	env   map[string]string
	drop  string // variables of the environment that begin so would get in between
}

func newShellClient(cfg *config.Config, o ShellOptions) (c *shellClient, cleanUp func(), err error) {
	all := cfg.Databases.All()
	i := slices.IndexFunc(all, func(l config.Logical) bool { return l.Name == o.Database })
	if i < 0 {
		return nil, nil, fmt.Errorf("there is no database %q: it is one of management, oauth, activity, flow", o.Database)
	}
	if all[i].DSN.Memory() {
		return nil, nil, fmt.Errorf("the database %s is in the memory of its server, which no client can open: `gatehouse data copy` brings it elsewhere", o.Database)
	}
	a, err := sqldb.Parse(all[i].DSN.Reveal())
	if err != nil {
		return nil, nil, fmt.Errorf("databases.%s: %w", o.Database, err)
	}
	if a.Scheme == "sqlite" {
		c, err := sqliteShell(a, o)
		return c, func() {}, err
	}
	password, err := a.ReadPassword()
	if err != nil {
		return nil, nil, fmt.Errorf("databases.%s: %w", o.Database, err)
	}
	dir, err := os.MkdirTemp("", "gatehouse-shell-") // which nobody else may enter
	if err != nil {
		return nil, nil, err
	}
	cleanUp = func() { _ = os.RemoveAll(dir) }
	if a.Scheme == "mysql" {
		c, err = mysqlShell(a, password, dir, o.Write)
	} else {
		c, err = postgresShell(a, password, dir, o.Write)
	}
	if err != nil {
		cleanUp()
	}
	return c, cleanUp, err
}

// find finds the program.
func (c *shellClient) find() (string, error) {
	for _, name := range c.names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed here, and it is the client of this database: install it (on Debian the package %s), or run this command where it is",
		strings.Join(c.names, " or "), c.pkg)
}

// environ is the environment without what would get in between.
func (c *shellClient) environ(all []string) []string {
	if c.drop != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(v string) bool { return strings.HasPrefix(v, c.drop) })
	}
	for name, value := range c.env {
		all = append(all, name+"="+value)
	}
	return all
}

func sqliteShell(a sqldb.Address, o ShellOptions) (*shellClient, error) {
	path := a.Database
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, o.Database+".db")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("databases.%s: there is no database yet: %w", o.Database, err)
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	c := &shellClient{names: []string{"sqlite3"}, pkg: "sqlite3"}
	if !o.Write {
		c.args = append(c.args, "-readonly")
	}
	c.args = append(c.args, path)
	return c, nil
}

// systemAuthorities is where Debian and its relatives keep the authorities that programs trust. This server trusts them where no
// file is named, and the clients would not.
const systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

// libpqParameters are parameters of a DSN that psql understands as well, by the names that it has for them in its environment.
var libpqParameters = map[string]string{
	"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
	"sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS",
	"application_name": "PGAPPNAME", "options": "PGOPTIONS", "krbsrvname": "PGKRBSRVNAME", "channel_binding": "PGCHANNELBINDING",
}

func postgresShell(a sqldb.Address, password, dir string, write bool) (*shellClient, error) {
	env := map[string]string{}
	for name, variable := range libpqParameters {
		if value := a.Params.Get(name); value != "" {
			env[variable] = value
		}
	}
	var hosts, ports []string
	for host := range strings.SplitSeq(a.Host, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			name, port = strings.Trim(host, "[]"), ""
		}
		hosts, ports = append(hosts, name), append(ports, port)
	}
	set := func(variable, value string) {
		if strings.Trim(value, ",") != "" {
			env[variable] = value
		}
	}
	set("PGHOST", strings.Join(hosts, ","))
	set("PGPORT", strings.Join(ports, ","))
	set("PGUSER", a.User)
	set("PGDATABASE", a.Database)
	if strings.HasPrefix(env["PGSSLMODE"], "verify-") && env["PGSSLROOTCERT"] == "" {
		if _, err := os.Stat(systemAuthorities); err == nil {
			env["PGSSLROOTCERT"] = systemAuthorities
		}
	}
	if env["PGAPPNAME"] == "" {
		env["PGAPPNAME"] = "gatehouse data shell"
	}
	if !write {
		env["PGOPTIONS"] = strings.TrimSpace(env["PGOPTIONS"] + " -c default_transaction_read_only=on")
	}
	if strings.ContainsAny(password, "\r\n") {
		return nil, errors.New("psql reads no password with a line break from a file")
	}
	env["PGPASSFILE"] = filepath.Join(dir, "password")
	line := "*:*:*:*:" + strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password) + "\n"
	if password == "" {
		line = ""
	}
	return &shellClient{names: []string{"psql"}, pkg: "postgresql-client", env: env, drop: "PG"}, os.WriteFile(env["PGPASSFILE"], []byte(line), 0o600)
}

// mysqlShell writes an option file, and has the client read no other.
func mysqlShell(a sqldb.Address, password, dir string, write bool) (*shellClient, error) {
	var b strings.Builder
	option := func(name, value string) {
		escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value)
		b.WriteString(name + `="` + escaped + "\"\n")
	}
	b.WriteString("[client]\n")
	if a.Socket() {
		option("socket", a.Host)
	} else {
		host, port, err := net.SplitHostPort(a.Host)
		if err != nil {
			host, port = strings.Trim(a.Host, "[]"), "3306"
		}
		option("protocol", "TCP")
		option("host", host)
		option("port", port)
	}
	option("user", a.User)
	if password != "" {
		option("password", password)
	}
	mysqlShellTLS(a, &b, option)
	b.WriteString("[mysql]\n")
	option("database", a.Database)
	if !write {
		option("init-command", "SET SESSION TRANSACTION READ ONLY")
	}
	file := filepath.Join(dir, "options")
	c := &shellClient{names: []string{"mariadb", "mysql"}, pkg: "mariadb-client", args: []string{"--defaults-file=" + file}, drop: "MYSQL_"}
	return c, os.WriteFile(file, []byte(b.String()), 0o600)
}

// mysqlShellTLS says what of TLS the address says, to MariaDB's client and to MySQL's: each passes over what begins with loose- and
// is the other's.
func mysqlShellTLS(a sqldb.Address, b *strings.Builder, option func(name, value string)) {
	mode := a.Params.Get("tls")
	if mode == "" && a.Params.Get("tls_ca")+a.Params.Get("tls_cert") != "" {
		mode = "true"
	}
	switch mode {
	case "true":
		b.WriteString("loose-ssl\nloose-ssl-verify-server-cert\n")
		option("loose-ssl-mode", "VERIFY_IDENTITY")
	case "skip-verify":
		b.WriteString("loose-ssl\nloose-disable-ssl-verify-server-cert\n")
		option("loose-ssl-mode", "REQUIRED")
	case "preferred":
		b.WriteString("loose-disable-ssl-verify-server-cert\n")
		option("loose-ssl-mode", "PREFERRED")
	default:
		b.WriteString("loose-disable-ssl\n")
		option("loose-ssl-mode", "DISABLED")
	}
	for name, parameter := range map[string]string{"ssl-ca": "tls_ca", "ssl-cert": "tls_cert", "ssl-key": "tls_key"} {
		value := a.Params.Get(parameter)
		if _, err := os.Stat(systemAuthorities); value == "" && name == "ssl-ca" && mode == "true" && err == nil {
			value = systemAuthorities
		}
		if value != "" {
			option(name, value)
		}
	}
}
