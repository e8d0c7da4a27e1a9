package provision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mysqlState is what a MySQL or MariaDB server has of what is wanted.
type mysqlState struct {
	databases map[string]mysqlDatabase
	// refused are the users that are not there or have another password.
	refused map[string]bool
	// rights are the users' rights by the databases' names.
	rights map[string][]string
	// hosts are where the users' accounts let them come from.
	hosts map[string]string
}

type mysqlDatabase struct{ charset, collation string }

const (
	charset   = "utf8mb4"
	collation = "utf8mb4_bin"
)

// mysqlRights are what the server and its migrations use.
func mysqlRights() []string {
	return []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "REFERENCES"}
}

// planMySQL gives the changes that make the server what is wanted. What the administrator may is only known to the server, which
// says so when it is asked.
func planMySQL(w wanted, state mysqlState) []step {
	steps := planUsers(w, state)
	for _, d := range w.databases {
		found, exists := state.databases[d.name]
		format := myName(d.name) + " CHARACTER SET " + charset + " COLLATE " + collation
		switch {
		case !exists:
			steps = append(steps, step{
				says:       fmt.Sprintf("create the database %s for %s", myName(d.name), strings.Join(d.uses, " and ")),
				statements: plain("CREATE DATABASE IF NOT EXISTS " + format),
			})
		case found != mysqlDatabase{charset, collation}:
			steps = append(steps, step{says: "set the characters of the database " + myName(d.name), statements: plain("ALTER DATABASE " + format)})
		}
		if missing := slices.ContainsFunc(mysqlRights(), func(r string) bool { return !slices.Contains(state.rights[d.name], r) }); missing {
			steps = append(steps, step{
				says:       fmt.Sprintf("let %s use the database %s", myText(d.owner.User), myName(d.name)),
				statements: plain("GRANT " + strings.Join(mysqlRights(), ", ") + " ON " + myPattern(d.name) + ".* TO " + account(d.owner.User, state.hosts[d.owner.User])),
			})
		}
	}
	return steps
}

// planUsers gives the changes that let every user sign in.
func planUsers(w wanted, state mysqlState) []step {
	var steps []step
	for _, owner := range w.owners() {
		if state.refused[owner.User] {
			steps = append(steps, mysqlUser(owner))
		}
	}
	return steps
}

// mysqlUser makes the user, and sets the password where he was there already.
func mysqlUser(owner Login) step {
	s := step{says: "create the user " + account(owner.User, "") + ", or change his password"}
	for _, text := range []string{"CREATE USER IF NOT EXISTS ", "ALTER USER "} {
		one := statement{sql: text + account(owner.User, "")}
		if owner.Password != "" {
			one.shown = one.sql + " IDENTIFIED BY <the password of " + owner.User + ", in quotes>"
			one.sql += " IDENTIFIED BY " + myText(owner.Password.Reveal())
		} else if text == "ALTER USER " {
			continue
		}
		s.statements = append(s.statements, one)
	}
	return s
}

// account names a user and where he may come from: anywhere, as on PostgreSQL, unless his account says otherwise.
func account(user, host string) string { return myText(user) + "@" + myText(cmp.Or(host, "%")) }

// myName quotes an identifier.
func myName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// myPattern quotes a database's name in a GRANT, where _ and % would stand for any characters.
func myPattern(name string) string {
	return myName(strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(name))
}

// myText quotes a text for sessions in which a backslash is a backslash.
func myText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
