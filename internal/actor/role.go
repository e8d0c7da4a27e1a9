package actor

import "slices"

// Role is what the admin listener lets somebody do. Each role may do what those before it may.
type Role string

// The roles. They are written into databases and configurations, so they never change.
const (
	// RoleViewer reads everything but secrets and what leads into accounts, and changes nothing.
	RoleViewer Role = "viewer"
	// RoleOperator does the daily work: people, clients, sessions, logins, rules.
	RoleOperator Role = "operator"
	// RoleAdmin does what could take over the installation: keys, tenants, all data.
	RoleAdmin Role = "admin"
)

// Roles returns the roles, each behind those that may less.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleAdmin} }

// Valid reports whether it is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Covers reports whether r may do what needs the role need. What is no role covers nothing, and every role covers no need.
func (r Role) Covers(need Role) bool {
	if need == "" {
		return r.Valid()
	}
	return need.Valid() && slices.Index(Roles(), r) >= slices.Index(Roles(), need)
}
