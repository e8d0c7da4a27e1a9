// Package migrations brings each logical database to the schema that this server knows.
//
// It owns the SQL files below management, oauth, activity and flow, the words they are written in, and the way
// they are applied: in order, once, under a lock, forward only. It does not own the tables: each belongs to the
// feature whose store uses it, and that feature's owner writes the file.
//
// # A file
//
// NNNN_name.sql holds plain statements, each ended by ";" at the end of a line. Words stand for types:
//
//	word        SQLite    PostgreSQL, CockroachDB   MySQL, MariaDB
//	{{id}}      TEXT      text COLLATE "C"          varbinary(64)      an identifier that we made
//	{{key}}     TEXT      text COLLATE "C"          varbinary(764)     an indexed identifier, at most 191 characters
//	{{text}}    TEXT      text                      mediumtext         never indexed, no DEFAULT
//	{{sealed}}  TEXT      text                      mediumtext         text that secret.Ring made: its column is on a list in app
//	{{json}}    TEXT      text                      longtext           JSON that the database does not look into
//	{{time}}    INTEGER   timestamptz               datetime(6)        UTC microseconds
//	{{bool}}    INTEGER   boolean                   boolean
//	{{blob}}    BLOB      bytea                     longblob
//	{{int}}     INTEGER   bigint                    bigint
//	{{serial}}  …         …                         …                  the primary key that the database counts
//
// Identifiers compare byte by byte everywhere; varbinary, because MySQL's binary collations take "a " for "a".
// SQLite's tables are made STRICT, MySQL's InnoDB with utf8mb4. Where a dialect truly differs:
// {{if sqlite}} … {{else if mysql}} … {{else}} … {{end}}, also with postgres and cockroach.
//
// A table of tenants' data has tenant_id {{key}} NOT NULL first in its primary key. Files are never changed once
// released. A new one first expands (the previous version of the server goes on running on it); what it made
// useless goes in a later version.
//
// After adding a file, refresh what the schema looks like in each dialect:
//
//	go test ./internal/migrations -run Golden -update
package migrations
