// Package password lets people sign in with an identifier and a password.
//
// It owns what a password may be, the nodes of the method and the credential of type password. It does not own the flows
// (package selfservice), how passwords are hashed (package secret), nor when somebody has tried too often (package limit).
// It has no table and no route.
//
//	flow           sends                             ends in
//	login          method, identifier, password      who it is, or the one message for everything that does not fit
//	registration   method, password, traits          a credential on the new identity, or what the password lacks
//	settings       method, password                  another password; only soon after signing in
//
// The credential's document is Ory Kratos': {"hashed_password": "…"}, or {"use_password_migration_hook": true} for people
// whose password another system knows: it is asked at their first login, and never again.
//
// An identifier that nobody has costs the same statements and the same hash as a wrong password, and is locked like one.
package password
