// Package tenant names whose data a request is about.
//
// It owns the tenant id, its place in a context, what is known of each tenant, and the directory that finds one by the host and
// the path a request was sent to. It does not own the tenants' data: package sqldb binds the id of the context to every statement;
// nor where tenants are stored, which is package tenancy's.
//
//	host                  path                        tenant
//	one of a tenant's     any                         that tenant
//	the public address's  below a tenant's prefix     that tenant, also where the host is another one's
//	nobody's              below a tenant's prefix     that tenant
//	nobody's              another                     default, where the configuration lists no tenants and as long as it has
//	                                                  neither host nor prefix; else none: the request is answered 404
package tenant
