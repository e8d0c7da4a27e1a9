package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Database is a logical database and the address at which the server will look for it.
type Database struct {
	Logical string
	Address sqldb.Address
}

// Server is a database server, and what shall be on it.
type Server struct {
	// Admin signs in to make what is missing.
	Admin sqldb.Address
	// Databases are all on this server.
	Databases []Database
	// Out gets a line for each change.
	Out io.Writer
	// DryRun looks and says what would be done, and changes nothing.
	DryRun bool
}

// wanted reads the passwords and puts together what shall be there.
func (s *Server) wanted() (wanted, error) {
	w := wanted{cockroach: s.Admin.Scheme == "cockroach", verifier: func(password string) string {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // never fails
		return scram(password, salt)
	}}
	for _, d := range s.Databases {
		password, err := d.Address.ReadPassword()
		if err == nil {
			err = w.add(d.Logical, d.Address.Database, Login{User: d.Address.User, Password: secret.String(password)})
		}
		if err != nil {
			return w, fmt.Errorf("databases.%s: %w", d.Logical, err)
		}
	}
	return w, nil
}

// Script gives the SQL that makes everything on an empty server, for an administrator who runs it himself. Passwords stand in it
// when reveal is set; on PostgreSQL they are verifiers, from which the password cannot be had.
func (s *Server) Script(reveal bool) (string, error) {
	w, err := s.wanted()
	if err != nil {
		return "", err
	}
	if s.Admin.Scheme == "mysql" {
		state := mysqlState{refused: map[string]bool{}}
		for _, owner := range w.owners() {
			state.refused[owner.User] = true
		}
		return "-- Run by an administrator of the server; what is there already is left out or fails without harm.\n" +
			"SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\n" + script(planMySQL(w, state), reveal), nil
	}
	steps, err := planPostgres(w, postgresState{createRole: true, createDB: true})
	return "-- Run by an administrator of the server, for example with psql; leave out what is there already.\n" + script(steps, reveal), err
}

// Run makes the server what is wanted and gives how many changes that took. Errors say what to do; what was done before one stays,
// and the next run goes on from there.
func (s *Server) Run(ctx context.Context) (changes int, err error) {
	w, err := s.wanted()
	if err != nil {
		return 0, err
	}
	admin, err := sqldb.OpenAdmin(ctx, s.Admin)
	if errors.Is(err, sqldb.ErrNoDatabase) {
		return 0, fmt.Errorf("the administrator %s cannot sign in: the server has no database %q; name one in databases.provisioning.database", s.Admin.User, s.Admin.Database)
	}
	if err != nil {
		return 0, fmt.Errorf("the administrator %s: %w", s.Admin.User, err)
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	if err := s.lock(ctx, admin); err != nil {
		return 0, err
	}
	if s.Admin.Scheme == "mysql" && !s.DryRun {
		if changes, err = s.users(ctx, admin, w); err != nil {
			return changes, err
		}
	}
	steps, err := s.plan(ctx, admin, w)
	if err != nil || s.DryRun {
		s.say("would ", steps)
		return len(steps), err
	}
	if err := s.do(ctx, admin, steps); err != nil {
		return 0, err
	}
	return changes + len(steps), s.prove(ctx)
}

// users makes the users of MySQL before anything else: their rights can only be read by signing in as them.
func (s *Server) users(ctx context.Context, admin *sqldb.Admin, w wanted) (changes int, err error) {
	state, err := s.lookMySQL(ctx, admin)
	if err != nil {
		return 0, err
	}
	steps := planUsers(w, state)
	return len(steps), s.do(ctx, admin, steps)
}

// plan looks at the server and gives what differs.
func (s *Server) plan(ctx context.Context, admin *sqldb.Admin, w wanted) ([]step, error) {
	if s.Admin.Scheme == "mysql" {
		state, err := s.lookMySQL(ctx, admin)
		return planMySQL(w, state), err
	}
	state, err := s.lookPostgres(ctx, admin, w)
	if err != nil {
		return nil, err
	}
	return planPostgres(w, state)
}

func (s *Server) say(before string, steps []step) {
	for _, one := range steps {
		_, _ = fmt.Fprintf(s.Out, "%s%s\n", before, one.says)
	}
}

// do does the steps. After a failure only those are done that give back what was borrowed.
func (s *Server) do(ctx context.Context, admin *sqldb.Admin, steps []step) (failed error) {
	for _, one := range steps {
		if failed != nil && !one.always {
			continue
		}
		if one.always {
			ctx = context.WithoutCancel(ctx) // also when somebody has had enough
		}
		if err := s.one(ctx, admin, one); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w%s", one.says, err, denied(err)))
			continue
		}
		s.say("", []step{one})
	}
	return failed
}

func (s *Server) one(ctx context.Context, admin *sqldb.Admin, one step) (err error) {
	if one.in != "" {
		a := s.Admin
		a.Database = one.in
		if admin, err = sqldb.OpenAdmin(ctx, a); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, admin.Close()) }()
	}
	for _, text := range one.statements {
		if err := admin.Exec(ctx, text.sql); err != nil {
			return err
		}
	}
	return nil
}

// denied says what to do where the administrator lacks a right.
func denied(err error) string {
	if !errors.Is(err, sqldb.ErrDenied) {
		return ""
	}
	return "; give the administrator this right, or let somebody who has it run what `gatehouse provision --print-sql` prints"
}

// lock lets one run at a time work on a server, and says so where it has to wait. It ends with the connection. CockroachDB has
// none, but two runs there only get in each other's way with an error.
func (s *Server) lock(ctx context.Context, admin *sqldb.Admin) error {
	try, wait := "SELECT pg_try_advisory_lock(7310292341)::int::text", "SELECT pg_advisory_lock(7310292341)" // any number that nobody else takes
	switch s.Admin.Scheme {
	case "cockroach":
		return nil
	case "mysql":
		try, wait = "SELECT GET_LOCK('gatehouse provision', 0)", "SELECT GET_LOCK('gatehouse provision', 600)"
	}
	got, err := admin.Query(ctx, try)
	if err != nil || got[0][0] == "1" {
		return err
	}
	_, _ = fmt.Fprintln(s.Out, "another run is at work on this server; waiting for its end")
	got, err = admin.Query(ctx, wait)
	if err == nil && s.Admin.Scheme == "mysql" && got[0][0] != "1" {
		err = errors.New("another run has been at work on this server for ten minutes; try again when it has ended")
	}
	return err
}

// prove signs in to each database as the server will.
func (s *Server) prove(ctx context.Context) error {
	for _, d := range s.Databases {
		if err := prove(ctx, d.Address); err != nil {
			return fmt.Errorf("databases.%s: everything was made, and still %s cannot work with it: %w", d.Logical, d.Address.User, err)
		}
	}
	return nil
}

func prove(ctx context.Context, a sqldb.Address) (err error) {
	user, err := sqldb.OpenAdmin(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, user.Close()) }()
	if a.Scheme == "mysql" {
		return nil
	}
	may, err := user.Query(ctx, "SELECT has_schema_privilege('public', 'CREATE')::text")
	if err == nil && may[0][0] != "true" {
		err = errors.New(`it may not create tables in the schema "public": as the owner of that schema run ` +
			"`GRANT ALL ON SCHEMA public TO " + pgName(a.User) + "`")
	}
	return err
}
