package migrations_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Limits of time that are right for requests must not end the wait for another server's migration: the servers that
// start second would fail instead of finding nothing to do.
func TestLockOutlastsTheLimitsOfStatements(t *testing.T) {
	const held = 6 * time.Second // longer than the limits, which are long enough for all else on a busy machine
	for name, dsn := range map[string]string{
		"statement_timeout": and(testkit.Postgres(t), "statement_timeout=4000"),
		"lock_timeout":      and(testkit.Postgres(t), "lock_timeout=4000"),
		"readTimeout":       and(testkit.MariaDB(t), "readTimeout=4s"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := open(t, dsn, "oauth"), open(t, dsn, "oauth")
			unlock, err := migrations.Lock(t.Context(), first, "oauth")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			release := time.AfterFunc(held, unlock)
			defer func() {
				if release.Stop() {
					unlock()
				}
			}()
			again, err := migrations.Lock(t.Context(), second, "oauth")
			if err != nil {
				t.Fatal(err)
			}
			again()
			if waited := time.Since(began); waited < held {
				t.Errorf("got the lock after %s, while it was held", waited)
			}
		})
	}
}

// and puts a parameter behind a DSN.
func and(dsn, parameter string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + parameter
	}
	return dsn + "?" + parameter
}
