// Package testkit gives tests what they would otherwise build each for itself: a database of their own on every kind of
// server that Gatehouse supports, a clock that stands still, a key ring, a context with a tenant; and ways to wait and to measure
// that a machine which does other things does not turn into failures.
//
// It owns how a test database comes into being and goes away. It does not own fakes: what can be run is run. Only tests
// import it.
//
//	EachDB    a fresh migrated database on SQLite, PostgreSQL and MariaDB, one parallel subtest each
//	EachInstallation   the same with all logical databases, each of its own
//	EachDSN   the same with an empty database, by DSN, for tests of migrations and of whole servers
//	SQLite    a fresh migrated SQLite database, where the kind of database does not matter
//	SMTP      a mail server on a free port that keeps what it is sent
//	Redis     a server for what servers remember together; RedisCluster is six of them, Remote a cache there
//	Line      leads to a server, to be cut, held up, slowed down or led elsewhere
//	Log       keeps what is logged, to be read meanwhile
//	Clock     stands still until it is told otherwise
//	Ring      a key ring of a known secret
//	Context   the test's context, bound to the default tenant
//	Feed      a change feed that runs and stays healthy; RunFeed runs one as it comes, SharingFeed one for a shared cache
//
//	Eventually  waits for what has no promise about its time
//	Within      holds the code to a promise about time
//	Stopwatch   does not count the time in which the process was held up
//	CPUTime     is what computing costs, whatever else the machine does
//
// # Where the servers come from
//
// `make test` starts one PostgreSQL and one MariaDB for the whole run and names them in GATEHOUSE_TEST_POSTGRES and
// GATEHOUSE_TEST_MARIADB. Where these are not set, as in a plain `go test`, the first test that needs them starts the same
// script in its shared mode; all test processes of the user use those servers, and they stop a few seconds after the last of
// the processes has ended, however it ended. A test never skips a database: when a server cannot be had, the test fails and
// says what to do.
//
// # What a fresh database costs
//
// A schema is migrated once per server and kept as a template, named after its migrations; each test gets a copy (a copied
// file on SQLite, CREATE DATABASE … TEMPLATE on PostgreSQL, the template's tables made anew on MariaDB) and drops it.
package testkit
