package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/provision"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// ProvisionOptions say how a server is provisioned.
type ProvisionOptions struct {
	// User and Password are the administrator's. Without a user it is that of the configuration, and its password.
	User, Password string
	// Ask asks a person for a password; nil where there is nobody.
	Ask func(user string) (string, error)
	// DryRun looks and says what would be done.
	DryRun bool
	// Wait is how long a server that cannot be reached is waited for.
	Wait time.Duration
}

// Provision makes the databases of the configuration and their users, and reports to out.
func Provision(ctx context.Context, cfg *config.Config, o ProvisionOptions, out io.Writer) error {
	databases, err := provisioned(cfg)
	if err != nil {
		return err
	}
	if len(databases) == 0 {
		_, err := fmt.Fprintln(out, "nothing to do: the databases are files, or in memory, which the server makes itself")
		return err
	}
	admin, err := administrator(cfg, o, databases[0].Address)
	if err != nil {
		return err
	}
	server := &provision.Server{Admin: admin, Databases: databases, Out: out, DryRun: o.DryRun}
	changes, err := server.Run(ctx)
	for began := now(); unreachable(err) && now().Sub(began) < o.Wait; {
		if !wait.For(ctx, time.Second) {
			return err
		}
		changes, err = server.Run(ctx)
	}
	switch {
	case err != nil:
		return err
	case changes == 0:
		_, err = fmt.Fprintln(out, "nothing to do: databases, users, passwords and rights are as configured")
	case o.DryRun:
		_, err = fmt.Fprintf(out, "%d changes would be made\n", changes)
	default:
		_, err = fmt.Fprintf(out, "done: %d changes; the next step is `gatehouse migrate up`, or to start the server\n", changes)
	}
	return err
}

// ProvisionScript writes the SQL that Provision would run on an empty server, for whoever administrates it. reveal puts passwords in.
func ProvisionScript(cfg *config.Config, reveal bool, out io.Writer) error {
	databases, err := provisioned(cfg)
	if err != nil {
		return err
	}
	if len(databases) == 0 {
		_, err := fmt.Fprintln(out, "-- nothing to do: the databases are files, or in memory, which the server makes itself")
		return err
	}
	text, err := (&provision.Server{Admin: databases[0].Address, Databases: databases}).Script(reveal)
	if err == nil {
		_, err = io.WriteString(out, text)
	}
	return err
}

// provisioned gives the databases that are on a server, which must be one.
func provisioned(cfg *config.Config) ([]provision.Database, error) {
	var all []provision.Database
	for _, logical := range cfg.Databases.All() {
		a, err := sqldb.Parse(logical.DSN.Reveal())
		if err != nil {
			return nil, fmt.Errorf("databases.%s: %w", logical.Name, err)
		}
		if a.Scheme == "sqlite" || a.Scheme == "memory" {
			continue
		}
		if a.User == "" || a.Database == "" {
			return nil, fmt.Errorf("databases.%s: write user and database into the address, before the @ and after the host", logical.Name)
		}
		if len(all) > 0 && (all[0].Address.Scheme != a.Scheme || all[0].Address.Host != a.Host || all[0].Address.Params.Get("host") != a.Params.Get("host")) {
			return nil, fmt.Errorf("databases.%s and databases.%s are on different servers: provision them one by one, each with a configuration that names one server", all[0].Logical, logical.Name)
		}
		all = append(all, provision.Database{Logical: logical.Name, Address: a})
	}
	return all, nil
}

// administrator gives the login that makes what is missing: what was asked for, else what is configured, else the user of the
// databases themselves.
func administrator(cfg *config.Config, o ProvisionOptions, first sqldb.Address) (sqldb.Address, error) {
	configured := cfg.Databases.Provisioning
	user := cmp.Or(o.User, configured.User, first.User)
	database := cmp.Or(configured.Database,
		map[string]string{"postgres": "postgres", "cockroach": "defaultdb", "mysql": "information_schema"}[first.Scheme])
	if o.Password != "" {
		return first.As(user, o.Password, database), nil
	}
	password := ""
	var err error
	if user == cmp.Or(configured.User, first.User) {
		own := sqldb.Address{Password: configured.Password.Reveal()}
		if configured.PasswordFile != "" {
			own.Params = url.Values{"password_file": {configured.PasswordFile}}
		}
		if password, err = own.ReadPassword(); err != nil {
			return first, fmt.Errorf("databases.provisioning: %w", err)
		}
	}
	if password == "" && user == first.User {
		password, err = first.ReadPassword()
	}
	if err == nil && password == "" && o.Ask != nil {
		password, err = o.Ask(user)
	}
	return first.As(user, password, database), err
}

// unreachable tells whether waiting may help: nobody answers at all, rather than says no. Nor has a name to be there yet: that of a database
// in a cluster comes when its pod is ready.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}
