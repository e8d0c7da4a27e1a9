// Package client owns OAuth 2.0 clients: what is registered about them, their
// secrets, the admin API under which they are kept, and how they prove who
// they are.
//
// It owns the tables oauth_client and oauth_client_assertion_jti. It does not
// own tokens (package token), nor dynamic registration by strangers.
//
//	route (admin)                              what it does
//	GET    /admin/clients                      list, by key, with Link headers
//	POST   /admin/clients                      register; the secret is shown here once
//	GET    /admin/clients/{id}                 read
//	PUT    /admin/clients/{id}                 replace; the secret stays unless one is given
//	PATCH  /admin/clients/{id}                 change by JSON Patch (RFC 6902)
//	DELETE /admin/clients/{id}                 remove
//	PUT    /admin/clients/{id}/lifespans       set the client's own lifetimes of tokens
//	POST   /admin/clients/{id}/secrets/rotate  new secret, one that is given or one that is made; the ones before stay valid
//	DELETE /admin/clients/{id}/secrets/rotate  the ones before end
//
// Secrets that we generate have 256 bits and are kept as a keyed digest;
// secrets that a person chose are kept as an Argon2id hash. Both texts tell
// which they are, so that hashes from elsewhere can stand beside them.
//
// A client is read once and then kept in memory: authenticating a client that
// is kept, with a secret that was verified before, runs no statement.
package client
