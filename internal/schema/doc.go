// Package schema keeps identity schemas that tenants have of their own, in the place of those of the configuration.
//
// It owns the table identity_schema and the admin API of schemas. It does not own what a schema means (package identity), nor the
// configuration's schemas, nor the public routes below /schemas, which show to anybody what a tenant has.
//
//	GET    /admin/schemas        those of the tenant, wherever they come from
//	GET    /admin/schemas/{id}   one of them, with the schema itself
//	PUT    /admin/schemas/{id}   write one; If-Match, If-None-Match: *
//	DELETE /admin/schemas/{id}   remove one that nobody follows; If-Match
//
// A tenant that has none has the configuration's: those listed for it, else the installation's. With its first one it has its own
// and no others, but people who came before keep the installation's schema that they follow. Where the configuration lists schemas for
// a tenant, none are stored for it.
//
// All servers know all schemas, so no request asks the database for one: a change is in force in the server that made it before it
// answers, and in the others within a second. While the database cannot be read, they go on with what they know.
package schema
