package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Login is a user of the server and the password that he shall have; no password means that he is known by other means.
type Login struct {
	User     string
	Password secret.String
}

// database is one that shall be there.
type database struct {
	name  string
	owner Login
	uses  []string // the logical databases in it
}

// wanted is what shall be on the server.
type wanted struct {
	cockroach bool
	databases []database
	// verifier gives what PostgreSQL keeps of a password.
	verifier func(password string) string
}

// owners gives the users, each once.
func (w wanted) owners() []Login {
	var all []Login
	for _, d := range w.databases {
		if !slices.Contains(all, d.owner) {
			all = append(all, d.owner)
		}
	}
	return all
}

// add puts a logical database in; several with the same name are one.
func (w *wanted) add(logical, name string, owner Login) error {
	for i := range w.databases {
		d := &w.databases[i]
		if d.name == name {
			if d.owner != owner {
				return fmt.Errorf("the database %q of %s and %s has two users or passwords; give it one", name, d.uses[0], logical)
			}
			d.uses = append(d.uses, logical)
			return nil
		}
		if d.owner.User == owner.User && d.owner.Password != owner.Password {
			return fmt.Errorf("the user %q of %s and %s has two passwords; give him one", owner.User, d.uses[0], logical)
		}
	}
	w.databases = append(w.databases, database{name: name, owner: owner, uses: []string{logical}})
	return nil
}

// step is one change of the server.
type step struct {
	says string
	// in is the database in which the statements run; empty is the one that the administrator signed in to.
	in         string
	statements []statement
	// always is set where the step is done even when one before it has failed: it gives back what was borrowed.
	always bool
}

// statement is a piece of SQL. Where it holds a password, shown is how it reads without.
type statement struct {
	sql   string
	shown string
}

// text gives the statement for a person.
func (s statement) text(reveal bool) string {
	if s.shown != "" && !reveal {
		return s.shown
	}
	return s.sql
}

// plain makes statements without passwords.
func plain(sql ...string) []statement {
	all := make([]statement, len(sql))
	for i, text := range sql {
		all[i] = statement{sql: text}
	}
	return all
}

// script writes steps for a person who runs them himself.
func script(steps []step, reveal bool) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString("-- " + s.says + "\n")
		for _, one := range s.statements {
			b.WriteString(one.text(reveal) + ";\n")
		}
	}
	return b.String()
}
