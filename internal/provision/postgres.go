package provision

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// postgresState is what a PostgreSQL server has of what is wanted.
type postgresState struct {
	version              int // as server_version_num: 150003
	admin                string
	createRole, createDB bool
	roles                map[string]postgresRole // the owners that are wanted and those that there are
	databases            map[string]postgresDatabase
}

type postgresRole struct {
	canLogin bool
	// refused is set where the password that is wanted does not let him in.
	refused bool
	// member is set where the administrator has this role's rights and may make it an owner.
	member bool
	// joinable is set where the administrator may make himself a member.
	joinable bool
}

type postgresDatabase struct {
	owner string
	// open is set where everybody on the server has rights to the database.
	open bool
}

// postgresPlan is a plan in the making.
type postgresPlan struct {
	state    postgresState
	want     wanted
	borrowed map[string]bool
	roles    []step
	rest     []step
	lacks    []error
}

// planPostgres gives the changes that make the server what is wanted, or why this administrator cannot make them and what to do.
func planPostgres(w wanted, state postgresState) ([]step, error) {
	p := &postgresPlan{state: state, want: w, borrowed: map[string]bool{}}
	for _, owner := range w.owners() {
		p.role(owner)
	}
	for _, d := range w.databases {
		p.database(d)
	}
	if len(p.lacks) > 0 {
		return nil, errors.Join(p.lacks...)
	}
	steps := p.roles
	lent := slices.Sorted(maps.Keys(p.borrowed))
	for _, role := range lent {
		steps = append(steps, step{
			says:       fmt.Sprintf("let %s act as %s for this run", p.administrator(), pgName(role)),
			statements: plain("GRANT " + pgName(role) + " TO CURRENT_USER"),
		})
	}
	steps = append(steps, p.rest...)
	for _, role := range lent {
		steps = append(steps, step{
			says:       fmt.Sprintf("end that %s acts as %s", p.administrator(), pgName(role)),
			statements: plain("REVOKE " + pgName(role) + " FROM CURRENT_USER"), always: true,
		})
	}
	return steps, nil
}

func (p *postgresPlan) administrator() string {
	if p.state.admin == "" {
		return "the administrator"
	}
	return pgName(p.state.admin)
}

// lack notes a right that is missing, and the statement that gives it.
func (p *postgresPlan) lack(what, remedy string) {
	err := fmt.Errorf("%s may not %s: let a superuser run `%s;`, or make everything by hand as `gatehouse provision --print-sql` says", p.administrator(), what, remedy)
	if !slices.ContainsFunc(p.lacks, func(e error) bool { return e.Error() == err.Error() }) {
		p.lacks = append(p.lacks, err)
	}
}

// role plans a user: that he is there, may sign in and has his password.
func (p *postgresPlan) role(owner Login) {
	name := pgName(owner.User)
	role, exists := p.state.roles[owner.User]
	var says, text string
	switch {
	case !exists:
		says, text = "create the user ", "CREATE ROLE "+name+" LOGIN"
	case !role.canLogin:
		says, text = "let sign in the user ", "ALTER ROLE "+name+" LOGIN"
	case role.refused && owner.Password != "":
		says, text = "change the password of ", "ALTER ROLE "+name
	default:
		return
	}
	s := statement{sql: text}
	if owner.Password != "" {
		s.sql += " PASSWORD " + pgText(p.want.verifier(owner.Password.Reveal()))
		s.shown = text + " PASSWORD <the password of " + owner.User + ", in quotes>"
	}
	if owner.User != p.state.admin && !p.state.createRole {
		p.lack("create or change the user "+name, "ALTER ROLE "+p.administrator()+" CREATEROLE")
	}
	p.roles = append(p.roles, step{says: says + name, statements: []statement{s}})
}

// database plans a database: that it is there, its user's own, and nobody else's.
func (p *postgresPlan) database(d database) {
	name, owner := pgName(d.name), pgName(d.owner.User)
	closed := "REVOKE ALL ON DATABASE " + name + " FROM PUBLIC"
	found, exists := p.state.databases[d.name]
	switch {
	case !exists:
		p.mayCreate()
		p.borrow(d.owner.User)
		create := "CREATE DATABASE " + name + " OWNER " + owner + " ENCODING 'UTF8' TEMPLATE template0"
		if p.want.cockroach {
			create = "CREATE DATABASE " + name + " OWNER " + owner
		}
		p.rest = append(p.rest, step{
			says:       fmt.Sprintf("create the database %s for %s, owned by %s", name, strings.Join(d.uses, " and "), owner),
			statements: plain(create, closed),
		})
	case found.owner != d.owner.User:
		p.mayCreate()
		p.borrow(d.owner.User)
		p.borrow(found.owner)
		p.rest = append(p.rest, step{
			says: fmt.Sprintf("give the database %s and its tables from %s to %s", name, pgName(found.owner), owner), in: d.name,
			statements: plain(strings.Join([]string{"ALTER DATABASE " + name + " OWNER TO " + owner, p.tables(found.owner, d.owner.User), closed}, ";\n")),
		})
	case found.open:
		p.borrow(d.owner.User)
		p.rest = append(p.rest, step{says: "close the database " + name + " to everybody but its owner", statements: plain(closed)})
	}
}

// tables gives the former owner's tables of the database in hand to the new one.
func (p *postgresPlan) tables(from, to string) string {
	return `DO ` + pgText(`DECLARE t regclass;
BEGIN
  FOR t IN SELECT c.oid FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE r.rolname = `+pgText(from)+` AND c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO %I', t, `+pgText(to)+`);
  END LOOP;
END`)
}

func (p *postgresPlan) mayCreate() {
	if !p.state.createDB {
		p.lack("create databases or give them to somebody", "ALTER ROLE "+p.administrator()+" CREATEDB")
	}
}

// borrow sees to it that the administrator has a role's rights: to make a database somebody's, PostgreSQL wants its maker to be
// able to act as that role.
func (p *postgresPlan) borrow(name string) {
	role, exists := p.state.roles[name]
	switch {
	case name == p.state.admin || exists && role.member:
	case !exists || role.joinable: // who makes a role may join it
		p.borrowed[name] = true
	default:
		p.lack("act as "+pgName(name), "GRANT "+pgName(name)+" TO "+p.administrator())
	}
}

// pgName quotes an identifier.
func pgName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// pgText quotes a text, also for servers on which a backslash still means something.
func pgText(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
