// Package session owns who is signed in: sessions, the tokens and cookies that stand for them, the answer to "who is
// this?", and the JWTs that a session can be turned into.
//
// It owns the tables session and session_exchange of the management database. It does not own identities (package
// identity, whose row is read along with a session's), nor how people prove who they are (selfservice and method/*).
//
//	route (public)                          what it does
//	GET    /sessions/whoami                 the session of the request; also by POST, PUT, PATCH, DELETE
//	GET    /sessions                        the person's other active sessions
//	DELETE /sessions                        end all but this one
//	DELETE /sessions/{id}                   end another one of the person's
//	GET    /sessions/token-exchange         a native app's two codes for a session token, once
//
//	route (admin)                           what it does
//	GET    /admin/sessions                  list, newest first, by key
//	POST   /admin/sessions                  disable or delete in bulk
//	GET    /admin/sessions/{id}             one session
//	DELETE /admin/sessions/{id}             end it; the row stays for a while
//	PATCH  /admin/sessions/{id}/extend      give it a new lifespan
//	GET    /admin/identities/{id}/sessions  a person's sessions
//	DELETE /admin/identities/{id}/sessions  delete them
//
// Paths, documents and error ids are Ory Kratos'.
//
// # Tokens
//
// A session token is 256 random bits with an HMAC behind them, and only its digest is stored: a forged token is refused
// without a statement, a stolen database opens nothing. The header X-Session-Token comes first, then the cookie, which
// holds the token sealed, then Authorization: Bearer. Whoever proves more (a second factor, the password again) gets a
// new token and the old one ends in the same statement.
//
// # What is remembered
//
// A session that was read is kept in memory with its identity and its encoded answer, so asking again runs no statement.
// Every change of a session or an identity is published on the change feed under its id; a kept session counts only as
// long as nothing about it or its identity was published since the reading began. So an ended session is refused at once
// by the server that ended it, and within a second by the others; when the feed could not be read for databases.max_staleness, nothing
// kept is used.
//
//	(none) ── Insert ──► active ── Revoke, expiry, a disabled identity ──► ended ── keep_ended over ──► gone
package session
