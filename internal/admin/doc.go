// Package admin says who may do what at the admin listener.
//
// It owns the table admin_key, the credentials that open the listener, and the guard that asks every request for one. What a route
// needs is said where it is mounted (web.Mux.For, web.Mux.Everywhere); what a role may is in package actor.
//
//	credential                       made by                                     may
//	admin key                        `gatehouse admin keys create`, the API      what its row says: role, tenant, areas
//	key of the configuration         secrets.admin                               everything
//	client certificate               an authority of serve.admin.tls             what serve.admin.certificates says of it
//	access token                     the token endpoint, client_credentials      what serve.admin.oauth and its scopes say
//	none                             the development profile                     everything
//
// # Admin keys
//
// A key is a token of secret.Tokens: `gh_admin_…`, with a MAC under a key of the system secret, so one that somebody made up is
// refused without a look into the database, and a row that somebody wrote there opens nothing. Its text is shown once; kept is a
// SHA-256 digest. A key is looked up once a minute at most and believed for as long as the change feed is: revoked, it opens nothing
// any more in the server that revoked it when that answers, in all others within a second, and in one that is cut off from the database
// within databases.max_staleness.
//
// When it was used last is written once an hour. Revoked and expired keys stay in the table, for whoever reads old logs.
//
//	GET    /admin/admin-keys              page_size, page_token, tenant; never the key itself
//	POST   /admin/admin-keys              make one
//	GET    /admin/admin-keys/{id}
//	POST   /admin/admin-keys/{id}/rotate  make its successor; the old one goes on for a while
//	DELETE /admin/admin-keys/{id}         revoke it
//
// # Access tokens
//
// Only tokens that clients of a short list got for themselves are believed. At a login it is people who grant scopes, and everybody
// who can register could grant his own token the scope of an administrator.
package admin
