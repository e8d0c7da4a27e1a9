// Package tenant names whose data a request is about.
//
// It owns the tenant id, its place in a context, and the table that finds a tenant by the host a request was
// sent to. It does not own the tenants' data: package sqldb binds the id of the context to every statement.
//
//	tenants configured   host              tenant
//	none                 any               default
//	some                 one of a tenant's that tenant
//	some                 another           none: the request is answered 404
package tenant
