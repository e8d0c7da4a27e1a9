package testkit

import "testing"

// Postgres returns the DSN of a fresh empty PostgreSQL database.
func Postgres(t *testing.T) string {
	t.Helper()
	return postgres{}.empty(t)
}

// MariaDB returns the DSN of a fresh empty MariaDB database.
func MariaDB(t *testing.T) string {
	t.Helper()
	return mariadb{}.empty(t)
}
