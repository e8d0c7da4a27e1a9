// Package provision makes what a configuration asks of a database server: the databases, their users, passwords and rights.
//
// It owns no table and does not touch the schema, which is migrations' work with the user that this package made. A run looks at
// the server, plans what differs (rules without a connection) and does it; a run after it changes nothing.
//
//	PostgreSQL, CockroachDB   each database belongs to its user; nobody else may connect
//	MySQL, MariaDB            utf8mb4, binary collation; its user has the rights that the server and its migrations need
//
// The administrator needs no superuser. On PostgreSQL: CREATEDB, CREATEROLE where users or passwords are to be made, and to be a
// member of the roles that own the databases, which it makes itself for the length of the run where it may. On MySQL: CREATE,
// CREATE USER where users are to be made, and the rights that it hands on, WITH GRANT OPTION.
//
// A user's password is tried before it is changed, so an unchanged one is left alone. PostgreSQL is given the password's SCRAM
// verifier (RFC 5802), so that it is in no log of the server.
package provision
