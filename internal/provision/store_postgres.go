package provision

import (
	"context"
	"errors"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// lookPostgres reads what there is.
func (s *Server) lookPostgres(ctx context.Context, admin *sqldb.Admin, w wanted) (postgresState, error) {
	state := postgresState{roles: map[string]postgresRole{}, databases: map[string]postgresDatabase{}}
	me, err := admin.Query(ctx, `SELECT current_setting('server_version_num'), rolname, (rolcreaterole OR rolsuper)::text, (rolcreatedb OR rolsuper)::text
		FROM pg_roles WHERE rolname = current_user`)
	if err != nil || len(me) == 0 {
		return state, err
	}
	state.version, _ = strconv.Atoi(me[0][0])
	state.admin, state.createRole, state.createDB = me[0][1], me[0][2] == "true", me[0][3] == "true"
	if err := lookDatabases(ctx, admin, w, &state); err != nil {
		return state, err
	}
	if err := lookRoles(ctx, admin, &state); err != nil {
		return state, err
	}
	for _, d := range s.Databases {
		role, exists := state.roles[d.Address.User]
		if !exists || !role.canLogin || role.refused {
			continue
		}
		role.refused, err = refused(ctx, d.Address)
		if err != nil {
			return state, err
		}
		state.roles[d.Address.User] = role
	}
	return state, nil
}

func lookDatabases(ctx context.Context, admin *sqldb.Admin, w wanted, state *postgresState) error {
	open := "(datacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(datacl) WHERE grantee = 0))::text"
	if w.cockroach {
		open = "'false'" // its catalogue does not say; what is made here is closed when it is made
	}
	rows, err := admin.Query(ctx, "SELECT datname, pg_get_userbyid(datdba), "+open+" FROM pg_database")
	for _, row := range rows {
		for _, d := range w.databases {
			if d.name == row[0] {
				state.databases[d.name] = postgresDatabase{owner: row[1], open: row[2] == "true"}
			}
		}
	}
	return err
}

// lookRoles reads all roles: a server has few, and their names need not be put into a statement.
func lookRoles(ctx context.Context, admin *sqldb.Admin, state *postgresState) error {
	member, joinable := "pg_has_role(current_user, rolname, 'USAGE')", "$1 AND NOT rolsuper OR pg_has_role(current_user, rolname, 'MEMBER WITH ADMIN OPTION')"
	createRole := state.createRole
	if state.version >= 160000 { // membership has options, and CREATEROLE reaches the roles that one made
		member += " AND pg_has_role(current_user, rolname, 'SET')"
		createRole = false
	}
	rows, err := admin.Query(ctx, "SELECT rolname, rolcanlogin::text, ("+member+")::text, ("+joinable+")::text FROM pg_roles", createRole)
	for _, row := range rows {
		state.roles[row[0]] = postgresRole{canLogin: row[1] == "true", member: row[2] == "true", joinable: row[3] == "true"}
	}
	return err
}

// refused tells whether a user's password does not let him in. That his database is not there, or not his, comes after that.
func refused(ctx context.Context, a sqldb.Address) (bool, error) {
	user, err := sqldb.OpenAdmin(ctx, a)
	switch {
	case err == nil:
		return false, user.Close()
	case errors.Is(err, sqldb.ErrLogin):
		return true, nil
	case errors.Is(err, sqldb.ErrNoDatabase), errors.Is(err, sqldb.ErrDenied):
		return false, nil
	}
	return false, err
}
