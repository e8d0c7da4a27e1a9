// Package availability holds the tests of what Gatehouse promises when something that it runs on, or a replica of it, goes away:
// Redis and nodes of a Redis Cluster, a primary of PostgreSQL, a node of a Galera cluster, a replica that is killed or rolled. The
// servers are real, each with its data in the test's directory, and what is measured is printed.
package availability
