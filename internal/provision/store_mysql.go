package provision

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// neutral is the database that every user may sign in to.
const neutral = "information_schema"

// lookMySQL reads what there is. Users and rights are asked for by signing in as the users: an administrator need not be allowed
// to read the server's own tables.
func (s *Server) lookMySQL(ctx context.Context, admin *sqldb.Admin) (mysqlState, error) {
	state := mysqlState{databases: map[string]mysqlDatabase{}, refused: map[string]bool{}, rights: map[string][]string{}, hosts: map[string]string{}}
	rows, err := admin.Query(ctx, "SELECT schema_name, default_character_set_name, default_collation_name FROM information_schema.schemata")
	for _, row := range rows {
		state.databases[row[0]] = mysqlDatabase{charset: row[1], collation: row[2]}
	}
	for _, d := range s.Databases {
		if err == nil && !state.refused[d.Address.User] {
			err = lookUser(ctx, d.Address, &state)
		}
	}
	return state, err
}

// ownRights are the rights of whoever asks, to everything and to the databases whose pattern a name matches.
const ownRights = `SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = ` + grantee + `
UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = ` + grantee + ` AND ? LIKE table_schema ESCAPE '\'`

// grantee is how those tables write the user whose rights hold.
const grantee = `concat('''', left(current_user(), char_length(current_user()) - char_length(substring_index(current_user(), '@', -1)) - 1),
	'''@''', substring_index(current_user(), '@', -1), '''')`

// lookUser signs in as a database's user and reads his rights to it.
func lookUser(ctx context.Context, a sqldb.Address, state *mysqlState) (err error) {
	name := a.Database
	a.Database = neutral
	user, err := sqldb.OpenAdmin(ctx, a)
	if errors.Is(err, sqldb.ErrLogin) {
		state.refused[a.User] = true
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, user.Close()) }()
	rows, err := user.Query(ctx, ownRights, name)
	if err != nil {
		return err
	}
	state.rights[name] = slices.Concat(rows...)
	account, err := user.Query(ctx, "SELECT substring_index(current_user(), '@', -1)")
	if err == nil {
		state.hosts[a.User] = account[0][0]
	}
	return err
}
