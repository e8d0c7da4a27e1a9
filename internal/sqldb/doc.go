// Package sqldb speaks SQL to SQLite, PostgreSQL, MySQL or MariaDB, and CockroachDB through one handle.
//
// It owns connections, transactions and their retries, the tenancy rule, the classes of errors, write
// coalescing and the change feed. It does not own any table but change_feed, nor the schema (package
// migrations), and it has no storage interface: every store writes its statements here, once, for all.
//
// # One SQL
//
//	?             an argument
//	:tenant       the tenant of the context; every statement names it, unless the handle is AllTenants
//	IN (?)        takes a []string or []int64; an empty one matches nothing
//	time          a zero time.Time is NULL, and NULL reads as the zero time; always UTC, cut to microseconds
//	json          json.RawMessage is text; []byte is a blob
//
// An UPDATE counts the rows that it matched. A state change is one guarded statement and that count, never a
// read followed by a write. Keys come from Go, rows go in by InsertRows, an upsert ends in Dialect.Upsert.
//
// # Data source names
//
//	memory                                       one database for each logical name, shared in the process
//	sqlite:///var/lib/gatehouse/                 a directory: one file for each logical database
//	sqlite://./oauth.db                          that file
//	postgres://user:password@host:5432/name      and everything that libpq's URLs may hold
//	mysql://user:password@host:3306/name         MySQL and MariaDB; also user:password@tcp(host:3306)/name
//	cockroach://user:password@host:26257/name
//
// Address takes a DSN apart and puts one together, with any characters in names and passwords. An Admin is a connection for
// work on databases and users.
//
// Parameters of ours: password_file, which is read for each new connection; max_conns, max_idle_conns, max_conn_lifetime, max_conn_idle_time (max_idle_conns means
// nothing to PostgreSQL's pool, where only age and idleness end a connection); synchronous (SQLite);
// tls, tls_ca, tls_cert, tls_key (MySQL). A password may hold any character as it is, as long as it is clear where
// it ends.
//
// # What the tests cannot show
//
// There is no CockroachDB where the tests run. Its dialect is PostgreSQL's with plain multi-row INSERTs, and how it
// asks for a retry is tested by injecting its errors. Nor do they show that it takes BEGIN with the first
// statement, as Java's driver sends it, and COMMIT with the last.
//
// # Errors
//
//	ErrNoRows        nothing found
//	ErrDuplicate     a row with the same key is there
//	ErrForeignKey    another row stands against it
//	ErrUnavailable   no connection, or no way past other transactions; over HTTP this is 503
//	ErrFrozen        writes are refused for now; an ErrUnavailable, too
//
// Errors name the statement, never its arguments, and drop what databases quote from rows.
package sqldb
